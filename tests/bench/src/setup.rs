//! What is measured, how long and how often.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::scenario::Name;

/// The command line of a run.
#[derive(Args)]
pub(crate) struct Run {
    /// A scratch root with vdsmd installed; its vdsm.conf is overwritten
    #[arg(long)]
    root: PathBuf,
    /// Scenarios to run; default: all
    #[arg(long = "only", value_enum)]
    pub(crate) only: Vec<Name>,
    /// A minute instead of several: whether everything works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// Clients of throughput scenarios, each with one connection
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Seconds of each measured run
    #[arg(long, value_parser = seconds)]
    seconds: Option<f64>,
    /// Runs of each side, of which the best counts
    #[arg(long)]
    best_of: Option<usize>,
    /// Seconds to rest before the memory of an idle daemon is read
    #[arg(long, value_parser = seconds)]
    idle: Option<f64>,
    /// The interpreter of peer and script
    #[arg(long, default_value = "/usr/bin/python3")]
    python: PathBuf,
    /// End with 1 when a goal is missed
    #[arg(long)]
    pub(crate) strict: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=3600.0).contains(&number) { Ok(number) } else { Err("between 0 and 3600".to_owned()) }
}

/// A run as the scenarios see it.
pub(crate) struct Setup {
    /// The scratch root.
    pub(crate) root: PathBuf,
    /// The interpreter of peer and script.
    pub(crate) python: PathBuf,
    /// Clients at once.
    pub(crate) clients: usize,
    /// Each measured run of load.
    pub(crate) span: Duration,
    /// Runs of each side.
    pub(crate) best_of: usize,
    /// Before the memory of an idle daemon is read.
    pub(crate) idle: Duration,
    /// Machines with statistics.
    pub(crate) machines: usize,
    /// First calls after a sample; a sample comes every 15 s.
    pub(crate) firsts: usize,
    /// Calls over which memory is watched.
    pub(crate) calls: usize,
    /// Runs of the script; the component runs ten times as often.
    pub(crate) hooks: usize,
    /// Machines created one after the other.
    pub(crate) creates: usize,
    /// Jobs that are journalled.
    pub(crate) journals: usize,
    /// Swaps under load.
    pub(crate) swaps: usize,
}

impl From<Run> for Setup {
    fn from(run: Run) -> Setup {
        let pick = |quick: usize, whole: usize| if run.quick { quick } else { whole };
        let seconds = run.seconds.unwrap_or(if run.quick { 0.5 } else { 3.0 });
        let idle = run.idle.unwrap_or(if run.quick { 1.0 } else { 60.0 });
        Setup {
            clients: run.clients,
            span: Duration::from_secs_f64(seconds),
            best_of: run.best_of.unwrap_or(pick(1, 3)),
            idle: Duration::from_secs_f64(idle),
            machines: pick(50, 300),
            firsts: pick(1, 4),
            calls: pick(500, 10_000),
            hooks: pick(5, 30),
            creates: pick(3, 30),
            journals: pick(20, 200),
            swaps: pick(2, 10),
            root: run.root,
            python: run.python,
        }
    }
}

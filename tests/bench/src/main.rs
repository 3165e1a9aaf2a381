//! The benchmarks: the real daemon on a scratch root, beside floors and a peer measured in the same run.
//!
//! A figure alone says little on a machine nobody knows, so each is a ratio: to a bare hyper server that sends the same bytes to the
//! same clients, or to a Python agent that answers the same. Runs of all sides alternate and the best of each counts; a spin loop of
//! the same run stands beside absolute figures. This program knows the daemon by its command line and its port only.
#![forbid(unsafe_code)]

mod floor;
mod load;
mod peer;
mod scenario;
mod server;
mod spin;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use table::Table;

#[derive(Parser)]
#[command(about = "Measures vdsmd beside floors and a peer of the same run")]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Measure, and print the table
    Run(Setup),
    /// Serve the bytes of standard input to everyone, with nothing but hyper
    Floor {
        /// Worker threads; the daemon's default is one a processor
        #[arg(long)]
        workers: Option<usize>,
    },
}

/// What is measured, and how long.
#[derive(Args, Clone)]
pub(crate) struct Setup {
    /// A scratch root with vdsmd installed; its vdsm.conf is overwritten
    #[arg(long)]
    root: PathBuf,
    /// The daemon; default: the one installed in the root
    #[arg(long)]
    daemon: Option<PathBuf>,
    /// Scenarios to run; default: all
    #[arg(long = "only", value_enum)]
    only: Vec<scenario::Name>,
    /// Clients of throughput scenarios, each with one connection
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Seconds of each measured run
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Runs of each side, of which the best counts
    #[arg(long, default_value_t = 3)]
    best_of: usize,
    /// Seconds to rest before the memory of an idle daemon is read
    #[arg(long, default_value_t = 60.0, value_parser = seconds)]
    idle: f64,
    /// A further word of the daemon's command line in the statistics scenario, to switch its synthetic sampler on; repeat it
    #[arg(long = "stats-arg", allow_hyphen_values = true)]
    stats_args: Vec<String>,
    /// NAME=VALUE in the daemon's environment in the statistics scenario; repeat it
    #[arg(long = "stats-env")]
    stats_env: Vec<String>,
    /// The interpreter of the peer
    #[arg(long, default_value = "/usr/bin/python3")]
    python: PathBuf,
    /// End with 1 when a goal is missed
    #[arg(long)]
    strict: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=3600.0).contains(&number) { Ok(number) } else { Err("between 0 and 3600".to_owned()) }
}

impl Setup {
    fn span(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// A line for whoever watches.
fn say(text: &str) {
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn measure(setup: &Setup) -> anyhow::Result<ExitCode> {
    let mut table = Table::default();
    for name in scenario::Name::ALL {
        if setup.only.is_empty() || setup.only.contains(&name) {
            say(&format!("{name:?} ..."));
            name.run(setup, &mut table)?;
        }
    }
    std::io::stdout().lock().write_all(table.to_string().as_bytes())?;
    Ok(if setup.strict && table.missed() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn main() -> anyhow::Result<ExitCode> {
    match Command::parse().what {
        What::Run(setup) => measure(&setup),
        What::Floor { workers } => floor::serve_stdin(workers).map(|()| ExitCode::SUCCESS),
    }
}

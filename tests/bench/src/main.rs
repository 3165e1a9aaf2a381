//! The benchmarks: the real daemon on a scratch root, beside floors and a peer measured in the same run.
//!
//! A figure alone says little on a machine nobody knows, so each is a ratio where it can be: to a bare hyper server that sends the same
//! bytes to the same clients, to a bare commit of the same row, or to Python that does the same. Runs of all sides alternate; the best
//! counts where load is measured, the middle where single calls are; a spin loop of the same run stands beside absolute figures. The
//! daemon is known by its command line and its port; what no port shows is measured in the rooms, put together in this process.
#![forbid(unsafe_code)]

mod floor;
mod load;
mod machine;
mod peer;
mod rooms;
mod sample;
mod scenario;
mod server;
mod setup;
mod spin;
mod table;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use setup::{Run, Setup};
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
    Run(Run),
    /// Serve the bytes of standard input to everyone, with nothing but hyper
    Floor,
}

/// A line for whoever watches.
fn say(text: &str) {
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn measure(run: Run) -> anyhow::Result<ExitCode> {
    let (only, strict) = (run.only.clone(), run.strict);
    let setup = Setup::from(run);
    let mut table = Table::default();
    let mut broken = 0;
    for name in scenario::Name::ALL.into_iter().filter(|name| only.is_empty() || only.contains(name)) {
        say(&format!("{name:?} ..."));
        // The others still say what they can.
        if let Err(error) = name.run(&setup, &mut table) {
            say(&format!("{name:?} failed: {error:#}"));
            broken += 1;
        }
    }
    std::io::stdout().lock().write_all(table.to_string().as_bytes())?;
    let missed = table.missed();
    say(&format!("{missed} goals missed, {broken} scenarios failed"));
    Ok(if broken > 0 || (strict && missed > 0) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn main() -> anyhow::Result<ExitCode> {
    // Before any thread: libvirt reads its environment once.
    vdsm_hypervisor::libvirt::silence_log();
    match Command::parse().what {
        What::Run(run) => measure(run),
        What::Floor => floor::serve_stdin().map(|()| ExitCode::SUCCESS),
    }
}

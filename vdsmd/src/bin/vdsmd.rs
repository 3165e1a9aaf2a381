//! The daemon.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use vdsm_core::logging::Echo;
use vdsmd::daemon::{Options, run};

/// The host agent: virtual machines, storage and host of one machine for a manager that speaks XML-RPC.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The folder all our trees hang under.
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// What to log, e.g. `debug` or `info,vdsm_core=debug`.
    #[arg(long, default_value = "info")]
    log: String,
    /// Show the log on standard error as well.
    #[arg(long)]
    echo: bool,
    /// For benchmarks: statistics of so many made-up machines instead of libvirt's.
    #[arg(long, value_name = "COUNT")]
    synthetic_samples: Option<usize>,
}

#[allow(clippy::print_stderr)]
fn main() -> ExitCode {
    // Before any thread: libvirt reads its environment once.
    vdsm_hypervisor::libvirt::silence_log();
    let arguments = Arguments::parse();
    let options = Options {
        root: arguments.root,
        log_level: arguments.log,
        echo: if arguments.echo { Echo::Stderr } else { Echo::Off },
        synthetic_samples: arguments.synthetic_samples,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("vdsmd: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(options));
    // A blocking call that hangs on dead storage must not keep the process, and with it the store.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vdsmd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! Hot swap of the module that answers, while clients call it without pause: no call may fail.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::load::{self, Client};
use crate::server::Server;
use crate::setup::Setup;
use crate::table::{Goal, Table};

const MODULE: &str = "verbs-host";

/// A rest between two swaps, in which the new version serves.
const REST: Duration = Duration::from_millis(200);

pub(super) fn run(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let (daemon, _) = Server::daemon(setup, &[])?;
    let versions = [another(setup)?, packaged(setup)];
    // Both are compiled before the clients come: what is measured is the swap.
    let mut slowest = Duration::ZERO;
    let (tally, ()) = load::during(daemon.address(), "ping", setup.clients, || {
        std::thread::sleep(REST);
        for version in versions.iter().cycle().take(setup.swaps) {
            let begun = Instant::now();
            tool(setup, &["module".as_ref(), "swap".as_ref(), MODULE.as_ref(), version.as_os_str()])?;
            slowest = slowest.max(begun.elapsed());
            std::thread::sleep(REST);
        }
        tool(setup, &["module".as_ref(), "rollback".as_ref(), MODULE.as_ref()])?;
        std::thread::sleep(REST);
        Ok(())
    })?;
    let alone = quiet(&daemon)?;
    let calls = tally.calls;
    ensure!(calls > 0, "nobody called");
    let from = format!("{calls} calls of {} clients over {} swaps and a rollback", setup.clients, setup.swaps);
    table.add("swap under load, failed calls", tally.failed as f64, "", Goal::AtMost(0.0), from);
    let from = format!("one client alone {alone:.2} ms; slowest vdsm-tool swap {:.0} ms", slowest.as_secs_f64() * 1e3);
    table.add("  slowest call meanwhile", tally.slowest.as_secs_f64() * 1e3, "ms", Goal::None, from);
    daemon.stop()
}

/// The longest of some calls while nothing happens, in milliseconds.
fn quiet(daemon: &Server) -> anyhow::Result<f64> {
    let mut client = Client::connect(daemon.address(), "ping")?;
    let mut slowest = Duration::ZERO;
    for _ in 0..1000 {
        let begun = Instant::now();
        client.call_well()?;
        slowest = slowest.max(begun.elapsed());
    }
    Ok(slowest.as_secs_f64() * 1e3)
}

fn packaged(setup: &Setup) -> PathBuf {
    setup.root.join("usr/lib/vdsm/modules").join(MODULE).with_extension("wasm")
}

/// The same component with one more custom section: another digest, the same behaviour.
fn another(setup: &Setup) -> anyhow::Result<PathBuf> {
    let mut bytes = std::fs::read(packaged(setup)).context("the packaged component")?;
    bytes.extend_from_slice(b"\x00\x06\x05bench");
    let path = setup.root.join("bench-version.wasm");
    std::fs::write(&path, bytes)?;
    Ok(path)
}

fn tool(setup: &Setup, words: &[&std::ffi::OsStr]) -> anyhow::Result<()> {
    let mut command = Command::new(setup.root.join("usr/bin/vdsm-tool"));
    command.arg("--root").arg(&setup.root).args(words).stdout(Stdio::null());
    let status = command.status().context("vdsm-tool")?;
    ensure!(status.success(), "vdsm-tool {words:?}: {status}");
    Ok(())
}

//! `getAllVmStats` of hundreds of machines, made by `create` on libvirt's test driver, whose figures the synthetic sampler gives.

mod fresh;
mod guest_calls;

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::load::{self, Client, Load};
use crate::server::Server;
use crate::setup::Setup;
use crate::table::{Goal, Table};
use crate::{machine, spin};

const VERB: &str = "getAllVmStats";

/// With no new sample: of the calls a second of a bare server with the same bytes.
const LEAST_OF_FLOOR: f64 = 0.6;

/// MiB that the allocator's own breathing may be.
const MOST_GROWTH: f64 = 4.0;

/// How long machines may take to run and to be sampled twice.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let words = ["--synthetic-samples".to_owned(), setup.machines.to_string()];
    let (daemon, _) = Server::daemon(setup, &words)?;
    populate(setup, &daemon)?;
    let bytes = whole(&daemon)?;
    ensure!(count(&bytes, b"<name>vmId</name>") == setup.machines, "not every machine has statistics");
    steady(setup, table, &daemon, &bytes)?;
    guest_calls::run(setup, table)?;
    fresh::run(setup, table, &daemon, &bytes)?;
    memory(setup, table, &daemon)?;
    clear(setup, &daemon)?;
    daemon.stop()
}

/// Makes the machines, one after the other: the test driver names their NICs in the order they start.
fn populate(setup: &Setup, daemon: &Server) -> anyhow::Result<()> {
    let disks = machine::disks(&setup.root)?;
    clear(setup, daemon)?;
    (0..setup.machines).try_for_each(|index| daemon.create(index, &disks).map(drop))
}

fn clear(setup: &Setup, daemon: &Server) -> anyhow::Result<()> {
    (0..setup.machines).try_for_each(|index| daemon.destroy(index))
}

/// An answer with every key: rates come with the second sample.
fn whole(daemon: &Server) -> anyhow::Result<Vec<u8>> {
    let mut client = Client::connect(daemon.address(), VERB)?;
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = client.call_well()?;
        if count(answer, b"<name>readRate</name>") > 0 && count(answer, b"<name>rxRate</name>") > 0 {
            return Ok(answer.to_vec());
        }
        ensure!(Instant::now() < until, "the sampler gives no rates of disks or NICs");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn count(bytes: &[u8], word: &[u8]) -> usize {
    bytes.windows(word.len()).filter(|window| *window == word).count()
}

/// Many clients; nearly all calls fall between two samples.
fn steady(setup: &Setup, table: &mut Table, daemon: &Server, bytes: &[u8]) -> anyhow::Result<()> {
    let floor = Server::floor(bytes)?;
    let [mut ours, mut bare] = [Load::default(); 2];
    for _ in 0..setup.best_of {
        let load = |server: &Server| load::run(server.address(), VERB, setup.clients, setup.span);
        (bare, ours) = (bare.better(load(&floor)?), ours.better(load(daemon)?));
    }
    floor.stop()?;
    let what = format!("{VERB}, {} VMs, {} KB", setup.machines, bytes.len() / 1000);
    table.add(what, ours.rate, "calls/s", Goal::None, format!("{ours}; spin {:.0} M/s", spin::millions()));
    table.add("  of bare hyper", ours.rate / bare.rate, "x", Goal::AtLeast(LEAST_OF_FLOOR), format!("bare hyper, same bytes: {bare}"));
    Ok(())
}

fn memory(setup: &Setup, table: &mut Table, daemon: &Server) -> anyhow::Result<()> {
    let mut client = Client::connect(daemon.address(), VERB)?;
    let before = daemon.resident()?;
    for _ in 0..setup.calls {
        client.call()?;
    }
    let after = daemon.resident()?;
    let from = format!("resident {before:.1} MiB before, {after:.1} MiB after");
    table.add(format!("  growth over {} calls", setup.calls), after - before, "MiB", Goal::AtMost(MOST_GROWTH), from);
    Ok(())
}

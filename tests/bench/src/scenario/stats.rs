//! `getAllVmStats` of hundreds of machines that only the daemon's synthetic sampler knows.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::load::{self, Client, Load};
use crate::server::Server;
use crate::table::{Goal, Table};
use crate::{Setup, peer, say, spin};

const VERB: &str = "getAllVmStats";

/// With no new sample: of the calls a second of a bare server with the same bytes.
const LEAST_OF_FLOOR: f64 = 0.6;

/// The first call after a sample: times as fast as the peer.
const LEAST_OF_PEER: f64 = 2.5;

/// Microseconds to shape one machine's statistics.
const MOST_SHAPING_US: f64 = 15.0;

/// Calls over which memory must stay where it is.
const MANY: usize = 10_000;

/// MiB that the allocator's own breathing may be.
const MOST_GROWTH: f64 = 4.0;

/// First calls after a sample that are wanted.
const FIRSTS: usize = 5;

pub(super) fn run(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    if setup.stats_args.is_empty() && setup.stats_env.is_empty() {
        say("SKIPPED: getAllVmStats needs the daemon's synthetic sampler (--stats-arg or --stats-env)");
        return Ok(());
    }
    let (daemon, _) = Server::daemon(setup, &setup.stats_args, &setup.stats_env)?;
    let bytes = Client::connect(daemon.address(), VERB)?.call()?.to_vec();
    let machines = count(&bytes, b"<name>vmId</name>");
    ensure!(machines > 0, "the synthetic sampler shows no machine");
    steady(setup, table, &daemon, &bytes, machines)?;
    firsts(setup, table, &daemon, &bytes, machines)?;
    memory(table, &daemon)?;
    daemon.stop()
}

fn count(bytes: &[u8], word: &[u8]) -> usize {
    bytes.windows(word.len()).filter(|window| *window == word).count()
}

/// Many clients; nearly all calls fall between two samples.
fn steady(setup: &Setup, table: &mut Table, daemon: &Server, bytes: &[u8], machines: usize) -> anyhow::Result<()> {
    let floor = Server::floor(bytes)?;
    let [mut ours, mut bare] = [Load::default(); 2];
    for _ in 0..setup.best_of {
        let load = |server: &Server| load::run(server.address(), VERB, setup.clients, setup.span());
        (bare, ours) = (bare.better(load(&floor)?), ours.better(load(daemon)?));
    }
    floor.stop()?;
    let what = format!("{VERB}, {machines} VMs, {} KB", bytes.len() / 1000);
    table.add(what, ours.rate, "calls/s", Goal::None, format!("{ours}; spin {:.0} M/s", spin::millions()));
    table.add("  of bare hyper", ours.rate / bare.rate, "x", Goal::AtLeast(LEAST_OF_FLOOR), format!("bare hyper {bare}"));
    Ok(())
}

/// One client, one call after the other: an answer unlike the last one is the first after a sample.
fn firsts(setup: &Setup, table: &mut Table, daemon: &Server, bytes: &[u8], machines: usize) -> anyhow::Result<()> {
    let mut client = Client::connect(daemon.address(), VERB)?;
    let mut last = client.call()?.to_vec();
    let (mut first, mut same, mut found) = (Vec::new(), Vec::new(), 0);
    let until = Instant::now() + Duration::from_secs(60);
    while found < FIRSTS && Instant::now() < until {
        let (took, answer) = timed(&mut client)?;
        if answer == last {
            same.push(took);
        } else {
            last.clear();
            last.extend_from_slice(answer);
            first.push(took);
            found += 1;
        }
    }
    ensure!(found > 0, "the synthetic sampler never changes a value");
    let python = peer::start(&setup.python, bytes)?;
    let mut other = Client::connect(python.address(), VERB)?;
    let peer = (0..setup.best_of.max(2) * 3).map(|_| timed(&mut other).map(|(took, _)| took)).collect::<anyhow::Result<Vec<_>>>()?;
    python.stop()?;
    let [first, same, peer] = [best(&first), best(&same), best(&peer)];
    let from = format!("first {first:.2} ms, later {same:.2} ms, peer {peer:.2} ms; best of each");
    table.add("  first after a sample, of the Python peer", peer / first, "x", Goal::AtLeast(LEAST_OF_PEER), from);
    let shaping = (first - same) * 1e3 / machines as f64;
    table.add("  shaping a VM", shaping, "us", Goal::AtMost(MOST_SHAPING_US), "first less later call, by VMs; encoding included");
    Ok(())
}

fn timed(client: &mut Client) -> anyhow::Result<(Duration, &[u8])> {
    let before = Instant::now();
    let answer = client.call()?;
    Ok((before.elapsed(), answer))
}

/// The shortest, in milliseconds.
fn best(took: &[Duration]) -> f64 {
    took.iter().min().map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

fn memory(table: &mut Table, daemon: &Server) -> anyhow::Result<()> {
    let mut client = Client::connect(daemon.address(), VERB)?;
    let before = daemon.resident()?;
    for _ in 0..MANY {
        client.call()?;
    }
    let after = daemon.resident()?;
    let from = format!("{before:.1} MiB before, {after:.1} MiB after");
    table.add(format!("  growth over {MANY} calls"), after - before, "MiB", Goal::AtMost(MOST_GROWTH), from);
    Ok(())
}

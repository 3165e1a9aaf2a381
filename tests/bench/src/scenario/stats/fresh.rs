//! The first call after a sample, which shapes every machine anew, beside one that finds all of it kept, and beside the peer.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::VERB;
use crate::load::Client;
use crate::peer;
use crate::sample::Times;
use crate::server::Server;
use crate::setup::Setup;
use crate::table::{Goal, Table};

/// Times as fast as the peer.
const LEAST_OF_PEER: f64 = 2.5;

/// Microseconds to shape one machine's statistics.
const MOST_SHAPING_US: f64 = 15.0;

/// The samples come every 15 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// A figure that changes with a sample and not with time.
const MARK: &[u8] = b"<name>balloon_cur</name>";

/// Between two calls, so that the host is not busy with ours alone.
const REST: Duration = Duration::from_millis(5);

pub(super) fn run(setup: &Setup, table: &mut Table, daemon: &Server, bytes: &[u8]) -> anyhow::Result<()> {
    let (first, kept) = calls(setup, daemon)?;
    let python = peer::start(&setup.python, bytes)?;
    let mut other = Client::connect(python.address(), VERB)?;
    let peer = (0..setup.best_of.max(2) * 5).map(|_| timed(&mut other).map(|(took, _)| took)).collect::<anyhow::Result<Vec<_>>>()?;
    python.stop()?;
    let [first, kept, peer] = [first, kept, peer].map(Times::of);
    let from = format!("medians: first {first}; kept {kept}; peer {peer}");
    table.add("  first after a sample, of the Python peer", peer.median / first.median, "x", Goal::AtLeast(LEAST_OF_PEER), from);
    let shaping = (first.median - kept.median) * 1e3 / setup.machines as f64;
    let from = "first less kept call, by VMs: guest call, conversion and encoding".to_owned();
    table.add("  shaping a VM", shaping, "us", Goal::AtMost(MOST_SHAPING_US), from);
    Ok(())
}

/// First calls after a sample, and calls whose answer was that of the call before.
fn calls(setup: &Setup, daemon: &Server) -> anyhow::Result<(Vec<Duration>, Vec<Duration>)> {
    let mut client = Client::connect(daemon.address(), VERB)?;
    let mut last = client.call()?.to_vec();
    let (mut first, mut kept) = (Vec::new(), Vec::new());
    let until = Instant::now() + PATIENCE * u32::try_from(setup.firsts).unwrap_or(1);
    while first.len() < setup.firsts {
        ensure!(Instant::now() < until, "the figures do not change: no new sample in {PATIENCE:?}");
        std::thread::sleep(REST);
        let (took, answer) = timed(&mut client)?;
        if answer == last {
            kept.push(took);
            continue;
        }
        // One of another age is shaped as well, but its figures are the same.
        if mark(answer) != mark(&last) {
            first.push(took);
        }
        last.clear();
        last.extend_from_slice(answer);
    }
    Ok((first, kept))
}

fn mark(answer: &[u8]) -> Option<&[u8]> {
    let at = answer.windows(MARK.len()).position(|window| window == MARK)?;
    answer.get(at..at + MARK.len() + 60)
}

fn timed(client: &mut Client) -> anyhow::Result<(Duration, &[u8])> {
    let before = Instant::now();
    let answer = client.call()?;
    Ok((before.elapsed(), answer))
}

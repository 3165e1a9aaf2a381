//! How soon a daemon answers after it was started, with its modules compiled by an earlier start.

use crate::server::Server;
use crate::setup::Setup;
use crate::spin;
use crate::table::{Goal, Table};

/// Milliseconds to the first `ping` that answers 0.
const MOST_MS: f64 = 500.0;

pub(super) fn run(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let (cold, first) = Server::daemon(setup, &[])?;
    cold.stop()?;
    let mut best = f64::INFINITY;
    for _ in 0..setup.best_of {
        let (warm, took) = Server::daemon(setup, &[])?;
        warm.stop()?;
        best = best.min(took.as_secs_f64() * 1e3);
    }
    let from = format!("first start {:.0} ms; spin {:.0} M/s", first.as_secs_f64() * 1e3, spin::millions());
    table.add("start to first ping, warm cache", best, "ms", Goal::AtMost(MOST_MS), from);
    Ok(())
}

//! `create`: its rounds in the module, its journal, and how soon the machine runs. libvirt's test driver starts a domain at once, so what
//! is measured is ours.

mod journal;

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::machine;
use crate::rooms::{self, Rooms};
use crate::sample::Times;
use crate::server::Server;
use crate::setup::Setup;
use crate::table::{Goal, Table};

/// Milliseconds of all rounds together.
const MOST_ROUNDS_MS: f64 = 1.0;

/// Milliseconds from the call to the running machine, less those within libvirt.
const MOST_OWN_MS: f64 = 30.0;

pub(super) fn run(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let root = rooms::furnish(&setup.root.join("bench-rooms"), &setup.root, &[])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let inside = runtime.block_on(async {
        let rooms = Rooms::open(&root, 1).await?;
        let inside = inside(setup, &rooms).await?;
        rooms.hypervisor.stop().await;
        anyhow::Ok(inside)
    })?;
    runtime.shutdown_timeout(Duration::from_secs(5));
    let Inside { rounds, count, own, libvirt } = inside;
    let from = format!("median of {} jobs: {count} calls of the module, fresh store each; best {:.3} ms", rounds.count, rounds.best);
    table.add("create, all decide rounds", rounds.median, "ms", Goal::AtMost(MOST_ROUNDS_MS), from);
    journal::run(setup, table)?;
    let from = format!("rooms without port, test:///default; best {:.1} ms; libvirt {:.2} ms taken off", own.best, libvirt.median);
    table.add("create, call to running less libvirt", own.median, "ms", Goal::AtMost(MOST_OWN_MS), from);
    through_the_port(setup, table)
}

/// What is measured inside.
struct Inside {
    /// All rounds of a job.
    rounds: Times,
    /// How many they are.
    count: usize,
    /// From the call to the running machine, less libvirt.
    own: Times,
    /// Within libvirt.
    libvirt: Times,
}

async fn inside(setup: &Setup, rooms: &Rooms) -> anyhow::Result<Inside> {
    let disks = machine::disks(&setup.root)?;
    let (mut rounds, mut own, mut libvirt, mut count) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..setup.creates {
        let (before, begun) = (rooms.libvirt.spent(), Instant::now());
        let decided = rooms.call("create", machine::arguments(0, &disks)).await?;
        rooms.running(&machine::id(0)).await?;
        let (took, within) = (begun.elapsed(), rooms.libvirt.spent() - before);
        rooms.over(&decided).await?;
        let decided = decided.lock().unwrap_or_else(PoisonError::into_inner).clone();
        count = decided.len();
        rounds.push(decided.iter().sum());
        own.push(took.saturating_sub(within));
        libvirt.push(within);
        let destroyed = rooms.call("destroy", machine::named(0)).await?;
        rooms.over(&destroyed).await?;
    }
    Ok(Inside { rounds: Times::of(rounds), count, own: Times::of(own), libvirt: Times::of(libvirt) })
}

/// The same as a manager sees it, libvirt included: from the call until `list` says that it runs.
fn through_the_port(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let disks = machine::disks(&setup.root)?;
    let (daemon, _) = Server::daemon(setup, &[])?;
    let mut took = Vec::new();
    for index in 0..setup.creates {
        daemon.destroy(index)?;
        took.push(daemon.create(index, &disks)?);
        daemon.destroy(index)?;
    }
    let times = Times::of(took);
    let from = format!("best {:.1} ms of {}; libvirt and the list calls that watch it included", times.best, times.count);
    table.add("  through the port, libvirt included", times.median, "ms", Goal::None, from);
    daemon.stop()
}

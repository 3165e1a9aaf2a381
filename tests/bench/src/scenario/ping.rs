//! `ping` through a module, a fresh store a call, beside a server that does nothing but send the same bytes.

use crate::load::{self, Client, Load};
use crate::server::Server;
use crate::setup::Setup;
use crate::table::{Goal, Table};
use crate::{peer, spin};

/// Of the floor's calls a second.
const LEAST_OF_FLOOR: f64 = 0.3;

/// MiB resident after a rest.
const MOST_RESIDENT: f64 = 80.0;

pub(super) fn run(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let (daemon, _) = Server::daemon(setup, &[])?;
    let bytes = Client::connect(daemon.address(), "ping")?.call()?.to_vec();
    let (floor, python) = (Server::floor(&bytes)?, peer::start(&setup.python, b"")?);
    let [mut ours, mut bare, mut other] = [Load::default(); 3];
    let mut spins = 0.0_f64;
    for _ in 0..setup.best_of {
        let load = |server: &Server| load::run(server.address(), "ping", setup.clients, setup.span);
        (bare, ours, other) = (bare.better(load(&floor)?), ours.better(load(&daemon)?), other.better(load(&python)?));
        spins = spins.max(spin::millions());
    }
    floor.stop()?;
    python.stop()?;
    let clients = setup.clients;
    table.add(format!("ping, {clients} clients"), ours.rate, "calls/s", Goal::None, format!("{ours}; spin {spins:.0} M/s"));
    table.add("  of bare hyper", ours.rate / bare.rate, "x", Goal::AtLeast(LEAST_OF_FLOOR), format!("bare hyper {bare}"));
    table.add("  of the Python peer", ours.rate / other.rate, "x", Goal::None, format!("peer {other}"));
    let busy = daemon.resident()?;
    std::thread::sleep(setup.idle);
    let from = format!("{busy:.0} MiB right after");
    table.add(format!("resident {} s after ping", setup.idle.as_secs()), daemon.resident()?, "MiB", Goal::AtMost(MOST_RESIDENT), from);
    daemon.stop()
}

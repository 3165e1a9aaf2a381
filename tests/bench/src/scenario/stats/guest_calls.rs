//! How often a call goes into its module: counted in the rooms, where the calls can be seen.

use std::sync::PoisonError;
use std::time::Duration;

use vdsm_core::tree::Tree;

use super::VERB;
use crate::machine;
use crate::rooms::{self, Rooms};
use crate::setup::Setup;
use crate::table::{Goal, Table};

/// Calls that are counted.
const CALLS: usize = 50;

pub(super) fn run(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let root = rooms::furnish(&setup.root.join("bench-rooms"), &setup.root, &[])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (decided, shaped) = runtime.block_on(async {
        let rooms = Rooms::open(&root, 1).await?;
        rooms.call("create", machine::arguments(0, &machine::disks(&setup.root)?)).await?;
        rooms.running(&machine::id(0)).await?;
        let before = rooms.late.shaped();
        let mut decided = 0;
        for _ in 0..CALLS {
            let rounds = rooms.call(VERB, Tree::array(|_| {})).await?;
            decided += rounds.lock().unwrap_or_else(PoisonError::into_inner).len();
        }
        let shaped = rooms.late.shaped() - before;
        // The test driver is one for the whole process: what is left in it would be in the way of the next rooms.
        rooms.call("destroy", machine::named(0)).await?;
        rooms.hypervisor.stop().await;
        anyhow::Ok((decided, shaped))
    })?;
    runtime.shutdown_timeout(Duration::from_secs(5));
    let from = format!("{decided} decide rounds and {shaped} calls of the shaper in {CALLS} calls without pause");
    table.add("  guest calls a call", (decided + shaped) as f64 / CALLS as f64, "", Goal::None, from);
    Ok(())
}

//! The room's owner: what the daemon starts, asks and stops.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use vdsm_core::jobs::{Decider, Engine, Outcome};
use vdsm_core::root::Root;
use vdsm_core::store::{Store, StoreError};
use vdsm_modules::hooks::HookRunner;
use vdsm_modules::shaper::Shaper;

use crate::adoption::{self, Adopted};
use crate::capability::VmCapability;
use crate::domains::Domains;
use crate::events;
use crate::libvirt::Event;
use crate::native::DestroyPlan;
use crate::ownership::{Identity, IdentityError};
use crate::room::{Patience, Room};
use crate::statistics::{Encoder, Figures, Statistics};
use crate::steps::Control;
use crate::vm::record::{Place, View, Vms};
use crate::vm::state::{Machine, left_to_do};

/// How long after a failed adoption the next is tried.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How often machines are looked for while one is out of sight or its end is not through.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What the room is made of.
pub struct Parts {
    /// Where machines are written down.
    pub store: Store,
    /// The root this daemon serves.
    pub root: Root,
    /// This boot of the host ([`vdsm_core::clock::boot_id`]).
    pub boot_id: String,
    /// The libvirt URI, as configured.
    pub uri: String,
    /// libvirt's domains.
    pub domains: Arc<dyn Domains>,
    /// What libvirt says unasked.
    pub events: mpsc::Receiver<Event>,
    /// Runs hook chains.
    pub hooks: Arc<dyn HookRunner>,
    /// Shapes statistics.
    pub shaper: Arc<dyn Shaper>,
    /// Encodes a structure for the wire.
    pub encoder: Encoder,
    /// The sampler's memory.
    pub figures: Arc<dyn Figures>,
}

/// Why the room cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The root belongs to another libvirt.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The records cannot be read.
    #[error("machine records: {0}")]
    Records(#[from] StoreError),
}

/// The room.
pub struct Hypervisor {
    room: Arc<Room>,
    statistics: Arc<Statistics>,
    ready: watch::Sender<bool>,
    adopted: watch::Receiver<bool>,
    ended: watch::Receiver<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Hypervisor {
    /// Opens the room and begins to follow libvirt. Machines are found again as soon as libvirt is there and
    /// [`Hypervisor::set_engine`] was called; [`Hypervisor::adopted`] tells when. Within a tokio runtime.
    pub async fn start(parts: Parts) -> Result<Arc<Hypervisor>, OpenError> {
        let identity = Identity::open(&parts.store, &parts.uri).await?;
        let vms = Vms::load(parts.store)?;
        let place = Place { boot_id: parts.boot_id, uri: parts.uri };
        let (domains, hooks, patience) = (parts.domains, parts.hooks, Patience::default());
        let channels = parts.root.channels();
        let (engine, resync, ending) = (OnceLock::new(), Notify::new(), Mutex::default());
        let room = Arc::new(Room { vms, domains, hooks, identity, place, patience, channels, engine, resync, ending });
        let statistics = Arc::new(Statistics::new(room.clone(), parts.figures, parts.shaper, parts.encoder));
        let (done, adopted) = watch::channel(false);
        let (ready, is_ready) = watch::channel(false);
        let (ended, has_ended) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(told_when_it_ends(events::follow(room.clone(), parts.events), ended.clone())),
            tokio::spawn(told_when_it_ends(keep_in_line(room.clone(), is_ready, done), ended)),
        ];
        Ok(Arc::new(Hypervisor { room, statistics, ready, adopted, ended: has_ended, tasks: Mutex::new(tasks) }))
    }

    /// What modules may ask and plan: the package `vdsm:vm`, with this room's steps.
    pub fn capability(&self) -> VmCapability {
        VmCapability::new(self.room.clone(), self.statistics.clone())
    }

    /// Hands over the engine, which holds the machines' leases and what they keep, once hook chains can run. Adoption begins with it:
    /// machines that ended unseen give back what they kept and run their last chain.
    pub fn set_engine(&self, engine: Arc<Engine>) {
        if self.room.engine.set(engine).is_err() {
            tracing::error!("the job engine was handed over twice");
        }
        self.ready.send_replace(true);
    }

    /// Returns once every machine of this root was found again, has ended with a reason, or is known to be out of sight; false when
    /// the room was stopped before.
    pub async fn adopted(&self) -> bool {
        self.adopted.clone().wait_for(|adopted| *adopted).await.is_ok()
    }

    /// Returns once machines that ended by themselves gave back what they held and ran their last chain, or `limit` has passed. Those
    /// that a written job still holds wait for the engine to settle it.
    pub async fn concluded(&self, limit: Duration) {
        self.room.concluded(limit).await;
    }

    /// Returns when libvirt is not followed any more, whatever ended that: records are no longer kept in line then.
    pub async fn ended(&self) {
        // An error means that nobody is left who could tell.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    /// All machines now.
    pub fn machines(&self) -> Arc<View> {
        self.room.vms.view()
    }

    /// The encoded statistics of machines.
    pub fn statistics(&self) -> &Arc<Statistics> {
        &self.statistics
    }

    /// The id that marks this root's domains.
    pub fn root_id(&self) -> &str {
        &self.room.identity.root_id
    }

    /// Asks the balloon of a machine for so many KiB, as a policy decided.
    pub async fn set_balloon(&self, vm: &str, target_kib: u64) -> Outcome {
        Control::kind(self.room.clone(), Control::Balloon).run(vm, target_kib).await
    }

    /// The plan of a `destroy` that no module serves.
    pub fn native_destroy_plan(&self, vm: &str) -> Box<dyn Decider> {
        Box::new(DestroyPlan::new(self.room.clone(), vm))
    }

    /// Stops to follow libvirt. Machines run on.
    pub async fn stop(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
            // It was aborted: how it ended says nothing more.
            let _ = task.await;
        }
    }
}

/// Tells of the end of `task`, a panic included.
async fn told_when_it_ends(task: impl Future<Output = ()>, ended: watch::Sender<bool>) {
    struct Tell(watch::Sender<bool>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.send_replace(true);
        }
    }
    let _tell = Tell(ended);
    task.await;
}

/// Brings the records in line whenever it is rung for, and again and again while a machine is out of sight or its end is not through.
async fn keep_in_line(room: Arc<Room>, mut ready: watch::Receiver<bool>, done: watch::Sender<bool>) {
    if ready.wait_for(|ready| *ready).await.is_err() {
        return;
    }
    let is_unsettled = |machine: &Machine| machine.unknown_since.is_some() || left_to_do(machine).is_some();
    let mut adopted = Adopted::Whole;
    loop {
        let again = adopted == Adopted::Again || room.vms.view().values().any(|view| is_unsettled(&view.record.machine));
        if again && *done.borrow() {
            // Rung or not, it is time to look.
            let _ = tokio::time::timeout(LOOK_AGAIN, room.resync.notified()).await;
        } else {
            room.resync.notified().await;
        }
        adopted = loop {
            match adoption::adopt(&room).await {
                Ok(adopted) => break adopted,
                Err(error) => tracing::warn!(%error, "machines cannot be looked for now"),
            }
            tokio::time::sleep(TRY_AGAIN).await;
        };
        done.send_replace(true);
    }
}

#[cfg(test)]
mod tests;

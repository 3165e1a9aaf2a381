//! What every part of this room works on: the records, libvirt, the hooks and who we are; and the acts that steps, events and
//! adoption share: looking at a domain, ending one, running a chain, bringing the end of a machine to its end.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use vdsm_core::clock;
use vdsm_core::jobs::{Engine, Hold, Keepers};
use vdsm_core::lease::{LeaseKey, LeaseKind};
use vdsm_core::store::StoreError;
use vdsm_core::tree::Value;
use vdsm_modules::hooks::{ChainOutcome, ChainRequest, HookRunner};
use vdsm_modules::points::Point;

use crate::domains::{Destroy, Domains};
use crate::libvirt::{CallError, DomainState};
use crate::ownership::{self, Identity};
use crate::process::Process;
use crate::vm::listed::scalar_text;
use crate::vm::readback::read_back;
use crate::vm::record::{Place, VmRecord, Vms};
use crate::vm::state::{Cpus, Effect, Input, State, left_to_do, reduce};
use crate::xml::XmlError;

/// How patient the room is. The defaults are the product's; tests that provoke failures hurry it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long a domain that was asked to end gracefully and did not may take before it is ended at once.
    pub(crate) graceful: Duration,
    /// How long one that was ended at once may take to be gone.
    pub(crate) at_once: Duration,
    /// How long libvirt may take to list what ran before it, and a machine that is not listed to end.
    pub(crate) settle: Duration,
    /// How often what is waited for is looked at.
    pub(crate) look_again: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            graceful: Duration::from_secs(30),
            at_once: Duration::from_secs(2),
            settle: Duration::from_secs(10),
            look_again: Duration::from_millis(200),
        }
    }
}

/// How often a domain is looked at while news come in: a handful of them belongs to a start.
const MOST_LOOKS: u32 = 5;
/// How long the end of a machine waits for the jobs that hold it: a start and a destroy, each with its hooks.
const END_WAITS: Duration = Duration::from_secs(900);
/// What the end of a machine is called where holders of leases are shown.
const END: &str = "the end of the machine";
/// Where the chain of a machine's end runs.
pub(crate) const AFTER_VM_DESTROY: &str = "after_vm_destroy";

/// What was seen where a machine's domain should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Ours, running; its live document.
    Running(Arc<str>),
    /// Nothing, or the domain of somebody else.
    Nothing,
}

/// Why a domain could not be looked at, or what was seen not be written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoomError {
    #[error(transparent)]
    Libvirt(#[from] CallError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a domain could not be ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndError {
    #[error(transparent)]
    Libvirt(#[from] CallError),
    #[error("the domain does not end")]
    Survives,
}

/// The room's shared parts.
pub(crate) struct Room {
    pub(crate) vms: Vms,
    pub(crate) domains: Arc<dyn Domains>,
    pub(crate) hooks: Arc<dyn HookRunner>,
    pub(crate) identity: Identity,
    pub(crate) place: Place,
    pub(crate) patience: Patience,
    /// Where libvirt makes the sockets of the guests' channels, named after their machines.
    pub(crate) channels: PathBuf,
    /// Handed over once it exists, which needs this room's steps first.
    pub(crate) engine: OnceLock<Arc<Engine>>,
    /// Rung when all that was known is to be looked at again.
    pub(crate) resync: Notify,
    /// Machines whose end is being brought to its end.
    pub(crate) ending: Mutex<HashSet<String>>,
}

/// The end of a machine, at work; one at a time each.
struct Ending<'a> {
    of: &'a Room,
    id: &'a str,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.of.ending.lock().unwrap_or_else(PoisonError::into_inner).remove(self.id);
    }
}

/// The lease on a machine, under which it also keeps what its jobs made.
pub(crate) fn lease(id: &str) -> LeaseKey {
    LeaseKey { kind: LeaseKind::Vm, id: id.to_owned() }
}

/// Whether the virtual CPUs run, by the domain's state.
pub(crate) fn cpus(state: DomainState) -> Cpus {
    match state {
        DomainState::Paused(_) => Cpus::Stopped,
        DomainState::NoState
        | DomainState::Running
        | DomainState::Blocked
        | DomainState::ShuttingDown
        | DomainState::Shutoff(_)
        | DomainState::Crashed
        | DomainState::PmSuspended
        | DomainState::Unknown(_) => Cpus::Running,
    }
}

impl Room {
    /// Looks at the domain of machine `id` and writes down what is seen. Where news came in while it looked, it looks again: what was
    /// seen before them must not undo them.
    pub(crate) async fn look(&self, id: &str) -> Result<Sight, RoomError> {
        let mut looks = 1;
        loop {
            let before = self.vms.get(id);
            let Some((state, document)) = self.see(id).await? else { return Ok(Sight::Nothing) };
            if !ownership::is_ours(&document, &self.identity.root_id) {
                return Ok(Sight::Nothing);
            }
            let process = match self.domains.pid(id).await {
                Ok(pid) => pid.and_then(Process::of),
                Err(CallError::NoDomain) => return Ok(Sight::Nothing),
                Err(error) => return Err(error.into()),
            };
            let last = looks == MOST_LOOKS;
            let noted = self.vms.change(id, |record| {
                let still = before.as_ref().is_some_and(|before| before.record.machine == record.machine);
                (still || last).then(|| note(record, process, &document, cpus(state)))
            });
            match noted.await? {
                Some(None) => looks += 1,
                Some(Some(Err(error))) => {
                    tracing::warn!(vm = id, %error, "the live document cannot be read back");
                    return Ok(Sight::Running(document));
                }
                Some(Some(Ok(()))) | None => return Ok(Sight::Running(document)),
            }
        }
    }

    /// State and document of an active domain, whoever it belongs to.
    pub(crate) async fn see(&self, id: &str) -> Result<Option<(DomainState, Arc<str>)>, CallError> {
        let state = match self.domains.state(id).await {
            Ok(state) if state.is_active() => state,
            Ok(_) | Err(CallError::NoDomain) => return Ok(None),
            Err(error) => return Err(error),
        };
        match self.domains.document(id).await {
            Ok(document) => Ok(Some((state, document.into()))),
            Err(CallError::NoDomain) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets the CPU weight of a fresh domain; a host without such a control is no reason to fail.
    pub(crate) async fn weigh(&self, record: &VmRecord) {
        let shares = cpu_shares(record);
        if let Err(error) = self.domains.set_cpu_shares(&record.id, shares).await {
            tracing::warn!(vm = record.id, shares, %error, "cpu_shares not set");
        }
    }

    /// Ends the domain of a machine: gracefully, then at once. Fine when there is none. A domain of somebody else is left alone.
    pub(crate) async fn end(&self, record: &VmRecord) -> Result<(), EndError> {
        let id = record.id.as_str();
        // While its own QEMU lives the domain is its own; else one of this uuid may be another root's, and is left alone.
        if !lives(record) {
            match self.is_running_ours(id).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                // A domain that hangs does not answer: what was read back as ours, and has no process to tell by, is taken for ours.
                Err(CallError::Deadline) if record.document.is_some() && record.process.is_none() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let (graceful, at_once) = ((Destroy::Gracefully, self.patience.graceful), (Destroy::AtOnce, self.patience.at_once));
        // A QEMU that stands still does not end gracefully, and while libvirt waits for it, it keeps everybody from the domain.
        let stands_still = matches!(self.domains.ping(id).await, Err(CallError::Deadline | CallError::Busy));
        let ways = if stands_still { vec![at_once] } else { vec![graceful, at_once] };
        for (how, patience) in ways {
            match self.domains.destroy(id, how).await {
                Ok(()) => return Ok(()),
                Err(CallError::NoDomain) if !lives(record) => return Ok(()),
                Err(error) => {
                    tracing::warn!(vm = id, ?how, %error, "destroy");
                    self.kill_where_stuck(record, &error).await;
                }
            }
            if self.ends_within(record, patience).await {
                return Ok(());
            }
        }
        // A libvirt that has just begun may not find a domain that it will take up again: its process is ended without it.
        if let Some(process) = record.process.filter(|process| process.is_alive()) {
            let killed = self.domains.kill(id, process.pid).await?;
            tracing::warn!(vm = id, pid = process.pid, ?killed, "libvirt does not end it");
            self.ends_within(record, self.patience.at_once).await;
        }
        match self.domains.state(id).await {
            Ok(state) if state.is_active() => Err(EndError::Survives),
            Ok(_) | Err(CallError::NoDomain) if lives(record) => Err(EndError::Survives),
            Ok(_) | Err(CallError::NoDomain) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A destroy that hangs holds the next one up inside libvirt; without its process it ends.
    async fn kill_where_stuck(&self, record: &VmRecord, error: &CallError) {
        let Some(process) = record.process.filter(|process| *error == CallError::Deadline && process.is_alive()) else { return };
        match self.domains.kill(&record.id, process.pid).await {
            Ok(killed) => tracing::warn!(vm = record.id, pid = process.pid, ?killed, "destroy hangs"),
            Err(error) => tracing::warn!(vm = record.id, pid = process.pid, %error, "its process cannot be killed"),
        }
    }

    /// Whether a domain of this uuid runs that carries our mark.
    pub(crate) async fn is_running_ours(&self, id: &str) -> Result<bool, CallError> {
        let seen = self.see(id).await?;
        Ok(seen.is_some_and(|(_, document)| ownership::is_ours(&document, &self.identity.root_id)))
    }

    /// Whether the domain and its process are gone before `patience` is over. A domain that cannot be asked about is not waited for.
    async fn ends_within(&self, record: &VmRecord, patience: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            match self.domains.state(&record.id).await {
                Ok(state) if state.is_active() => {}
                Ok(_) | Err(CallError::NoDomain) if lives(record) => {}
                Ok(_) | Err(CallError::NoDomain) => return true,
                Err(_) => return false,
            }
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(self.patience.look_again).await;
        }
    }

    /// The lease on a machine, for what the room does to one that ended. None: whoever holds the machine goes on holding it; what is left
    /// is found again by the next look at all machines.
    async fn hold(&self, id: &str) -> Option<Hold> {
        match self.engine.get()?.hold(END, lease(id), END_WAITS).await {
            Ok(hold) => Some(hold),
            Err(refused) => {
                tracing::error!(vm = id, %refused, "the end of the machine has to wait");
                None
            }
        }
    }

    /// Whether the machine was reported as ended.
    pub(crate) fn is_down(&self, id: &str) -> bool {
        self.vms.get(id).is_some_and(|view| view.record.machine.state() == State::Down)
    }

    /// Does what is left to do about a machine that ended by itself, under its lease: a destroy that comes meanwhile is before or
    /// after it, and whatever a job has done of it is not done again.
    pub(crate) async fn conclude(&self, id: &str) {
        let Some(_one) = self.begin_end(id) else { return };
        let (Some(engine), Some(_lease)) = (self.engine.get(), self.hold(id).await) else { return };
        while let Some(view) = self.vms.get(id)
            && let Some(effect) = left_to_do(&view.record.machine)
        {
            let done = match effect {
                Effect::ReleaseNatively => self.release_natively(engine.keepers(), &view.record).await,
                Effect::RunAfterDestroy => self.run_after_destroy(&view.record).await,
            };
            if let Err(error) = self.vms.apply(id, &done, clock::now()).await {
                return tracing::error!(vm = id, %error, "the end of a machine cannot be written down");
            }
        }
    }

    /// Ends the domain of a machine that was reported Down: two of one machine on two hosts would write to the same disks.
    pub(crate) async fn end_reported_down(&self, id: &str) {
        let Some(_one) = self.begin_end(id) else { return };
        let Some(_lease) = self.hold(id).await else { return };
        let Some(view) = self.vms.get(id).filter(|_| self.is_down(id)) else { return };
        tracing::error!(vm = id, "its machine was reported Down and it runs; it is ended");
        if let Err(error) = self.end(&view.record).await {
            tracing::error!(vm = id, %error, "a domain that nobody knows of cannot be ended now");
        }
    }

    fn begin_end<'a>(&'a self, id: &'a str) -> Option<Ending<'a>> {
        let begun = self.ending.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        begun.then_some(Ending { of: self, id })
    }

    /// Returns once nothing is left to do about machines that ended by themselves, or `limit` has passed: hooks may take their time.
    pub(crate) async fn concluded(&self, limit: Duration) {
        let deadline = tokio::time::Instant::now() + limit;
        let is_at_work = || self.vms.view().values().any(|view| left_to_do(&view.record.machine).is_some());
        while is_at_work() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(self.patience.look_again).await;
        }
    }

    async fn release_natively(&self, keepers: &Keepers, record: &VmRecord) -> Input {
        if let Err(error) = self.end(record).await {
            // QEMU has ended: what is left of the domain is libvirt's to remove.
            tracing::warn!(vm = record.id, %error, "release");
        }
        self.clear_channels(&record.id).await;
        take_back(keepers, &record.id).await;
        Input::Released
    }

    async fn run_after_destroy(&self, record: &VmRecord) -> Input {
        if let Some(point) = vdsm_modules::points::find(AFTER_VM_DESTROY) {
            let document = record.document.as_deref().unwrap_or_default();
            self.run_chain(&record.id, point, custom_properties(record.conf.root().get("custom")), document).await;
        }
        Input::LastChainRan
    }

    /// Removes the sockets of a machine's channels: libvirt does when it ends a domain, and not when QEMU was killed under it.
    pub(crate) async fn clear_channels(&self, id: &str) {
        // Without the directory there are none.
        let Ok(mut sockets) = tokio::fs::read_dir(&self.channels).await else { return };
        while let Ok(Some(socket)) = sockets.next_entry().await {
            let is_of = socket.file_name().to_str().and_then(|name| name.strip_prefix(id)).is_some_and(|rest| rest.starts_with('.'));
            if is_of && let Err(error) = tokio::fs::remove_file(socket.path()).await {
                tracing::warn!(vm = id, socket = %socket.path().display(), %error, "left over");
            }
        }
    }

    /// Runs the chain of a point.
    pub(crate) async fn run_chain(&self, id: &str, point: &Point, properties: BTreeMap<String, String>, document: &str) -> ChainOutcome {
        let request = ChainRequest { point: point.name.to_owned(), vm: id.to_owned(), properties, document: document.to_owned() };
        self.hooks.run(request).await
    }
}

/// Whether the machine's own QEMU runs, whatever libvirt knows.
pub(crate) fn lives(record: &VmRecord) -> bool {
    record.process.is_some_and(Process::is_alive)
}

/// The custom properties of a machine, as hooks read them.
pub(crate) fn custom_properties(custom: Option<Value<'_>>) -> BTreeMap<String, String> {
    let members = custom.into_iter().flat_map(Value::members);
    members.filter_map(|(name, value)| Some((name.to_owned(), scalar_text(value)?))).collect()
}

/// Takes back what a machine keeps. What cannot be taken back now stays kept, is logged and answered.
pub(crate) async fn take_back(keepers: &Keepers, id: &str) -> Vec<String> {
    let failures = keepers.take_back(&lease(id)).await;
    for failure in &failures {
        tracing::warn!(vm = id, failure, "kept by the machine and not taken back");
    }
    failures
}

/// Writes down what was seen of a machine that runs: all of it, or, where the document cannot be read, that it runs.
fn note(record: &mut VmRecord, process: Option<Process>, document: &Arc<str>, cpus: Cpus) -> Result<(), XmlError> {
    record.machine = reduce(&record.machine, &Input::Seen(cpus), clock::now());
    let readback = read_back(&record.conf, document)?;
    record.conf = Arc::new(readback.conf);
    record.name = readback.name;
    record.hash = readback.hash;
    record.process = process;
    record.document = Some(document.clone());
    Ok(())
}

/// `cpuShares`, or (20 - nice) * 51 with nice within 0..19.
fn cpu_shares(record: &VmRecord) -> u64 {
    let number = |name| -> Option<i64> { scalar_text(record.conf.root().get(name)?)?.trim().parse().ok() };
    let shares = number("cpuShares").unwrap_or_else(|| (20 - number("nice").unwrap_or(0).clamp(0, 19)) * 51);
    u64::try_from(shares).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use vdsm_core::tree::Tree;

    use super::*;
    use crate::vm::record::tests::record;

    #[test]
    fn a_graceful_end_has_half_a_minute() {
        assert_eq!(Patience::default().graceful, Duration::from_secs(30));
    }

    #[test]
    fn the_cpu_weight_is_what_was_sent_or_follows_nice() {
        let shares = |members: &[(&str, &str)]| {
            let conf = Tree::object(|conf| {
                for (name, value) in members {
                    conf.text_at(name, value);
                }
            });
            cpu_shares(&VmRecord { conf: Arc::new(conf), ..record("vm") })
        };
        assert_eq!(shares(&[]), 1020);
        assert_eq!(shares(&[("nice", "19")]), 51);
        assert_eq!(shares(&[("nice", "-5")]), 1020);
        assert_eq!(shares(&[("cpuShares", "77"), ("nice", "19")]), 77);
        assert_eq!(shares(&[("cpuShares", "-1")]), 0);
    }
}

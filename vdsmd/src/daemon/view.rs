//! What the host room shows of virtual machines: plain numbers out of the hypervisor room and the modules.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use vdsm_hypervisor::Hypervisor;
use vdsm_hypervisor::libvirt::{Libvirt, Status};
use vdsm_hypervisor::vm::record::VmRecord;
use vdsm_hypervisor::vm::state::State;
use vdsm_modules::registry::Registry;
use vdsm_system::{HypervisorFacts, HypervisorView, MachineLoad};

/// How long after a question that came to nothing libvirt is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Answers the host room from what the hypervisor room knows.
pub(super) struct MachinesView {
    hypervisor: OnceLock<Arc<Hypervisor>>,
    registry: OnceLock<Arc<Registry>>,
    facts: ArcSwap<HypervisorFacts>,
    known: watch::Sender<bool>,
    overhead_mib: u32,
}

impl MachinesView {
    /// `overhead_mib`: what each machine costs beyond its memory.
    pub(super) fn new(overhead_mib: u32) -> MachinesView {
        MachinesView {
            hypervisor: OnceLock::new(),
            registry: OnceLock::new(),
            facts: ArcSwap::default(),
            known: watch::Sender::new(false),
            overhead_mib,
        }
    }

    /// Puts the room in; the first one stays.
    pub(super) fn set(&self, hypervisor: Arc<Hypervisor>) {
        let _ = self.hypervisor.set(hypervisor);
    }

    /// Puts the modules in; the first ones stay.
    pub(super) fn set_modules(&self, registry: Arc<Registry>) {
        let _ = self.registry.set(registry);
    }

    /// Asks libvirt what the host can do at every new connection, until it tells. What was known before stays until then.
    pub(super) async fn follow(self: Arc<Self>, libvirt: Libvirt) {
        let mut status = libvirt.status();
        loop {
            let up = matches!(*status.borrow_and_update(), Status::Up { .. });
            let told = up && self.read_facts(&libvirt).await;
            if told || !up {
                // It ends with the connection's owner, and so with the daemon.
                if status.changed().await.is_err() {
                    return;
                }
            } else {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }

    async fn read_facts(&self, libvirt: &Libvirt) -> bool {
        let machines = match libvirt.machine_types().await {
            Ok(machines) => machines,
            Err(error) => {
                tracing::warn!(%error, "machine types are not known");
                return false;
            }
        };
        let models = match libvirt.cpu_models().await {
            Ok(models) => models.to_vec(),
            // A driver that cannot compare processors has no models to offer.
            Err(error) if error.is_unsupported() => Vec::new(),
            Err(error) => {
                tracing::warn!(%error, "processor models are not known");
                return false;
            }
        };
        self.facts.store(Arc::new(HypervisorFacts { machines, models }));
        self.known.send_replace(true);
        true
    }

    /// Returns once libvirt has told.
    pub(super) async fn known(&self) {
        // The sender lives as long as `self`.
        let _ = self.known.subscribe().wait_for(|known| *known).await;
    }
}

impl HypervisorView for MachinesView {
    fn facts(&self) -> Arc<HypervisorFacts> {
        self.facts.load_full()
    }

    fn load(&self) -> MachineLoad {
        let policies = self.registry.get().map_or(0, |registry| registry.current().policies().count());
        let mut load = MachineLoad { policies: u32::try_from(policies).unwrap_or(u32::MAX), ..MachineLoad::default() };
        let Some(hypervisor) = self.hypervisor.get() else { return load };
        for view in hypervisor.machines().values() {
            let record = &view.record;
            load.count += 1;
            load.active += u32::from(record.machine.state() == State::Up);
            load.migrating += u32::from(matches!(record.machine.state(), State::MigrationSource | State::MigrationDestination));
            if record.machine.state() != State::Down {
                load.committed_mib = load.committed_mib.saturating_add(memory_mib(record)).saturating_add(self.overhead_mib);
                load.resident_mib = load.resident_mib.saturating_add(record.process.map_or(0, resident_mib));
            }
        }
        load
    }
}

/// `memSize` as the manager sent it: an int or a text.
fn memory_mib(record: &VmRecord) -> u32 {
    let size = record.conf.root().get("memSize");
    let as_int = size.and_then(|size| size.as_int()).and_then(|size| u32::try_from(size).ok());
    as_int.or_else(|| size?.as_text()?.trim().parse().ok()).unwrap_or(0)
}

/// Resident memory of a QEMU, by procfs; 0 when it has gone.
fn resident_mib(process: vdsm_hypervisor::Process) -> u32 {
    let pages =
        std::fs::read_to_string(format!("/proc/{}/statm", process.pid)).ok().and_then(|statm| statm.split(' ').nth(1)?.parse::<u64>().ok());
    let bytes = pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64);
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX)
}

//! What this room needs to know of virtual machines: plain data that the hypervisor's side hands in.

use std::sync::Arc;

/// What libvirt says of the host. Empty where it has not answered yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HypervisorFacts {
    /// Machine types of x86_64, in libvirt's order.
    pub machines: Vec<String>,
    /// Names of the processor models that this host can run, without a prefix.
    pub models: Vec<String>,
}

/// What all machines together ask of the host, and who balances it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachineLoad {
    /// How many there are, ended ones that are still listed included.
    pub count: u32,
    /// How many are up.
    pub active: u32,
    /// How many are on their way in or out.
    pub migrating: u32,
    /// MiB promised to them: memory and overhead.
    pub committed_mib: u32,
    /// MiB their processes have in memory now.
    pub resident_mib: u32,
    /// How many policies tend their memory.
    pub policies: u32,
}

/// Where those numbers come from. Both functions answer at once from what is known.
pub trait HypervisorView: Send + Sync + 'static {
    /// What libvirt says of the host.
    fn facts(&self) -> Arc<HypervisorFacts>;

    /// What the machines ask of it now.
    fn load(&self) -> MachineLoad;
}

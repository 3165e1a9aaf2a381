//! Leases: who may touch what. One global order, so that nobody waits in a circle; busy rules, so that waiting is a decision.

use serde::{Deserialize, Serialize};

/// Kinds of leases in the global order: a job takes them only upwards (design section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LeaseKind {
    /// The network configuration of the host.
    Network,
    /// A virtual machine.
    Vm,
    /// A slot to start a VM in; counted.
    VmSlot,
    /// A storage pool.
    Pool,
    /// A storage domain.
    Domain,
    /// A storage server connection.
    Connection,
    /// A slot for a storage task; counted.
    TaskSlot,
    /// An image.
    Image,
    /// A volume.
    Volume,
}

impl LeaseKind {
    /// The name used in descriptors and plans.
    pub const fn name(self) -> &'static str {
        match self {
            LeaseKind::Network => "network",
            LeaseKind::Vm => "vm",
            LeaseKind::VmSlot => "vm-slot",
            LeaseKind::Pool => "pool",
            LeaseKind::Domain => "domain",
            LeaseKind::Connection => "connection",
            LeaseKind::TaskSlot => "task-slot",
            LeaseKind::Image => "image",
            LeaseKind::Volume => "volume",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<LeaseKind> {
        use LeaseKind::*;
        [Network, Vm, VmSlot, Pool, Domain, Connection, TaskSlot, Image, Volume].into_iter().find(|kind| kind.name() == name)
    }

    /// How many may hold one id at once: slots are counted, everything else is shared or exclusive.
    pub const fn slots(self) -> Option<u32> {
        match self {
            LeaseKind::VmSlot => Some(4),
            LeaseKind::TaskSlot => Some(10),
            _ => None,
        }
    }
}

/// What a lease is on. Ordered by kind, then id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeaseKey {
    /// The kind.
    pub kind: LeaseKind,
    /// The id of the thing.
    pub id: String,
}

impl std::fmt::Display for LeaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.id)
    }
}

mod table;
pub use table::{Holder, LeaseTable, LeaseWish, Refused};

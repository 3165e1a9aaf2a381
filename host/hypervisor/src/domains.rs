//! What this room needs of libvirt, as one narrow trait: steps, adoption and release are written against it, and tests give it a
//! libvirt of their own. Calls take a domain by its uuid and run in that domain's lane.

use std::time::Duration;

use crate::libvirt::{CallError, DomainInfo, DomainState, Killed, Libvirt, StartMode};

/// How a domain is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destroy {
    /// QEMU may finish what it writes; libvirt fails with `operation failed` when it does not end in time.
    Gracefully,
    /// At once.
    AtOnce,
}

/// The domains of one libvirt.
#[async_trait::async_trait]
pub trait Domains: Send + Sync + 'static {
    /// Every domain, whoever made it, once libvirt has taken up again what ran before it; `limit` bounds that.
    async fn settled(&self, limit: Duration) -> Result<Vec<DomainInfo>, CallError>;

    /// What one domain does.
    async fn state(&self, uuid: &str) -> Result<DomainState, CallError>;

    /// Its live document, without passwords.
    async fn document(&self, uuid: &str) -> Result<String, CallError>;

    /// The pid of its QEMU; none where that cannot be told.
    async fn pid(&self, uuid: &str) -> Result<Option<u32>, CallError>;

    /// Asks its QEMU something that costs nothing: [`CallError::Deadline`] when QEMU stands still.
    async fn ping(&self, uuid: &str) -> Result<(), CallError>;

    /// Starts a transient domain for the machine `uuid`.
    async fn create(&self, uuid: &str, document: String, mode: StartMode) -> Result<DomainInfo, CallError>;

    /// Ends it. Has a lane of its own, which a call that hangs elsewhere does not block.
    async fn destroy(&self, uuid: &str, how: Destroy) -> Result<(), CallError>;

    /// Kills its QEMU, when `pid` is that, without libvirt: the way out of a destroy that hangs.
    async fn kill(&self, uuid: &str, pid: u32) -> Result<Killed, CallError>;

    /// Stops its virtual CPUs.
    async fn suspend(&self, uuid: &str) -> Result<(), CallError>;

    /// Lets its virtual CPUs go on.
    async fn resume(&self, uuid: &str) -> Result<(), CallError>;

    /// Presses the ACPI power button.
    async fn press_power_button(&self, uuid: &str) -> Result<(), CallError>;

    /// Asks its balloon for so many KiB.
    async fn set_memory(&self, uuid: &str, kib: u64) -> Result<(), CallError>;

    /// Sets the scheduler's `cpu_shares`.
    async fn set_cpu_shares(&self, uuid: &str, shares: u64) -> Result<(), CallError>;
}

#[async_trait::async_trait]
impl Domains for Libvirt {
    async fn settled(&self, limit: Duration) -> Result<Vec<DomainInfo>, CallError> {
        self.settled_domains(limit).await
    }

    async fn state(&self, uuid: &str) -> Result<DomainState, CallError> {
        Libvirt::state(self, uuid).await
    }

    async fn document(&self, uuid: &str) -> Result<String, CallError> {
        self.xml(uuid).await
    }

    async fn pid(&self, uuid: &str) -> Result<Option<u32>, CallError> {
        Libvirt::pid(self, uuid).await
    }

    async fn ping(&self, uuid: &str) -> Result<(), CallError> {
        Libvirt::ping(self, uuid).await
    }

    async fn create(&self, uuid: &str, document: String, mode: StartMode) -> Result<DomainInfo, CallError> {
        Libvirt::create(self, uuid, document, mode).await
    }

    async fn destroy(&self, uuid: &str, how: Destroy) -> Result<(), CallError> {
        match how {
            Destroy::Gracefully => self.destroy_gracefully(uuid).await,
            Destroy::AtOnce => Libvirt::destroy(self, uuid).await,
        }
    }

    async fn kill(&self, uuid: &str, pid: u32) -> Result<Killed, CallError> {
        Libvirt::kill(self, uuid, pid).await
    }

    async fn suspend(&self, uuid: &str) -> Result<(), CallError> {
        Libvirt::suspend(self, uuid).await
    }

    async fn resume(&self, uuid: &str) -> Result<(), CallError> {
        Libvirt::resume(self, uuid).await
    }

    async fn press_power_button(&self, uuid: &str) -> Result<(), CallError> {
        Libvirt::press_power_button(self, uuid).await
    }

    async fn set_memory(&self, uuid: &str, kib: u64) -> Result<(), CallError> {
        Libvirt::set_memory(self, uuid, kib).await
    }

    async fn set_cpu_shares(&self, uuid: &str, shares: u64) -> Result<(), CallError> {
        Libvirt::set_cpu_shares(self, uuid, shares).await
    }
}

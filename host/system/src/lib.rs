//! The host itself: processor, memory, identity, packages, links and how busy all of it is.
//!
//! It owns the readers of procfs, sysfs and DMI, the sampler, and the capability `vdsm:host` that shows both to modules. It changes
//! nothing on the host. Parsers are pure functions over text; readers take the directory they read from, so that tests feed them
//! fixtures. Questions never wait: they are answered from the last snapshot, which one thread keeps fresh.
#![forbid(unsafe_code)]

pub mod board;
pub mod capability;
pub mod facts;
pub mod hostfs;
pub mod hypervisor;
pub mod network;
pub mod sampler;
pub mod settings;

pub use board::Board;
pub use capability::HostCapability;
pub use hostfs::HostFs;
pub use hypervisor::{HypervisorFacts, HypervisorView, MachineLoad};
pub use sampler::Sampler;
pub use settings::Settings;

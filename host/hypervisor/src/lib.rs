//! The room of virtual machines: libvirt, their records and states, their statistics, and what modules may ask and plan about them.
//!
//! What a verb means is decided in modules. Here is the mechanism: one connection with its events ([`libvirt`]), the pure reducer
//! of machine states ([`vm::state`]), records that survive kill -9 ([`vm::record`]), steps with their undo, and adoption after a
//! restart. It must not know verbs, the wire, storage or the network.
#![deny(unsafe_code)]

mod adoption;
mod capability;
pub mod domains;
mod events;
#[cfg(test)]
mod fake;
mod hypervisor;
pub mod libvirt;
mod native;
pub mod ownership;
mod process;
mod room;
pub mod statistics;
mod steps;
mod test_driver;
pub mod vm;
mod xml;

pub use capability::{VmCapability, VmHandle};
pub use hypervisor::{Hypervisor, OpenError, Parts};
pub use native::destroy_descriptor;
pub use process::Process;
pub use xml::XmlError;

//! The storage room: connections to storage servers, and files that disks name.
//!
//! It owns the repository tree (`rhev/data-center` under the root) and what it does to storage: steps with their undo, asks, and
//! the capability that offers both to modules. It knows nothing of virtual machines. What lies in the repository is the state:
//! there is no table of connections beside the links, so nothing can disagree with them.
#![forbid(unsafe_code)]

mod calls;
pub mod capability;
pub mod errors;
pub mod links;
mod steps;
pub mod target;

pub use capability::StorageCapability;
pub use errors::StorageError;

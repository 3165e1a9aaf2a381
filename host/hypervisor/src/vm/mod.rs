//! A virtual machine: what it is doing (pure), what is written down of it, and what its live document adds to its configuration.

pub(crate) mod listed;
pub mod readback;
pub mod record;
pub mod reported;
pub mod state;

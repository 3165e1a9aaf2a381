//! Virtual machines: what a verb module may ask and plan, and the statistics it shapes.

pub mod shaper;

pub use crate::bindings::imports::vdsm::vm::{ask, plan};

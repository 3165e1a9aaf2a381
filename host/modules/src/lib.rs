//! The module runtime: WebAssembly components that ask and plan.
//!
//! Owns the engine, manifests, grants, the linker made from a grant, limits, the component store and generations. It knows no
//! capability by name: rooms hand it [`capability::Capability`]s. A module is called in a fresh store each time and has no effect
//! of its own; what it plans is carried out by [`vdsm_core::jobs`].
#![deny(unsafe_code)]

mod base;
mod call;
pub mod capability;
pub mod chain;
pub mod components;
pub mod decider;
mod describe;
mod edit_scope;
pub mod engine;
pub mod generation;
pub mod grant;
pub mod hooks;
pub mod limits;
pub mod manifest;
pub mod module;
mod placed;
pub mod points;
pub mod policy;
pub mod proof;
pub mod registry;
pub mod shaper;
pub mod state;
pub mod wire;

pub use call::CallFailure;

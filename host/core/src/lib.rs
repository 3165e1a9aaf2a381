//! What every room of the host leans on: wire values, wire errors, descriptors, paths under one root, configuration,
//! the durable store, leases and jobs.
//!
//! This crate knows nothing of libvirt, HTTP, WebAssembly or devices. What crosses from one room to another is one of
//! its types: a [`tree::Tree`], a [`status::Status`], a [`jobs::Step`].
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod clock;
pub mod config;
pub mod descriptor;
pub mod errors;
pub mod held;
pub mod jobs;
pub mod lease;
pub mod logging;
pub mod root;
pub mod status;
pub mod store;
pub mod tree;

//! The module runtime with real components: small ones written here in the text format, and our own where they are built.
//!
//! Rung: mock host (Wasmtime, no libvirt, no root).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod build;
mod chains;
mod image;
mod lab;
mod loading;
mod outcomes;
mod real;
mod registry;

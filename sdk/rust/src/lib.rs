//! What a module of vdsmd is written with: verb handlers, hooks and policies in Rust.
//!
//! A module is a WebAssembly component that *asks and plans*: a pure function from what it is given to what it wants done. It
//! implements one trait and names it in one macro:
//!
//! | module | trait | macro |
//! |---|---|---|
//! | verb handler | [`verb::VerbModule`] | [`export_verbs!`] |
//! | statistics of machines (beside a verb handler) | [`vm::shaper::Shaper`] | [`export_shaper!`] |
//! | hook on a domain document | [`hook::DomainHook`] | [`export_hook!`] |
//! | memory policy | [`policy::MemoryPolicy`] | [`export_memory_policy!`] |
//!
//! # How the bindings are arranged
//!
//! The interfaces lie in `wit/`. [`bindings`] generates each of them once, here, so that a `Tree` is the same type in every module
//! and in every function:
//!
//! * one world holds every import. A component imports what it uses and nothing else: the linker drops what no code refers to, and
//!   the manifest grants exactly what is left. Only `vdsm:hook/log` is always there: the text of a panic goes to it;
//! * one world for each thing that can be exported. It takes its types from the world of the imports. Its export glue is a macro
//!   that the module's own crate expands, so a component exports only what it implements.
//!
//! On any other target than wasm32 the export macros expand to a type check alone and the crate is an ordinary one: unit tests of
//! modules are plain `cargo test`. Asks and plans exist only inside a host; calling one natively panics. Log lines, which every
//! module may write, go to [`mock`] there.

#[cfg(target_arch = "wasm32")]
mod allocator;
#[allow(missing_docs, unreachable_pub)]
pub mod bindings;
pub mod hook;
pub mod host;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
pub mod policy;
pub mod python;
pub mod verb;
pub mod vm;
pub mod wire;
pub mod xml;

/// Storage: what a verb module may ask and plan.
pub mod storage {
    pub use crate::bindings::imports::vdsm::storage::{ask, plan};
}

/// Exports a type that implements [`vm::shaper::Shaper`] as the component's statistics.
#[macro_export]
macro_rules! export_shaper {
    ($shaper:ident) => {
        const _: fn() = || {
            fn implements<T: $crate::vm::shaper::Shaper>() {}
            implements::<$shaper>();
        };
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::shaper::export_shaper_glue!($shaper with_types_in $crate::bindings::shaper);
    };
}

//! The daemon: rooms put together, the port, start and stop.

mod control;
mod dispatch;
mod introspection;
mod late;
mod native;
mod policy;
mod probe;
mod start;
mod view;
mod watch;

pub use start::{Options, run};

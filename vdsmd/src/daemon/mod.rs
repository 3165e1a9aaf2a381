//! The daemon: rooms put together, the port, start and stop.

pub mod control;
pub mod dispatch;
mod introspection;

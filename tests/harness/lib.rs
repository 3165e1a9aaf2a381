//! What the black-box tests share: a complete host in a temporary folder, the real daemon on it, machines to run it in.
//!
//! Nothing of the daemon is linked in: it is started as a program and spoken to over its port, as a manager does. The harness
//! panics where a test could not go on anyway, with what it was doing and the daemon's own words.

pub mod daemon;
pub mod host;
pub mod machine;
pub mod process;
pub mod rung;
pub mod source;

pub use daemon::Daemon;
pub use host::Host;
pub use machine::Machine;
pub use rung::{Rung, skip};

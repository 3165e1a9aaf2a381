//! Log lines. They carry the module's name and digest; the host bounds them in bytes per call.

use std::sync::Once;

pub use crate::bindings::imports::vdsm::hook::log::Level;

/// Writes one line.
pub fn write(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::imports::vdsm::hook::log::write(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    crate::mock::log(level, message);
}

/// What helps to find a mistake in the module.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// What an operator may want to know.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// What an operator should look at.
pub fn warning(message: &str) {
    write(Level::Warning, message);
}

/// What went wrong.
pub fn error(message: &str) {
    write(Level::Error, message);
}

/// Makes the text of a panic a log line: the host itself sees only a trap.
pub(crate) fn panics() {
    static ONCE: Once = Once::new();
    if cfg!(target_arch = "wasm32") {
        ONCE.call_once(|| std::panic::set_hook(Box::new(|panic| error(&panic.to_string()))));
    }
}

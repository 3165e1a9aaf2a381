//! libvirt's event loop: one thread for the process, begun before the first connection, that never ends unseen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::config::StartError;
use super::ffi;

/// The loop's timer: without one the loop sleeps until a descriptor wakes it, and would not see those added meanwhile.
const TICK_MS: i32 = 500;
/// The pause after a round of the loop that failed.
const AFTER_ERROR: Duration = Duration::from_millis(200);

static STARTED: Mutex<bool> = Mutex::new(false);
static BEGIN: OnceLock<Instant> = OnceLock::new();
/// When the timer last ran, milliseconds after `BEGIN`.
static LAST_TICK: AtomicU64 = AtomicU64::new(0);

/// Begins the loop unless it runs already.
pub(crate) fn ensure() -> Result<(), StartError> {
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if *started {
        return Ok(());
    }
    // libvirt prints every error to stderr unless it is told whose they are; ours are values.
    virt::error::clear_error_callback();
    BEGIN.get_or_init(Instant::now);
    virt::event::event_register_default_impl().map_err(|error| StartError::EventLoop(error.message().to_owned()))?;
    ffi::add_timer(TICK_MS, tick).map_err(|error| StartError::EventLoop(error.message().to_owned()))?;
    std::thread::Builder::new().name("libvirt-events".to_owned()).spawn(run).map_err(StartError::Thread)?;
    *started = true;
    Ok(())
}

/// How long ago the loop last showed that it runs; well under a second when all is well.
pub(crate) fn age() -> Duration {
    let Some(begin) = BEGIN.get() else { return Duration::ZERO };
    begin.elapsed().saturating_sub(Duration::from_millis(LAST_TICK.load(Ordering::Relaxed)))
}

fn tick() {
    if let Some(begin) = BEGIN.get() {
        LAST_TICK.store(u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

fn run() {
    let mut failing = false;
    loop {
        match virt::event::event_run_default_impl() {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::error!(error = error.message(), "libvirt's event loop fails; it is tried again");
                }
                failing = true;
                std::thread::sleep(AFTER_ERROR);
            }
        }
    }
}

//! The Wasmtime engine, tuned for a fresh store a call, and its clock of epochs.
//!
//! A pooling allocator keeps instantiation at some microseconds; its slots are the concurrency cap. Epochs tick only while a module
//! runs: an idle host has an idle ticker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Calls that may run in modules at once; others wait for a slot, within their deadline.
pub const CONCURRENCY: u32 = 64;
/// Period of the epoch clock: the grain of CPU budgets.
pub const TICK: Duration = Duration::from_millis(2);
/// Most MiB of linear memory one component may have; manifests narrow it.
pub const MAX_MEMORY_MIB: u32 = 64;
/// Core instances a component may consist of. Rust guests have 2 or 3, interpreters up to some dozens.
const CORE_INSTANCES: u32 = 40;
/// Linear memories a component may have, and tables. The pool has as many for every call that may run at once, so that no call finds it
/// emptied by others; what is not used costs address space only.
const MEMORIES: u32 = 4;
const TABLES: u32 = 10;

/// The engine and who runs on it.
pub struct Runtime {
    engine: Engine,
    slots: Semaphore,
    ticker: Arc<Ticker>,
}

struct Ticker {
    running: AtomicUsize,
    thread: std::thread::Thread,
}

/// A slot in the pool; while it lives the epoch clock ticks.
pub struct Slot<'a> {
    ticker: &'a Ticker,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.ticker.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why the runtime cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Wasmtime refused the configuration, e.g. for want of address space.
    #[error("the module engine cannot start: {0:#}")]
    Engine(wasmtime::Error),
    /// No thread for the epoch clock.
    #[error("no thread for the epoch clock: {0}")]
    Thread(#[from] std::io::Error),
}

impl Runtime {
    /// Makes the engine and starts its clock, which ends with it.
    pub fn new() -> Result<Runtime, RuntimeError> {
        let engine = Engine::new(&configuration()).map_err(RuntimeError::Engine)?;
        let ticker = start_ticker(engine.weak())?;
        Ok(Runtime { engine, slots: Semaphore::new(CONCURRENCY as usize), ticker })
    }

    /// The engine itself.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Waits for a slot.
    pub async fn slot(&self) -> Option<Slot<'_>> {
        let permit = self.slots.acquire().await.ok()?;
        if self.ticker.running.fetch_add(1, Ordering::Relaxed) == 0 {
            self.ticker.thread.unpark();
        }
        Some(Slot { ticker: &self.ticker, _permit: permit })
    }
}

fn configuration() -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(CONCURRENCY)
        .total_core_instances(CONCURRENCY * CORE_INSTANCES)
        .total_memories(CONCURRENCY * MEMORIES)
        .total_tables(CONCURRENCY * TABLES)
        .total_stacks(CONCURRENCY)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .max_memory_size((MAX_MEMORY_MIB as usize) << 20)
        // A used slot keeps this much: most calls then touch no page anew (measured: fresh store per ping 2.5 times as fast).
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config.epoch_interruption(true).allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn start_ticker(engine: wasmtime::EngineWeak) -> std::io::Result<Arc<Ticker>> {
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Arc<Ticker>>(1);
    let handle = std::thread::Builder::new().name("module-epochs".into()).spawn(move || {
        let Ok(ticker) = receiver.recv() else { return };
        loop {
            if ticker.running.load(Ordering::Relaxed) == 0 {
                // Woken by the first call; the time limit only notices that the engine has gone.
                std::thread::park_timeout(Duration::from_secs(5));
            } else {
                std::thread::sleep(TICK);
            }
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    })?;
    let ticker = Arc::new(Ticker { running: AtomicUsize::new(0), thread: handle.thread().clone() });
    // The thread waits for exactly this.
    let _ = sender.send(ticker.clone());
    Ok(ticker)
}

//! Budgets of a call, each an outcome of its own when it is spent.

use serde::Deserialize;
use wasmtime::ResourceLimiter;

use crate::engine::{MAX_MEMORY_MIB, TICK};

/// What a module may use in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// MiB over all memories of the component together.
    pub memory_mib: u64,
    /// Milliseconds of guest execution, instantiation included.
    pub cpu_ms: u64,
    /// Bytes of log text.
    pub log_bytes: usize,
    /// Steps in a round.
    pub steps: usize,
    /// Live handles.
    pub handles: usize,
    /// KiB a module hands to the host: in each argument list or result, and in all it plans or replies in a round together.
    pub copied_kib: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { memory_mib: MAX_MEMORY_MIB.into(), cpu_ms: 250, log_bytes: 16 << 10, steps: 128, handles: 4096, copied_kib: 64 << 10 }
    }
}

/// The `[limits]` of a manifest: they may only narrow the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitsSection {
    /// See [`Budget::memory_mib`].
    pub memory_mib: Option<u64>,
    /// See [`Budget::cpu_ms`].
    pub cpu_ms: Option<u64>,
    /// See [`Budget::log_bytes`].
    pub log_bytes: Option<usize>,
    /// See [`Budget::steps`].
    pub steps_per_round: Option<usize>,
    /// See [`Budget::handles`].
    pub handles: Option<usize>,
    /// See [`Budget::copied_kib`].
    pub copied_kib: Option<usize>,
}

impl LimitsSection {
    /// The budget these limits leave; an error names the limit that would widen a default or allows nothing at all.
    pub fn narrow(&self) -> Result<Budget, String> {
        fn lower<T: Ord + Copy + Default + std::fmt::Display>(name: &str, asked: Option<T>, most: T) -> Result<T, String> {
            match asked {
                None => Ok(most),
                Some(asked) if asked > most => Err(format!("{name} = {asked}: limits may only narrow; the most is {most}")),
                Some(asked) if asked == T::default() => Err(format!("{name} = 0 would let the module do nothing")),
                Some(asked) => Ok(asked),
            }
        }
        let most = Budget::default();
        Ok(Budget {
            memory_mib: lower("memory-mib", self.memory_mib, most.memory_mib)?,
            cpu_ms: lower("cpu-ms", self.cpu_ms, most.cpu_ms)?,
            log_bytes: lower("log-bytes", self.log_bytes, most.log_bytes)?,
            steps: lower("steps-per-round", self.steps_per_round, most.steps)?,
            handles: lower("handles", self.handles, most.handles)?,
            copied_kib: lower("copied-kib", self.copied_kib, most.copied_kib)?,
        })
    }
}

impl Budget {
    /// Epoch ticks a module may be running at.
    pub(crate) fn ticks(&self) -> u64 {
        let tick = u64::try_from(TICK.as_millis()).unwrap_or(1).max(1);
        self.cpu_ms.div_ceil(tick)
    }
}

/// A budget that is spent.
#[derive(Debug, thiserror::Error)]
pub enum Spent {
    /// CPU time.
    #[error("used its {0} ms of CPU time")]
    Cpu(u64),
    /// Memory, over all memories.
    #[error("asked for more than its {0} MiB of memory")]
    Memory(u64),
    /// What it plans or replies, over all steps of a round.
    #[error("placed more than the {0} KiB left of what it may hand to the host")]
    Copied(usize),
}

/// Adds up all memories of a store: a component with many memories has one budget.
#[derive(Debug)]
pub(crate) struct MemoryLimiter {
    used: usize,
    most: usize,
    mib: u64,
}

impl MemoryLimiter {
    pub(crate) fn new(budget: &Budget) -> MemoryLimiter {
        let most = usize::try_from(budget.memory_mib << 20).unwrap_or(usize::MAX);
        MemoryLimiter { used: 0, most, mib: budget.memory_mib }
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // The memory's own limit refuses it after this: what does not grow is not counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.most {
            // A trap rather than a failed allocation: most guests abort on that with nothing to say.
            return Err(Spent::Memory(self.mib).into());
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= 100_000)
    }

    fn instances(&self) -> usize {
        100
    }

    fn tables(&self) -> usize {
        100
    }

    fn memories(&self) -> usize {
        100
    }
}

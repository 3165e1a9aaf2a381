//! The memory policy: when the host runs short of memory, guests give back what they leave unused; when it does not, they get it back.
//!
//! It follows the balloon rules that VDSM shipped, with one thing added: pressure that has begun ends only above a second, higher
//! threshold, so that a host at the edge does not turn every tick. That state is all the memory it keeps.

mod parameters;

use parameters::Parameters;
use vdsm_sdk::object;
use vdsm_sdk::policy::{Decision, MemoryPolicy, Subject, Tick, metric};
use vdsm_sdk::verb::{Status, status};
use vdsm_sdk::wire::{Value, lenient};

/// The policy.
pub struct Memory;

vdsm_sdk::export_memory_policy!(Memory);

impl MemoryPolicy for Memory {
    const SCHEMA: &'static str = "memory/1";

    fn check(parameters: &Value) -> Result<(), Status> {
        Parameters::read(parameters).map(|_| ()).map_err(|why| status(54, "Failed to set mom policy", why))
    }

    fn decide(tick: &Tick) -> (Vec<Decision>, Value) {
        let (Ok(parameters), Some(free)) = (Parameters::read(&tick.parameters), host_free(&tick.subjects)) else {
            return (Vec::new(), tick.memory.clone());
        };
        let was = tick.memory.get("pressure").is_some_and(lenient::tobool);
        let pressure = free < if was { parameters.relief } else { parameters.pressure };
        let machines = tick.subjects.iter().filter(|subject| !subject.id.is_empty());
        let decisions = machines.filter_map(|machine| {
            let kib = Balloon::of(machine)?.target(&parameters, free, pressure && parameters.enabled)?;
            Some(Decision::BalloonTarget { machine: machine.id.clone(), kib })
        });
        (decisions.collect(), object! { "pressure": pressure }.into())
    }
}

/// Which share of the host's memory is free.
fn host_free(subjects: &[Subject]) -> Option<f64> {
    let host = subjects.iter().find(|subject| subject.id.is_empty())?;
    let total = host.metric(metric::MEMORY_TOTAL).filter(|total| *total > 0.0)?;
    Some(host.metric(metric::MEMORY_FREE)? / total)
}

/// What is known of one machine, in KiB.
struct Balloon {
    current: f64,
    min: f64,
    max: f64,
    unused: Option<f64>,
}

impl Balloon {
    fn of(machine: &Subject) -> Option<Balloon> {
        let current = machine.metric(metric::BALLOON_CURRENT).filter(|current| *current > 0.0)?;
        let max = machine.metric(metric::BALLOON_MAX)?;
        let min = machine.metric(metric::BALLOON_MIN).unwrap_or(0.0).min(max);
        Some(Balloon { current, min, max, unused: machine.metric(metric::MEMORY_UNUSED) })
    }

    /// What to ask for, when it is worth asking.
    fn target(&self, parameters: &Parameters, host_free: f64, shrink: bool) -> Option<f64> {
        if self.current < self.min {
            return Some(self.min);
        }
        let size = if shrink { self.shrunk(parameters, host_free)? } else { self.grown(parameters, host_free)? };
        ((size - self.current).abs() > parameters.smallest_change * self.current).then_some(size)
    }

    /// As much less as one tick allows, but what the guest needs. A guest that does not say what it needs is left alone.
    fn shrunk(&self, parameters: &Parameters, host_free: f64) -> Option<f64> {
        let least = self.needed(parameters, host_free)?;
        Some((self.current * (1.0 - parameters.largest_change)).max(least)).filter(|size| *size <= self.current)
    }

    /// As much more as one tick allows, or what the guest needs.
    fn grown(&self, parameters: &Parameters, host_free: f64) -> Option<f64> {
        let needed = self.needed(parameters, host_free).unwrap_or(self.min);
        let size = (self.current * (1.0 + parameters.largest_change)).max(needed).min(self.max);
        (self.current < self.max).then_some(size)
    }

    /// What the guest uses, and a share beside it that shrinks with what the host has: below the critical threshold it is negative and
    /// pushes the guest into its swap.
    fn needed(&self, parameters: &Parameters, host_free: f64) -> Option<f64> {
        let spare = match host_free <= parameters.critical {
            true => host_free - parameters.critical,
            false => parameters.guest_free * host_free / parameters.pressure,
        };
        Some((self.current - self.unused? + spare * self.current).max(self.min))
    }
}

#[cfg(test)]
mod tests;

//! The last samples, and the rates between the oldest and the newest of them.

use std::collections::{BTreeMap, VecDeque};

use super::memory::Memory;
use super::sample::{Sample, Traffic};

/// Samples kept.
const KEPT: usize = 5;
/// Ticks a second: what the kernel shows to programs on every architecture of ours.
const TICKS: f64 = 100.0;
/// Line rate that counts where none is known, in Mbit/s.
const USUAL_SPEED: i32 = 1000;

/// The last samples.
#[derive(Clone, Debug, Default)]
pub struct Window(VecDeque<Sample>);

impl Window {
    /// Takes a sample in; the oldest one goes when there are too many.
    pub fn push(&mut self, sample: Sample) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// Rates and levels; none before there are two samples.
    pub fn rates(&self) -> Option<Rates> {
        let (oldest, newest) = (self.0.front()?, self.0.back()?);
        (newest.at > oldest.at).then(|| Rates::between(oldest, newest))
    }
}

/// Traffic of a device over the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// Mbit/s the percentages are of.
    pub speed: i32,
    /// Percent of the line rate, at most 100.
    pub rx_percent: f64,
    /// Percent of the line rate, at most 100.
    pub tx_percent: f64,
    /// Its counters, at the end of the window.
    pub now: Traffic,
}

/// What the window says.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// Percent of all processors in user mode.
    pub user: f64,
    /// Percent of all processors in the kernel.
    pub system: f64,
    /// Percent of one processor that the daemon spends in user mode.
    pub daemon_user: f64,
    /// The same in the kernel.
    pub daemon_system: f64,
    /// Percent of one processor that the search for equal pages takes.
    pub same_pages: f64,
    /// By device.
    pub devices: BTreeMap<String, Flow>,
    /// Percent of the summed line rate.
    pub rx_percent: f64,
    /// The same on the way out.
    pub tx_percent: f64,
    /// Five-minute load average; 0 where the kernel tells none.
    pub load: f64,
    /// Memory at the end of the window.
    pub memory: Memory,
    /// State of transparent huge pages at the end of the window.
    pub transparent_huge_pages: &'static str,
    /// Free MiB by directory at the end of the window.
    pub disks: BTreeMap<&'static str, Option<u64>>,
}

impl Rates {
    fn between(oldest: &Sample, newest: &Sample) -> Rates {
        let seconds = (newest.at - oldest.at).as_secs_f64();
        let total = grown(oldest.processors.total, newest.processors.total);
        let of_all = |old, new| if total > 0.0 { 100.0 * grown(old, new) / total } else { 0.0 };
        let of_one = |old, new| 100.0 * grown(old, new) / (TICKS * seconds);
        let devices: BTreeMap<String, Flow> =
            newest.traffic.iter().filter_map(|(name, now)| Some((name.clone(), flow(oldest.traffic.get(name)?, now, seconds)))).collect();
        let summed = |percent: fn(&Flow) -> f64| share(&devices, percent);
        Rates {
            user: of_all(oldest.processors.user, newest.processors.user),
            system: of_all(oldest.processors.system, newest.processors.system),
            daemon_user: of_one(oldest.daemon.0, newest.daemon.0),
            daemon_system: of_one(oldest.daemon.1, newest.daemon.1),
            same_pages: of_one(oldest.same_pages, newest.same_pages),
            rx_percent: summed(|flow| flow.rx_percent),
            tx_percent: summed(|flow| flow.tx_percent),
            devices,
            load: newest.load.unwrap_or(0.0),
            memory: newest.memory,
            transparent_huge_pages: newest.transparent_huge_pages,
            disks: newest.disks.clone(),
        }
    }

    /// Percent of all processors that is neither; time waiting for storage counts as idle.
    pub fn idle(&self) -> f64 {
        (100.0 - self.user - self.system).max(0.0)
    }

    /// Packets dropped by all devices since they came up: in and out.
    pub fn dropped(&self) -> (u64, u64) {
        self.devices.values().fold((0, 0), |(rx, tx), flow| (rx + flow.now.rx_dropped, tx + flow.now.tx_dropped))
    }
}

/// How much a counter grew; one that started anew grew from nothing.
fn grown(old: u64, new: u64) -> f64 {
    new.checked_sub(old).unwrap_or(new) as f64
}

fn flow(old: &Traffic, now: &Traffic, seconds: f64) -> Flow {
    const BYTES_PER_MBIT: f64 = 1_000_000.0 / 8.0;
    let speed = if now.speed > 0 { now.speed } else { USUAL_SPEED };
    let percent = |old, new| (100.0 * grown(old, new) / (seconds * f64::from(speed) * BYTES_PER_MBIT)).min(100.0);
    Flow { speed, rx_percent: percent(old.rx, now.rx), tx_percent: percent(old.tx, now.tx), now: *now }
}

/// The share of the summed line rate that all devices use together.
fn share(devices: &BTreeMap<String, Flow>, percent: fn(&Flow) -> f64) -> f64 {
    let all: f64 = devices.values().map(|flow| f64::from(flow.speed)).sum();
    let used: f64 = devices.values().map(|flow| percent(flow) * f64::from(flow.speed)).sum();
    if all > 0.0 { (used / all).min(100.0) } else { 0.0 }
}

//! One sample of the host: counters and levels at one moment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::memory::{self, Memory};
use crate::facts::Places;
use crate::hostfs::HostFs;
use crate::network::{self, Visibility};

/// Directories whose free space is reported, as the wire names them.
pub const DISKS: [&str; 4] = ["/tmp", "/var/log", "/var/log/core", "/var/run/vdsm/"];

/// Processor time since boot, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// In user mode, nice processes included.
    pub user: u64,
    /// In the kernel.
    pub system: u64,
    /// All, idle time included, over every processor.
    pub total: u64,
}

/// The first line of `/proc/stat`.
pub fn ticks(stat: &str) -> Option<Ticks> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // What follows the eighth number (guest time) is part of the first two already.
    let numbers: Vec<u64> = line.split_whitespace().take(8).map_while(|number| number.parse().ok()).collect();
    let [user, nice, system, ..] = numbers.as_slice() else { return None };
    Some(Ticks { user: user + nice, system: *system, total: numbers.iter().sum() })
}

/// User and kernel ticks of one process from its `stat` file. Its name may contain anything, so fields count from the last `)`.
pub fn process_ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Counters of a device since it came up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes in.
    pub rx: u64,
    /// Bytes out.
    pub tx: u64,
    /// Packets dropped on the way in.
    pub rx_dropped: u64,
    /// Packets dropped on the way out.
    pub tx_dropped: u64,
    /// Errors on the way in.
    pub rx_errors: u64,
    /// Errors on the way out.
    pub tx_errors: u64,
    /// Line rate in Mbit/s; 0 when it is not known.
    pub speed: i32,
    /// Whether traffic flows.
    pub up: bool,
}

/// One sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Since the sampler began.
    pub at: Duration,
    /// Of all processors.
    pub processors: Ticks,
    /// User and kernel ticks of the daemon.
    pub daemon: (u64, u64),
    /// Ticks of the kernel's thread that looks for equal pages.
    pub same_pages: u64,
    /// Traffic by device.
    pub traffic: BTreeMap<String, Traffic>,
    /// Five-minute load average.
    pub load: Option<f64>,
    /// Memory.
    pub memory: Memory,
    /// State of transparent huge pages.
    pub transparent_huge_pages: &'static str,
    /// Free MiB by directory of [`DISKS`]; none: it is not there.
    pub disks: BTreeMap<&'static str, Option<u64>>,
}

/// Takes a sample. `ksmd` is the process id of that thread, where there is one.
pub fn take(places: &Places, visibility: &Visibility, ksmd: Option<u32>, at: Duration) -> Sample {
    let host = &places.host;
    let process = |id: &str| host.read(&format!("proc/{id}/stat")).and_then(|stat| process_ticks(&stat)).unwrap_or_default();
    let scanner = ksmd.map(|id| process(&id.to_string())).unwrap_or_default();
    Sample {
        at,
        processors: host.read("proc/stat").and_then(|stat| ticks(&stat)).unwrap_or_default(),
        daemon: process("self"),
        same_pages: scanner.0 + scanner.1,
        traffic: network::sampled(host, visibility).into_iter().map(|name| (name.clone(), traffic(host, &name))).collect(),
        load: host.value("proc/loadavg").and_then(|text| text.split_whitespace().nth(1)?.parse().ok()),
        memory: host.read("proc/meminfo").map(|text| memory::parse(&text)).unwrap_or_default(),
        transparent_huge_pages: memory::transparent_huge_pages(host),
        disks: DISKS.into_iter().map(|path| (path, free_mib(places, path))).collect(),
    }
}

fn traffic(host: &HostFs, name: &str) -> Traffic {
    let counter = |file: &str| host.number::<u64>(&format!("sys/class/net/{name}/statistics/{file}")).unwrap_or(0);
    Traffic {
        rx: counter("rx_bytes"),
        tx: counter("tx_bytes"),
        rx_dropped: counter("rx_dropped"),
        tx_dropped: counter("tx_dropped"),
        rx_errors: counter("rx_errors"),
        tx_errors: counter("tx_errors"),
        speed: network::speed(host, name),
        up: network::running(host, name),
    }
}

/// Free space as everyone may use it. Ours lie under the root, `/tmp` is the host's.
fn free_mib(places: &Places, path: &str) -> Option<u64> {
    let tree = if path == "/tmp" { &places.host } else { &places.own };
    let found = rustix::fs::statvfs(tree.path(path)).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize) / (1 << 20))
}

/// The process id of the kernel's thread that looks for equal pages.
pub fn find_ksmd(host: &HostFs) -> Option<u32> {
    let processes = host.names("proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
    processes.into_iter().find(|id| host.value(&format!("proc/{id}/comm")).is_some_and(|name| name == "ksmd"))
}

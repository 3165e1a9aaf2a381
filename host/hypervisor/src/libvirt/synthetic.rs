//! A host of made-up VMs behind the sampler's own trait: for benchmarks of what is built upon samples, and for policies that need
//! figures no test driver gives. Every VM has the full key set, and every figure changes with each full sample.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::domain::DomainState;
use super::error::CallError;
use super::samples::SampleSource;
use super::stats::{BalloonStats, BlockStats, CpuTimes, DomainStats, InterfaceStats, Requests, StatsGroups, Traffic, VcpuStats};

/// Devices of each made-up VM.
const DEVICES: u64 = 2;
const GIB_KIB: u64 = 1 << 20;

/// The made-up host.
pub struct SyntheticSource {
    uuids: Vec<Arc<str>>,
    /// Full samples taken so far.
    taken: AtomicU64,
}

impl SyntheticSource {
    /// A host with `count` running VMs.
    pub fn new(count: usize) -> SyntheticSource {
        SyntheticSource { uuids: (0..count).map(|index| Arc::from(uuid(index))).collect(), taken: AtomicU64::new(0) }
    }

    /// The VMs' uuids, in order.
    pub fn uuids(&self) -> &[Arc<str>] {
        &self.uuids
    }
}

/// The uuid of the VM with that index.
pub fn uuid(index: usize) -> String {
    format!("00000000-0000-4000-8000-{index:012x}")
}

#[async_trait::async_trait]
impl SampleSource for SyntheticSource {
    async fn bulk(&self, groups: StatsGroups, except: &[Arc<str>]) -> Result<Vec<(Arc<str>, DomainStats)>, CallError> {
        let full = groups != StatsGroups::STATE;
        let tick = if full { self.taken.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
        let included = self.uuids.iter().zip(0..).filter(|(uuid, _)| !except.contains(uuid));
        Ok(included.map(|(uuid, index)| (Arc::clone(uuid), if full { stats(index, tick) } else { running() })).collect())
    }

    async fn one(&self, _groups: StatsGroups, uuid: &Arc<str>) -> Result<DomainStats, CallError> {
        let index = self.uuids.iter().zip(0..).find(|(known, _)| *known == uuid).map(|(_, index)| index).ok_or(CallError::NoDomain)?;
        Ok(stats(index, self.taken.fetch_add(1, Ordering::Relaxed) + 1))
    }
}

fn running() -> DomainStats {
    DomainStats { state: Some(DomainState::Running), ..DomainStats::default() }
}

/// Figures that grow with `tick` and differ between VMs.
fn stats(index: u64, tick: u64) -> DomainStats {
    let grown = |scale: u64| Some(tick * scale + index * 7 + 1);
    let devices = || 0..DEVICES;
    DomainStats {
        state: Some(DomainState::Running),
        cpu: CpuTimes { time: grown(900_000_000), user: grown(70_000_000), system: grown(30_000_000) },
        balloon: balloon(index, tick),
        vcpu_current: Some(DEVICES),
        vcpu_maximum: Some(DEVICES),
        vcpus: devices()
            .map(|vcpu| VcpuStats {
                state: Some(1),
                time: grown(400_000_000 + vcpu),
                wait: grown(1_000 + vcpu),
                halted: Some(false),
                delay: grown(2_000 + vcpu),
            })
            .collect(),
        interfaces: devices()
            .map(|nic| InterfaceStats {
                // As the test driver names them when it starts these VMs in their order.
                name: Some(Arc::from(format!("testnet{}", index * DEVICES + nic))),
                rx: traffic(tick, 1_000_003 + nic),
                tx: traffic(tick, 500_009 + nic),
            })
            .collect(),
        blocks: devices().map(|disk| block(index, tick, disk)).collect(),
    }
}

fn balloon(index: u64, tick: u64) -> BalloonStats {
    let grown = |scale: u64| Some(tick * scale + index);
    BalloonStats {
        current_kib: Some(GIB_KIB - (tick + index) % 1024),
        maximum_kib: Some(GIB_KIB),
        swap_in_kib: grown(4),
        swap_out_kib: grown(8),
        major_faults: grown(3),
        minor_faults: grown(300),
        unused_kib: Some(GIB_KIB / 2 - (tick + index) % 4096),
        available_kib: Some(GIB_KIB - GIB_KIB / 64),
        usable_kib: Some(GIB_KIB / 2 + (tick + index) % 4096),
        disk_caches_kib: grown(16),
        rss_kib: Some(GIB_KIB / 2 + (tick * 5 + index) % 65_536),
        last_update: grown(15),
    }
}

fn traffic(tick: u64, scale: u64) -> Traffic {
    Traffic { bytes: Some(tick * scale), packets: Some(tick * scale / 900), errors: Some(tick / 10), dropped: Some(tick / 5) }
}

fn block(index: u64, tick: u64, disk: u64) -> BlockStats {
    let requests = |scale: u64, bytes: Option<u64>| Requests {
        count: Some(tick * scale + disk),
        bytes: bytes.map(|bytes| tick * scale * bytes),
        time: Some(tick * scale * 120_000 + index),
    };
    BlockStats {
        name: Some(Arc::from(format!("vd{}", char::from(b'a' + u8::try_from(disk % 26).unwrap_or(0))))),
        path: Some(Arc::from(format!("/rhev/data-center/synthetic/{index}/{disk}"))),
        read: requests(120, Some(16_384)),
        write: requests(60, Some(8_192)),
        flush: requests(5, None),
        allocation: Some(tick * 65_536 + index),
        capacity: Some(20 << 30),
        physical: Some((10 << 30) + tick * 65_536),
    }
}

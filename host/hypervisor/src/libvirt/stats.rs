//! One domain's statistics as libvirt's bulk calls give them, typed.
//!
//! Names are those of `virConnectGetAllDomainStats`. A value that libvirt did not give is none, never zero: a driver may not know
//! it, or the domain may have been too busy to be asked.

use std::sync::Arc;

use virt_sys as sys;

use super::domain::DomainState;

/// Which groups to ask for. State is cheap (libvirt's own memory); each of the others costs a domain's monitor or cgroup a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatsGroups(u32);

impl StatsGroups {
    /// `state.*`.
    pub const STATE: StatsGroups = StatsGroups(sys::VIR_DOMAIN_STATS_STATE);
    /// `cpu.*`.
    pub const CPU: StatsGroups = StatsGroups(sys::VIR_DOMAIN_STATS_CPU_TOTAL);
    /// `balloon.*`.
    pub const BALLOON: StatsGroups = StatsGroups(sys::VIR_DOMAIN_STATS_BALLOON);
    /// `dirtyrate.*`: QEMU's monitor is asked and need not look for the answer.
    pub const DIRTY_RATE: StatsGroups = StatsGroups(sys::VIR_DOMAIN_STATS_DIRTYRATE);
    /// `vcpu.*`.
    pub const VCPU: StatsGroups = StatsGroups(sys::VIR_DOMAIN_STATS_VCPU);
    /// `net.*`.
    pub const INTERFACE: StatsGroups = StatsGroups(sys::VIR_DOMAIN_STATS_INTERFACE);
    /// `block.*`.
    pub const BLOCK: StatsGroups = StatsGroups(sys::VIR_DOMAIN_STATS_BLOCK);
    /// Everything above.
    pub const FULL: StatsGroups = StatsGroups::STATE
        .and(StatsGroups::CPU)
        .and(StatsGroups::BALLOON)
        .and(StatsGroups::VCPU)
        .and(StatsGroups::INTERFACE)
        .and(StatsGroups::BLOCK);

    /// Both.
    pub const fn and(self, other: StatsGroups) -> StatsGroups {
        StatsGroups(self.0 | other.0)
    }

    pub(crate) fn bits(self) -> u32 {
        self.0
    }
}

/// What a bulk call says of one domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DomainStats {
    /// The state with its reason.
    pub state: Option<DomainState>,
    /// CPU time.
    pub cpu: CpuTimes,
    /// Memory.
    pub balloon: BalloonStats,
    /// Virtual CPUs that run now, and at most.
    pub vcpu_current: Option<u64>,
    /// Virtual CPUs that may be plugged in.
    pub vcpu_maximum: Option<u64>,
    /// Each virtual CPU, in libvirt's order.
    pub vcpus: Vec<VcpuStats>,
    /// Each interface, in the order of the domain's document.
    pub interfaces: Vec<InterfaceStats>,
    /// Each disk, in the order of the domain's document.
    pub blocks: Vec<BlockStats>,
}

/// `cpu.*`, nanoseconds since the domain began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// All of the domain: guest and QEMU.
    pub time: Option<u64>,
    /// Of it, QEMU in user space.
    pub user: Option<u64>,
    /// Of it, QEMU in the kernel.
    pub system: Option<u64>,
}

/// `balloon.*`. KiB and counts; all but the first two come from the guest's balloon driver or QEMU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BalloonStats {
    /// The guest's memory now, KiB.
    pub current_kib: Option<u64>,
    /// The guest's memory at most, KiB.
    pub maximum_kib: Option<u64>,
    /// Swapped in, KiB.
    pub swap_in_kib: Option<u64>,
    /// Swapped out, KiB.
    pub swap_out_kib: Option<u64>,
    /// Page faults that needed I/O.
    pub major_faults: Option<u64>,
    /// Other page faults.
    pub minor_faults: Option<u64>,
    /// Left unused by the guest, KiB.
    pub unused_kib: Option<u64>,
    /// What the guest sees as its memory, KiB.
    pub available_kib: Option<u64>,
    /// What the guest could use without swapping, KiB.
    pub usable_kib: Option<u64>,
    /// The guest's disk caches, KiB.
    pub disk_caches_kib: Option<u64>,
    /// Resident memory of the QEMU process, KiB.
    pub rss_kib: Option<u64>,
    /// When the guest last reported, seconds since 1970.
    pub last_update: Option<u64>,
}

/// `vcpu.N.*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VcpuStats {
    /// `virVcpuState`: 0 offline, 1 running, 2 blocked.
    pub state: Option<i32>,
    /// Its CPU time, nanoseconds.
    pub time: Option<u64>,
    /// Time it waited for I/O, nanoseconds.
    pub wait: Option<u64>,
    /// Whether it is halted.
    pub halted: Option<bool>,
    /// Time it waited for a host CPU, nanoseconds.
    pub delay: Option<u64>,
}

/// `net.N.*`: counters as the host's tap device has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceStats {
    /// The tap's name, such as `vnet0`.
    pub name: Option<Arc<str>>,
    /// Received by the guest.
    pub rx: Traffic,
    /// Sent by the guest.
    pub tx: Traffic,
}

/// Counters of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes.
    pub bytes: Option<u64>,
    /// Packets.
    pub packets: Option<u64>,
    /// Errors.
    pub errors: Option<u64>,
    /// Dropped packets.
    pub dropped: Option<u64>,
}

/// `block.N.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockStats {
    /// The target name, such as `vda`.
    pub name: Option<Arc<str>>,
    /// The image's path.
    pub path: Option<Arc<str>>,
    /// Reads.
    pub read: Requests,
    /// Writes.
    pub write: Requests,
    /// Flushes; they carry no bytes.
    pub flush: Requests,
    /// The highest offset written, bytes.
    pub allocation: Option<u64>,
    /// The size the guest sees, bytes.
    pub capacity: Option<u64>,
    /// The size on the host, bytes.
    pub physical: Option<u64>,
}

/// Counters of one kind of request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// How many.
    pub count: Option<u64>,
    /// How many bytes.
    pub bytes: Option<u64>,
    /// How long altogether, nanoseconds.
    pub time: Option<u64>,
}

/// One value of a bulk record as libvirt hands it over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RawValue<'a> {
    /// A signed number.
    Signed(i64),
    /// An unsigned number.
    Unsigned(u64),
    /// A yes or no.
    Flag(bool),
    /// A text.
    Text(&'a str),
}

impl RawValue<'_> {
    fn unsigned(self) -> Option<u64> {
        match self {
            RawValue::Unsigned(value) => Some(value),
            RawValue::Signed(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }

    fn number(self) -> Option<i32> {
        match self {
            RawValue::Signed(value) => i32::try_from(value).ok(),
            RawValue::Unsigned(value) => i32::try_from(value).ok(),
            _ => None,
        }
    }

    fn flag(self) -> Option<bool> {
        match self {
            RawValue::Flag(value) => Some(value),
            _ => None,
        }
    }

    fn text(self) -> Option<Arc<str>> {
        match self {
            RawValue::Text(value) => Some(Arc::from(value)),
            _ => None,
        }
    }
}

/// More devices of one kind than any domain has: an index beyond it is not taken for a size.
const MOST_DEVICES: usize = 4096;

impl DomainStats {
    /// Takes in a record. Names it does not know are left out, so that a newer libvirt's do no harm.
    pub(crate) fn from_record<'a>(fields: impl Iterator<Item = (&'a str, RawValue<'a>)>) -> DomainStats {
        let mut stats = DomainStats::default();
        let (mut state, mut reason) = (None, None);
        for (name, value) in fields {
            match name.split_once('.') {
                Some(("state", "state")) => state = value.number(),
                Some(("state", "reason")) => reason = value.number(),
                Some((group, rest)) => stats.set(group, rest, value),
                None => {}
            }
        }
        stats.state = state.map(|state| DomainState::from_raw(state, reason.unwrap_or(0)));
        stats
    }

    fn set(&mut self, group: &str, rest: &str, value: RawValue<'_>) {
        match (group, rest) {
            ("cpu", field) => self.cpu.set(field, value),
            ("balloon", field) => self.balloon.set(field, value),
            ("vcpu", "current") => self.vcpu_current = value.unsigned(),
            ("vcpu", "maximum") => self.vcpu_maximum = value.unsigned(),
            ("vcpu", rest) => at(&mut self.vcpus, rest, |vcpu, field| vcpu.set(field, value)),
            ("net", rest) => at(&mut self.interfaces, rest, |interface, field| interface.set(field, value)),
            ("block", rest) => at(&mut self.blocks, rest, |block, field| block.set(field, value)),
            _ => {}
        }
    }
}

/// The item that `INDEX.field` names, made if need be, and the field.
fn at<T: Default>(items: &mut Vec<T>, rest: &str, set: impl FnOnce(&mut T, &str)) {
    let Some((index, field)) = rest.split_once('.') else { return };
    let Ok(index) = index.parse::<usize>() else { return };
    if index >= MOST_DEVICES {
        return;
    }
    if items.len() <= index {
        items.resize_with(index + 1, T::default);
    }
    if let Some(item) = items.get_mut(index) {
        set(item, field);
    }
}

impl CpuTimes {
    fn set(&mut self, field: &str, value: RawValue<'_>) {
        match field {
            "time" => self.time = value.unsigned(),
            "user" => self.user = value.unsigned(),
            "system" => self.system = value.unsigned(),
            _ => {}
        }
    }
}

impl BalloonStats {
    fn set(&mut self, field: &str, value: RawValue<'_>) {
        let slot = match field {
            "current" => &mut self.current_kib,
            "maximum" => &mut self.maximum_kib,
            "swap_in" => &mut self.swap_in_kib,
            "swap_out" => &mut self.swap_out_kib,
            "major_fault" => &mut self.major_faults,
            "minor_fault" => &mut self.minor_faults,
            "unused" => &mut self.unused_kib,
            "available" => &mut self.available_kib,
            "usable" => &mut self.usable_kib,
            "disk_caches" => &mut self.disk_caches_kib,
            "rss" => &mut self.rss_kib,
            "last-update" => &mut self.last_update,
            _ => return,
        };
        *slot = value.unsigned();
    }
}

impl VcpuStats {
    fn set(&mut self, field: &str, value: RawValue<'_>) {
        match field {
            "state" => self.state = value.number(),
            "time" => self.time = value.unsigned(),
            "wait" => self.wait = value.unsigned(),
            "halted" => self.halted = value.flag(),
            "delay" => self.delay = value.unsigned(),
            _ => {}
        }
    }
}

impl InterfaceStats {
    fn set(&mut self, field: &str, value: RawValue<'_>) {
        match field.split_once('.') {
            None if field == "name" => self.name = value.text(),
            Some(("rx", counter)) => self.rx.set(counter, value),
            Some(("tx", counter)) => self.tx.set(counter, value),
            _ => {}
        }
    }
}

impl Traffic {
    fn set(&mut self, counter: &str, value: RawValue<'_>) {
        match counter {
            "bytes" => self.bytes = value.unsigned(),
            "pkts" => self.packets = value.unsigned(),
            "errs" => self.errors = value.unsigned(),
            "drop" => self.dropped = value.unsigned(),
            _ => {}
        }
    }
}

impl BlockStats {
    fn set(&mut self, field: &str, value: RawValue<'_>) {
        match field.split_once('.') {
            None => match field {
                "name" => self.name = value.text(),
                "path" => self.path = value.text(),
                "allocation" => self.allocation = value.unsigned(),
                "capacity" => self.capacity = value.unsigned(),
                "physical" => self.physical = value.unsigned(),
                _ => {}
            },
            Some(("rd", counter)) => self.read.set(counter, value),
            Some(("wr", counter)) => self.write.set(counter, value),
            Some(("fl", counter)) => self.flush.set(counter, value),
            _ => {}
        }
    }
}

impl Requests {
    fn set(&mut self, counter: &str, value: RawValue<'_>) {
        match counter {
            "reqs" => self.count = value.unsigned(),
            "bytes" => self.bytes = value.unsigned(),
            "times" => self.time = value.unsigned(),
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use super::super::domain::PausedReason;
    use super::*;

    #[test]
    fn a_record_becomes_typed_values_and_what_is_missing_stays_unknown() {
        let stats = DomainStats::from_record(
            [
                ("state.state", RawValue::Signed(3)),
                ("state.reason", RawValue::Signed(5)),
                ("cpu.time", RawValue::Unsigned(7_000_000_000)),
                ("balloon.current", RawValue::Unsigned(32768)),
                ("vcpu.current", RawValue::Unsigned(1)),
                ("vcpu.0.time", RawValue::Unsigned(9)),
                ("vcpu.0.halted", RawValue::Flag(true)),
                ("net.count", RawValue::Unsigned(2)),
                ("net.1.name", RawValue::Text("vnet1")),
                ("net.1.rx.bytes", RawValue::Unsigned(10)),
                ("block.0.name", RawValue::Text("vda")),
                ("block.0.wr.times", RawValue::Unsigned(11)),
                ("block.0.fl.reqs", RawValue::Unsigned(3)),
                ("new.thing", RawValue::Signed(1)),
                ("vcpu.99999999.time", RawValue::Unsigned(9)),
            ]
            .into_iter(),
        );
        assert_eq!(stats.state, Some(DomainState::Paused(PausedReason::IoError)));
        assert_eq!((stats.cpu.time, stats.cpu.user), (Some(7_000_000_000), None));
        assert_eq!((stats.balloon.current_kib, stats.balloon.rss_kib), (Some(32768), None));
        assert_eq!(stats.vcpus.len(), 1);
        assert_eq!((stats.vcpus[0].time, stats.vcpus[0].halted, stats.vcpus[0].state), (Some(9), Some(true), None));
        assert_eq!(stats.interfaces.len(), 2);
        assert_eq!((stats.interfaces[1].name.as_deref(), stats.interfaces[1].rx.bytes), (Some("vnet1"), Some(10)));
        assert_eq!((stats.blocks[0].write.time, stats.blocks[0].flush.count, stats.blocks[0].read.count), (Some(11), Some(3), None));
    }
}

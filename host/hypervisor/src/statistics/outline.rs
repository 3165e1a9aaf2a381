//! What a record tells a shaper of its machine whatever the moment: read out of the configuration once a version of the record.

use vdsm_core::clock::Millis;
use vdsm_core::tree::Value;
use vdsm_modules::shaper::Kind;

use super::metric::*;
use super::sample::float;
use crate::vm::listed::{scalar_text, shown_pause_code, time_offset};
use crate::vm::record::VmRecord;
use crate::vm::state::State;

/// Metrics of one thing.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) texts: Vec<(u32, String)>,
    pub(super) numbers: Vec<(u32, f64)>,
}

impl Known {
    fn text(&mut self, id: u32, value: impl Into<String>) {
        self.texts.push((id, value.into()));
    }

    fn maybe_text(&mut self, id: u32, value: Option<String>) {
        self.texts.extend(value.map(|value| (id, value)));
    }

    fn number(&mut self, id: u32, value: f64) {
        self.numbers.push((id, value));
    }

    /// Whether a number is known.
    pub(super) fn has(&self, id: u32) -> bool {
        self.numbers.iter().any(|(known, _)| *known == id)
    }
}

/// A device with figures.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) known: Known,
}

/// A machine.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) machine: Known,
    /// Its NICs and disks; none of one that is Down.
    pub(super) devices: Vec<Device>,
    /// Whether it has a balloon whose figures are shown.
    pub(super) balloon: bool,
}

impl Outline {
    pub(super) fn of(record: &VmRecord) -> Outline {
        let mut outline = Outline::default();
        identity(&mut outline.machine, record);
        if record.machine.state() == State::Down {
            return outline;
        }
        configured(&mut outline.machine, record);
        for device in devices(record) {
            match text(device, "type").as_deref() {
                Some("interface") => outline.devices.extend(nic(device)),
                Some("disk") => outline.devices.extend(disk(device)),
                _ => {}
            }
        }
        outline.balloon = has_balloon(record);
        if outline.balloon {
            outline.machine.numbers.extend(balloon(record));
        }
        outline
    }
}

fn devices(record: &VmRecord) -> impl Iterator<Item = Value<'_>> {
    record.conf.root().get("devices").into_iter().flat_map(Value::items)
}

/// What every machine has, Down ones included.
fn identity(out: &mut Known, record: &VmRecord) {
    let machine = &record.machine;
    out.text(VM, &record.id);
    out.text(HASH, &record.hash);
    out.maybe_text(TIME_OFFSET, time_offset(record));
    if let Some(watchdog) = &machine.watchdog {
        out.text(WATCHDOG_ACTION, &watchdog.action);
        out.number(WATCHDOG_TIME, seconds(watchdog.at));
    }
    if let (State::Down, Some(exit)) = (machine.state(), &machine.exit) {
        out.number(EXIT_CODE, f64::from(exit.code.number()));
        out.text(EXIT_MESSAGE, &exit.message);
    }
}

fn configured(out: &mut Known, record: &VmRecord) {
    let conf = record.conf.root();
    for (id, member) in [
        (DISPLAY_TYPE, "display"),
        (DISPLAY_PORT, "displayPort"),
        (DISPLAY_SECURE_PORT, "displaySecurePort"),
        (DISPLAY_IP, "displayIp"),
        (VM_TYPE, "vmType"),
        (KVM_ENABLE, "kvmEnable"),
        (ACPI_ENABLE, "acpiEnable"),
        (CDROM, "cdrom"),
        (BOOT, "boot"),
    ] {
        out.maybe_text(id, text(conf, member));
    }
    out.text(CLIENT_IP, &record.machine.client_ip);
    out.maybe_text(PAUSE_CODE, shown_pause_code(record).map(str::to_owned));
    out.number(PID, f64::from(record.process.map_or(0, |process| process.pid)));
    let started = record.machine.started_at.is_some();
    out.number(STARTED, if started { 1.0 } else { 0.0 });
    if started {
        // No agent is listened to yet: what a silent one says.
        out.text(USERNAME, "Unknown");
        out.text(SESSION, "Unknown");
        out.text(GUEST_IPS, "");
        out.text(GUEST_FQDN, "");
        out.number(MEMORY_USAGE, 0.0);
    }
}

fn nic(device: Value<'_>) -> Option<Device> {
    // A host's own device has no tap whose counters could be read.
    let name = text(device, "name").filter(|_| text(device, "device").as_deref() != Some("hostdev"))?;
    let mut known = Known::default();
    known.maybe_text(MAC, text(device, "macAddr"));
    known.maybe_text(NIC_MODEL, text(device, "nicModel"));
    Some(Device { kind: Kind::Nic, name, known })
}

fn disk(device: Value<'_>) -> Option<Device> {
    let name = text(device, "name")?;
    let mut known = Known::default();
    known.maybe_text(IMAGE, text(device, "imageID"));
    for (id, member) in [(TRUE_SIZE, "truesize"), (APPARENT_SIZE, "apparentsize")] {
        let size = text(device, member).and_then(|text| text.parse().ok());
        known.numbers.extend(size.map(|size| (id, float(size))));
    }
    Some(Device { kind: Kind::Disk, name, known })
}

/// Whether a machine has a balloon whose model is not `none`.
pub(super) fn has_balloon(record: &VmRecord) -> bool {
    let model = |device: Value<'_>| device.get("specParams").and_then(|parameters| text(parameters, "model"));
    let mut balloons = devices(record).filter(|device| text(*device, "type").as_deref() == Some("balloon"));
    balloons.any(|balloon| model(balloon).is_some_and(|model| model != "none"))
}

/// What a balloon may have and was asked for.
pub(super) fn balloon(record: &VmRecord) -> [(u32, f64); 3] {
    let kib = |member| text(record.conf.root(), member).and_then(|mib| mib.trim().parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024);
    let most = kib("memSize");
    [
        (BALLOON_MAX, float(most)),
        (BALLOON_MIN, float(kib("memGuaranteedSize"))),
        (BALLOON_TARGET, float(record.balloon_target_kib.unwrap_or(most))),
    ]
}

fn text(value: Value<'_>, member: &str) -> Option<String> {
    value.get(member).and_then(scalar_text)
}

fn seconds(millis: Millis) -> f64 {
    float(millis) / 1000.0
}

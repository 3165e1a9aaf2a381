//! What the host knows of one machine, as a shaper's sample. Pure: record, figures and clock in, metrics out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vdsm_core::clock::Millis;
use vdsm_core::tree::Value;
use vdsm_modules::shaper;

use super::metric::*;
use crate::libvirt::{BlockStats, DomainStats, InterfaceStats, Sample, Samples, VmSamples};
use crate::vm::listed::{scalar_text, shown_pause_code, time_offset};
use crate::vm::record::VmRecord;
use crate::vm::reported::{Agent, reported_status};
use crate::vm::state::State;

/// Older figures than this are as good as none: the monitor does not respond.
const MONITOR_SILENT: Duration = Duration::from_secs(60);

/// The one instant a sample is about.
pub(super) struct Moment {
    /// By the wall clock.
    pub(super) wall: Millis,
    /// By the clock that samples are stamped with.
    pub(super) steady: Instant,
    /// The newest figures.
    pub(super) samples: Arc<Samples>,
}

impl Moment {
    /// The figures of machine `id`; libvirt writes uuids in lower case, managers may not.
    pub(super) fn figures(&self, id: &str) -> Option<&Arc<VmSamples>> {
        self.samples.vms.get(id).or_else(|| self.samples.vms.get(id.to_ascii_lowercase().as_str()))
    }
}

/// The sample of one machine.
pub(super) fn sample(record: &VmRecord, moment: &Moment) -> shaper::Sample {
    let figures = moment.figures(&record.id).map(Arc::as_ref);
    let mut out = Out(shaper::Sample { vm: record.id.clone(), ..shaper::Sample::default() });
    identity(&mut out, record, moment);
    if record.machine.state() == State::Down {
        return out.0;
    }
    configured(&mut out, record);
    running(&mut out, record, moment, figures);
    let pair = figures.and_then(|figures| figures.last.as_deref().map(|last| Pair { last, previous: figures.previous.as_deref() }));
    if let Some(pair) = &pair {
        cpu(&mut out, pair);
    }
    for device in record.conf.root().get("devices").into_iter().flat_map(Value::items) {
        match text(device, "type").as_deref() {
            Some("interface") => nic(&mut out, device, pair.as_ref()),
            Some("disk") => disk(&mut out, device, pair.as_ref()),
            Some("balloon") => balloon(&mut out, record, device, pair.as_ref()),
            _ => {}
        }
    }
    out.0
}

/// The balloon of a machine and what its guest leaves unused, for policies.
pub(super) fn memory_figures(record: &VmRecord, moment: &Moment, max_age: Duration) -> Vec<(u32, f64)> {
    let last = moment.figures(&record.id).and_then(|figures| figures.last.as_ref());
    let Some(last) = last.filter(|last| moment.steady.saturating_duration_since(last.at) <= max_age) else { return Vec::new() };
    let mut out = Out(shaper::Sample::default());
    let pair = Pair { last, previous: None };
    for device in record.conf.root().get("devices").into_iter().flat_map(Value::items) {
        if text(device, "type").as_deref() == Some("balloon") {
            balloon(&mut out, record, device, Some(&pair));
            out.maybe_number(MEMORY_UNUSED, MACHINE, last.stats.balloon.unused_kib);
        }
    }
    out.0.numbers.into_iter().map(|(id, _, value)| (id, value)).collect()
}

/// What every machine has, Down ones included.
fn identity(out: &mut Out, record: &VmRecord, moment: &Moment) {
    let machine = &record.machine;
    out.text(STATUS, MACHINE, reported_status(machine, Agent::Silent, moment.wall));
    out.text(HASH, MACHINE, &record.hash);
    out.maybe_text(TIME_OFFSET, MACHINE, time_offset(record));
    if let Some(watchdog) = &machine.watchdog {
        out.text(WATCHDOG_ACTION, MACHINE, &watchdog.action);
        out.number(WATCHDOG_TIME, MACHINE, seconds(watchdog.at));
    }
    if let (State::Down, Some(exit)) = (machine.state(), &machine.exit) {
        out.number(EXIT_CODE, MACHINE, f64::from(exit.code.number()));
        out.text(EXIT_MESSAGE, MACHINE, &exit.message);
    }
}

fn configured(out: &mut Out, record: &VmRecord) {
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
        out.maybe_text(id, MACHINE, text(conf, member));
    }
    out.text(CLIENT_IP, MACHINE, &record.machine.client_ip);
    out.maybe_text(PAUSE_CODE, MACHINE, shown_pause_code(record).map(str::to_owned));
}

fn running(out: &mut Out, record: &VmRecord, moment: &Moment, figures: Option<&VmSamples>) {
    let machine = &record.machine;
    out.number(PID, MACHINE, f64::from(record.process.map_or(0, |process| process.pid)));
    let elapsed = machine.started_at.map_or(0, |started| moment.wall.saturating_sub(started) / 1000);
    out.number(ELAPSED, MACHINE, float(elapsed));
    let age = figures.and_then(|figures| figures.age(moment.steady));
    let silent = machine.unknown_since.is_some()
        || figures.is_some_and(|figures| figures.silent_since.is_some())
        || age.is_some_and(|age| age > MONITOR_SILENT);
    out.number(MONITOR_RESPONSE, MACHINE, if silent { -1.0 } else { 0.0 });
    let started = machine.started_at.is_some();
    out.number(STARTED, MACHINE, if started { 1.0 } else { 0.0 });
    if started {
        out.number(STATS_AGE, MACHINE, age.map_or(-1.0, |age| age.as_secs_f64()));
        // No agent is listened to yet: what a silent one says.
        out.text(USERNAME, MACHINE, "Unknown");
        out.text(SESSION, MACHINE, "Unknown");
        out.text(GUEST_IPS, MACHINE, "");
        out.text(GUEST_FQDN, MACHINE, "");
        out.number(MEMORY_USAGE, MACHINE, 0.0);
    }
}

/// The newest figures, and those before them.
struct Pair<'a> {
    last: &'a Sample,
    previous: Option<&'a Sample>,
}

impl Pair<'_> {
    /// How far apart the two are; none while there is only one.
    fn window(&self) -> Option<f64> {
        let window = self.last.at.saturating_duration_since(self.previous?.at).as_secs_f64();
        (window > 0.0).then_some(window)
    }

    /// By how much a counter grew. None: not known at both ends, or it began anew.
    fn grown(&self, counter: impl Fn(&DomainStats) -> Option<u64>) -> Option<u64> {
        counter(&self.last.stats)?.checked_sub(counter(&self.previous?.stats)?)
    }
}

fn cpu(out: &mut Out, pair: &Pair<'_>) {
    let Some(window) = pair.window() else { return };
    let grown = [
        (CPU_TIME, pair.grown(|stats| stats.cpu.time)),
        (CPU_USER, pair.grown(|stats| stats.cpu.user)),
        (CPU_SYSTEM, pair.grown(|stats| stats.cpu.system)),
    ];
    out.window(CPU_WINDOW, MACHINE, window, &grown);
}

fn interface<'a>(stats: &'a DomainStats, name: &str) -> Option<&'a InterfaceStats> {
    stats.interfaces.iter().find(|interface| interface.name.as_deref() == Some(name))
}

fn block<'a>(stats: &'a DomainStats, name: &str) -> Option<&'a BlockStats> {
    stats.blocks.iter().find(|block| block.name.as_deref() == Some(name))
}

fn nic(out: &mut Out, device: Value<'_>, pair: Option<&Pair<'_>>) {
    // A host's own device has no tap whose counters could be read.
    let Some(name) = text(device, "name").filter(|_| text(device, "device").as_deref() != Some("hostdev")) else { return };
    let index = out.device(&name, "nic");
    out.maybe_text(MAC, index, text(device, "macAddr"));
    out.maybe_text(NIC_MODEL, index, text(device, "nicModel"));
    let Some(pair) = pair else { return };
    if let Some(now) = interface(&pair.last.stats, &name) {
        out.maybe_number(RX_ERRORS, index, now.rx.errors);
        out.maybe_number(RX_DROPPED, index, now.rx.dropped);
        out.maybe_number(TX_ERRORS, index, now.tx.errors);
        out.maybe_number(TX_DROPPED, index, now.tx.dropped);
    }
    let Some(window) = pair.window() else { return };
    let grown = [
        (RX_BYTES, pair.grown(|stats| interface(stats, &name)?.rx.bytes)),
        (TX_BYTES, pair.grown(|stats| interface(stats, &name)?.tx.bytes)),
    ];
    out.window(NET_WINDOW, index, window, &grown);
}

fn disk(out: &mut Out, device: Value<'_>, pair: Option<&Pair<'_>>) {
    let Some(name) = text(device, "name") else { return };
    let index = out.device(&name, "disk");
    out.maybe_text(IMAGE, index, text(device, "imageID"));
    let now = pair.and_then(|pair| block(&pair.last.stats, &name));
    let size = |member, measured: Option<u64>| text(device, member).and_then(|text| text.parse().ok()).or(measured);
    out.maybe_number(TRUE_SIZE, index, size("truesize", now.and_then(|now| now.allocation)));
    out.maybe_number(APPARENT_SIZE, index, size("apparentsize", now.and_then(|now| now.physical)));
    let Some((pair, window)) = pair.and_then(|pair| Some((pair, pair.window()?))) else { return };
    let grown = [
        (READ_BYTES, pair.grown(|stats| block(stats, &name)?.read.bytes)),
        (WRITE_BYTES, pair.grown(|stats| block(stats, &name)?.write.bytes)),
        (READ_OPERATIONS, pair.grown(|stats| block(stats, &name)?.read.count)),
        (READ_TIME, pair.grown(|stats| block(stats, &name)?.read.time)),
        (WRITE_OPERATIONS, pair.grown(|stats| block(stats, &name)?.write.count)),
        (WRITE_TIME, pair.grown(|stats| block(stats, &name)?.write.time)),
        (FLUSH_OPERATIONS, pair.grown(|stats| block(stats, &name)?.flush.count)),
        (FLUSH_TIME, pair.grown(|stats| block(stats, &name)?.flush.time)),
    ];
    out.window(DISK_WINDOW, index, window, &grown);
}

fn balloon(out: &mut Out, record: &VmRecord, device: Value<'_>, pair: Option<&Pair<'_>>) {
    let model = device.get("specParams").and_then(|parameters| text(parameters, "model"));
    if model.is_none_or(|model| model == "none") {
        return;
    }
    let kib = |member| text(record.conf.root(), member).and_then(|mib| mib.trim().parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024);
    let most = kib("memSize");
    out.number(BALLOON_MAX, MACHINE, float(most));
    out.number(BALLOON_MIN, MACHINE, float(kib("memGuaranteedSize")));
    out.number(BALLOON_TARGET, MACHINE, float(record.balloon_target_kib.unwrap_or(most)));
    out.maybe_number(BALLOON_CURRENT, MACHINE, pair.and_then(|pair| pair.last.stats.balloon.current_kib));
}

fn text(value: Value<'_>, member: &str) -> Option<String> {
    value.get(member).and_then(scalar_text)
}

fn seconds(millis: Millis) -> f64 {
    float(millis) / 1000.0
}

/// Counters as the sample's one kind of number; what 53 bits cannot tell apart, no rate shows.
#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}

/// A sample in the making.
struct Out(shaper::Sample);

impl Out {
    fn device(&mut self, name: &str, kind: &str) -> u32 {
        let index = u32::try_from(self.0.devices.len()).unwrap_or(MACHINE);
        self.0.devices.push(name.to_owned());
        self.text(KIND, index, kind);
        index
    }

    fn text(&mut self, id: u32, device: u32, value: &str) {
        self.0.texts.push((id, device, value.to_owned()));
    }

    fn maybe_text(&mut self, id: u32, device: u32, value: Option<String>) {
        self.0.texts.extend(value.map(|value| (id, device, value)));
    }

    fn number(&mut self, id: u32, device: u32, value: f64) {
        self.0.numbers.push((id, device, value));
    }

    fn maybe_number(&mut self, id: u32, device: u32, value: Option<u64>) {
        self.0.numbers.extend(value.map(|value| (id, device, float(value))));
    }

    /// A window and what grew in it.
    fn window(&mut self, id: u32, device: u32, seconds: f64, grown: &[(u32, Option<u64>)]) {
        self.number(id, device, seconds);
        for (metric, value) in grown {
            self.maybe_number(*metric, device, *value);
        }
    }
}

//! What the host knows of one machine, as rows of a shaper's samples. Pure: record, outline, figures and clock in, metrics out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vdsm_core::clock::Millis;
use vdsm_modules::shaper::{Kind, Row};

use super::metric::*;
use super::outline::{self, Device, Known, Outline};
use crate::libvirt::{BlockStats, DomainStats, InterfaceStats, Sample, Samples, VmSamples};
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

/// Adds a machine to `out`.
pub(super) fn sample(out: &mut vdsm_modules::shaper::Samples, record: &VmRecord, outline: &Outline, moment: &Moment) {
    let figures = moment.figures(&record.id).map(Arc::as_ref);
    let pair = figures.and_then(|figures| figures.last.as_deref().map(|last| Pair { last, previous: figures.previous.as_deref() }));
    let mut machine = out.machine();
    say(&mut machine, &outline.machine);
    machine.text(STATUS, reported_status(&record.machine, Agent::Silent, moment.wall));
    if record.machine.state() == State::Down {
        return;
    }
    running(&mut machine, record, moment, figures);
    if let Some(pair) = &pair {
        cpu(&mut machine, pair);
        if outline.balloon {
            maybe_number(&mut machine, BALLOON_CURRENT, pair.last.stats.balloon.current_kib);
        }
    }
    for device in &outline.devices {
        let mut row = out.row(device.kind);
        row.text(NAME, &device.name);
        say(&mut row, &device.known);
        match (&pair, device.kind) {
            (Some(pair), Kind::Nic) => nic(&mut row, device, pair),
            (Some(pair), Kind::Disk) => disk(&mut row, device, pair),
            _ => {}
        }
    }
}

/// The balloon of a machine and what its guest leaves unused, for policies.
pub(super) fn memory_figures(record: &VmRecord, moment: &Moment, max_age: Duration) -> Vec<(u32, f64)> {
    let last = moment.figures(&record.id).and_then(|figures| figures.last.as_ref());
    let Some(last) = last.filter(|last| moment.steady.saturating_duration_since(last.at) <= max_age) else { return Vec::new() };
    let mut figures = Vec::new();
    if outline::has_balloon(record) {
        figures.extend(outline::balloon(record));
        figures.extend(last.stats.balloon.current_kib.map(|kib| (BALLOON_CURRENT, float(kib))));
        figures.extend(last.stats.balloon.unused_kib.map(|kib| (MEMORY_UNUSED, float(kib))));
    }
    figures
}

fn say(row: &mut Row<'_>, known: &Known) {
    for (id, text) in &known.texts {
        row.text(*id, text);
    }
    for (id, number) in &known.numbers {
        row.number(*id, *number);
    }
}

fn running(out: &mut Row<'_>, record: &VmRecord, moment: &Moment, figures: Option<&VmSamples>) {
    let machine = &record.machine;
    let elapsed = machine.started_at.map_or(0, |started| moment.wall.saturating_sub(started) / 1000);
    out.number(ELAPSED, float(elapsed));
    let age = figures.and_then(|figures| figures.age(moment.steady));
    let silent = machine.unknown_since.is_some()
        || figures.is_some_and(|figures| figures.silent_since.is_some())
        || age.is_some_and(|age| age > MONITOR_SILENT);
    out.number(MONITOR_RESPONSE, if silent { -1.0 } else { 0.0 });
    if machine.started_at.is_some() {
        out.number(STATS_AGE, age.map_or(-1.0, |age| age.as_secs_f64()));
    }
}

/// The newest figures, and those before them.
struct Pair<'a> {
    last: &'a Sample,
    previous: Option<&'a Sample>,
}

impl<'a> Pair<'a> {
    /// How far apart the two are; none while there is only one.
    fn window(&self) -> Option<f64> {
        let window = self.last.at.saturating_duration_since(self.previous?.at).as_secs_f64();
        (window > 0.0).then_some(window)
    }

    /// A part of both.
    fn part<T>(&self, of: impl Fn(&'a DomainStats) -> Option<&'a T>) -> (Option<&'a T>, Option<&'a T>) {
        (of(&self.last.stats), self.previous.and_then(|previous| of(&previous.stats)))
    }
}

/// By how much a counter grew. None: not known at both ends, or it began anew.
fn grown<T>(now: &T, before: &T, counter: impl Fn(&T) -> Option<u64>) -> Option<u64> {
    counter(now)?.checked_sub(counter(before)?)
}

fn cpu(out: &mut Row<'_>, pair: &Pair<'_>) {
    let (Some(window), Some(previous)) = (pair.window(), pair.previous) else { return };
    let (now, before) = (&pair.last.stats.cpu, &previous.stats.cpu);
    out.number(CPU_WINDOW, window);
    maybe_number(out, CPU_TIME, grown(now, before, |cpu| cpu.time));
    maybe_number(out, CPU_USER, grown(now, before, |cpu| cpu.user));
    maybe_number(out, CPU_SYSTEM, grown(now, before, |cpu| cpu.system));
}

fn interface<'a>(stats: &'a DomainStats, name: &str) -> Option<&'a InterfaceStats> {
    stats.interfaces.iter().find(|interface| interface.name.as_deref() == Some(name))
}

fn block<'a>(stats: &'a DomainStats, name: &str) -> Option<&'a BlockStats> {
    stats.blocks.iter().find(|block| block.name.as_deref() == Some(name))
}

fn nic(out: &mut Row<'_>, device: &Device, pair: &Pair<'_>) {
    let (now, before) = pair.part(|stats| interface(stats, &device.name));
    if let Some(now) = now {
        maybe_number(out, RX_ERRORS, now.rx.errors);
        maybe_number(out, RX_DROPPED, now.rx.dropped);
        maybe_number(out, TX_ERRORS, now.tx.errors);
        maybe_number(out, TX_DROPPED, now.tx.dropped);
    }
    let Some(window) = pair.window() else { return };
    out.number(NET_WINDOW, window);
    let (Some(now), Some(before)) = (now, before) else { return };
    maybe_number(out, RX_BYTES, grown(now, before, |nic| nic.rx.bytes));
    maybe_number(out, TX_BYTES, grown(now, before, |nic| nic.tx.bytes));
}

fn disk(out: &mut Row<'_>, device: &Device, pair: &Pair<'_>) {
    let (now, before) = pair.part(|stats| block(stats, &device.name));
    if let Some(now) = now {
        for (id, measured) in [(TRUE_SIZE, now.allocation), (APPARENT_SIZE, now.physical)] {
            maybe_number(out, id, measured.filter(|_| !device.known.has(id)));
        }
    }
    let Some(window) = pair.window() else { return };
    out.number(DISK_WINDOW, window);
    let (Some(now), Some(before)) = (now, before) else { return };
    maybe_number(out, READ_BYTES, grown(now, before, |disk| disk.read.bytes));
    maybe_number(out, WRITE_BYTES, grown(now, before, |disk| disk.write.bytes));
    maybe_number(out, READ_OPERATIONS, grown(now, before, |disk| disk.read.count));
    maybe_number(out, READ_TIME, grown(now, before, |disk| disk.read.time));
    maybe_number(out, WRITE_OPERATIONS, grown(now, before, |disk| disk.write.count));
    maybe_number(out, WRITE_TIME, grown(now, before, |disk| disk.write.time));
    maybe_number(out, FLUSH_OPERATIONS, grown(now, before, |disk| disk.flush.count));
    maybe_number(out, FLUSH_TIME, grown(now, before, |disk| disk.flush.time));
}

fn maybe_number(out: &mut Row<'_>, id: u32, value: Option<u64>) {
    if let Some(value) = value {
        out.number(id, float(value));
    }
}

/// Counters as the sample's one kind of number; what 53 bits cannot tell apart, no rate shows.
#[allow(clippy::cast_precision_loss)]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

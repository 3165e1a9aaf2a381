//! Statistics of a machine as `getVmStats` shows them, made from the host's samples.
//!
//! Wire types are the contract: nearly every number travels as text, `exitCode` as int, times of events as double. A member whose
//! value is not known is left out where VDSM leaves it out and has VDSM's default where it has one.

mod arena;
mod devices;
mod metrics;
#[cfg(test)]
mod tests;

use vdsm_sdk::vm::shaper::{Samples, Shaper};
use vdsm_sdk::wire::Tree;

use arena::{Arena, Name};
use metrics::{Devices, Machine, Machines, number, text};

/// Shapes all samples: a structure a machine.
fn shape(samples: &Samples) -> Tree {
    let machines = Machines::of(samples, "machine");
    let (nics, disks) = (Devices::of(samples, "nic"), Devices::of(samples, "disk"));
    Arena::array(samples.machines as usize, |out, index| {
        structure(out, &machines.row(index), |out| {
            out.object(Name::Network, |out| devices::network(out, &nics, index));
            out.object(Name::Disks, |out| devices::disks(out, &disks, index));
        })
    })
}

/// The members of a machine's structure; `devices` writes those of its devices.
fn structure(out: &mut Arena, machine: &Machine<'_, '_>, devices: impl FnOnce(&mut Arena)) {
    out.text(Name::VmId, machine.text(text::VM).unwrap_or_default());
    out.text(Name::Status, machine.text(text::STATUS).unwrap_or_default());
    out.text(Name::Hash, machine.text(text::HASH).unwrap_or("0"));
    watchdog(out, machine);
    if machine.text(text::STATUS) == Some("Down") {
        return down(out, machine);
    }
    live(out, machine);
    devices(out);
    // The guest agent's part and the balloon exist from the start of the domain on.
    if machine.number(number::STARTED).is_some_and(|started| started != 0.0) {
        cpu(out, machine);
        guest(out, machine);
        balloon(out, machine);
    }
}

/// What a Down machine shows beside its identity.
fn down(out: &mut Arena, machine: &Machine<'_, '_>) {
    out.int(Name::ExitCode, machine.number(number::EXIT_CODE).unwrap_or(1.0) as i32);
    out.text(Name::ExitMessage, machine.text(text::EXIT_MESSAGE).unwrap_or_default());
    if let Some(offset) = machine.text(text::TIME_OFFSET) {
        out.text(Name::TimeOffset, offset);
    }
}

/// Texts of every machine that is not Down, with the default of the configuration key they come from; none: left out.
const LIVE_TEXTS: [(Name, u32, Option<&str>); 12] = [
    (Name::VmType, text::VM_TYPE, Some("kvm")),
    (Name::KvmEnable, text::KVM_ENABLE, Some("true")),
    (Name::AcpiEnable, text::ACPI_ENABLE, Some("true")),
    (Name::TimeOffset, text::TIME_OFFSET, Some("0")),
    (Name::ClientIp, text::CLIENT_IP, Some("")),
    (Name::PauseCode, text::PAUSE_CODE, None),
    (Name::DisplayPort, text::DISPLAY_PORT, Some("-1")),
    (Name::DisplaySecurePort, text::DISPLAY_SECURE_PORT, Some("-1")),
    (Name::DisplayType, text::DISPLAY_TYPE, None),
    (Name::DisplayIp, text::DISPLAY_IP, Some("0")),
    (Name::Cdrom, text::CDROM, None),
    (Name::Boot, text::BOOT, None),
];

fn live(out: &mut Arena, machine: &Machine<'_, '_>) {
    for (name, id, default) in LIVE_TEXTS {
        if let Some(value) = machine.text(id).or(default) {
            out.text(name, value);
        }
    }
    out.whole(Name::Pid, machine.number(number::PID).unwrap_or(0.0));
    out.whole(Name::MonitorResponse, machine.number(number::MONITOR_RESPONSE).unwrap_or(0.0));
    if let Some(elapsed) = machine.number(number::ELAPSED) {
        out.whole(Name::ElapsedTime, elapsed);
    }
}

fn watchdog(out: &mut Arena, machine: &Machine<'_, '_>) {
    if let (Some(time), Some(action)) = (machine.number(number::WATCHDOG_TIME), machine.text(text::WATCHDOG_ACTION)) {
        out.object(Name::WatchdogEvent, |out| {
            out.double(Name::Time, time);
            out.text(Name::Action, action);
        });
    }
}

/// Shares of one processor in percent: what the guest used, and what QEMU used beside it. Zero until there are two samples.
fn cpu(out: &mut Arena, machine: &Machine<'_, '_>) {
    out.hundredths(Name::StatsAge, machine.number(number::STATS_AGE).unwrap_or(-1.0));
    let share = |nanoseconds: f64| match machine.number(number::CPU_WINDOW) {
        Some(window) if window > 0.0 => (nanoseconds / window / 1e7).max(0.0),
        _ => 0.0,
    };
    let spent = |id| machine.number(id).unwrap_or(0.0);
    let overhead = spent(number::CPU_USER) + spent(number::CPU_SYSTEM);
    out.hundredths(Name::CpuSys, share(overhead));
    out.hundredths(Name::CpuUser, share(spent(number::CPU_TIME) - overhead));
}

/// The guest's own words; those of a silent agent until one speaks.
fn guest(out: &mut Arena, machine: &Machine<'_, '_>) {
    out.text(Name::Username, machine.text(text::USERNAME).unwrap_or("Unknown"));
    out.text(Name::Session, machine.text(text::SESSION).unwrap_or("Unknown"));
    out.whole(Name::MemUsage, machine.number(number::MEMORY_USAGE).unwrap_or(0.0));
    out.text(Name::GuestIps, machine.text(text::GUEST_IPS).unwrap_or_default());
    out.text(Name::GuestFqdn, machine.text(text::GUEST_FQDN).unwrap_or_default());
    out.empty_array(Name::AppsList);
}

fn balloon(out: &mut Arena, machine: &Machine<'_, '_>) {
    const SIZES: [(Name, u32); 4] = [
        (Name::BalloonMax, number::BALLOON_MAX),
        (Name::BalloonMin, number::BALLOON_MIN),
        (Name::BalloonTarget, number::BALLOON_TARGET),
        (Name::BalloonCur, number::BALLOON_CURRENT),
    ];
    out.object(Name::BalloonInfo, |out| {
        for (name, id) in SIZES {
            if let Some(kib) = machine.number(id) {
                out.whole(name, kib);
            }
        }
    });
}

impl Shaper for crate::Module {
    fn shape(samples: &Samples) -> Tree {
        shape(samples)
    }
}

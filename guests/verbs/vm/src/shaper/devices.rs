//! The `network` and `disks` groups of statistics. Rates exist once there are two samples, counters once there is one.

use super::arena::{Arena, Name};
use super::metrics::{Device, Devices, device_number as number, device_text as text};

/// One member a NIC, by the name of its tap.
pub(super) fn network(out: &mut Arena, nics: &Devices<'_>, machine: usize) {
    const COUNTERS: [(Name, u32); 4] = [
        (Name::RxErrors, number::RX_ERRORS),
        (Name::RxDropped, number::RX_DROPPED),
        (Name::TxErrors, number::TX_ERRORS),
        (Name::TxDropped, number::TX_DROPPED),
    ];
    for nic in nics.rows_of(machine) {
        let name = nic.text(text::NAME).unwrap_or_default();
        out.device(name, |out| {
            out.text(Name::Label, name);
            out.text(Name::MacAddr, nic.text(text::MAC).unwrap_or_default());
            let speed = nominal_speed(nic.text(text::NIC_MODEL).unwrap_or_default());
            out.whole(Name::Speed, speed);
            out.text(Name::State, "unknown");
            for (name, id) in COUNTERS {
                if let Some(packets) = nic.number(id) {
                    out.whole(name, packets);
                }
            }
            for (name, id) in [(Name::RxRate, number::RX_BYTES), (Name::TxRate, number::TX_BYTES)] {
                if let Some(bytes_per_second) = rate(&nic, id, number::NET_WINDOW) {
                    out.tenths(name, 100.0 * bytes_per_second / speed / 125_000.0);
                }
            }
        });
    }
}

/// What VDSM takes a NIC for, in Mbit/s.
fn nominal_speed(model: &str) -> f64 {
    if matches!(model, "e1000" | "virtio" | "pv") { 1000.0 } else { 100.0 }
}

/// One member a disk, by its target.
pub(super) fn disks(out: &mut Arena, disks: &Devices<'_>, machine: usize) {
    const LATENCIES: [(Name, u32, u32); 3] = [
        (Name::ReadLatency, number::READ_TIME, number::READ_OPERATIONS),
        (Name::WriteLatency, number::WRITE_TIME, number::WRITE_OPERATIONS),
        (Name::FlushLatency, number::FLUSH_TIME, number::FLUSH_OPERATIONS),
    ];
    for disk in disks.rows_of(machine) {
        out.device(disk.text(text::NAME).unwrap_or_default(), |out| {
            // VDSM shows 0 for a drive whose sizes it does not keep.
            out.whole(Name::TrueSize, disk.number(number::TRUE_SIZE).unwrap_or(0.0));
            out.whole(Name::ApparentSize, disk.number(number::APPARENT_SIZE).unwrap_or(0.0));
            if let Some(image) = disk.text(text::IMAGE) {
                out.text(Name::ImageId, image);
            }
            for (name, id) in [(Name::ReadRate, number::READ_BYTES), (Name::WriteRate, number::WRITE_BYTES)] {
                if let Some(bytes_per_second) = rate(&disk, id, number::DISK_WINDOW) {
                    out.hundredths(name, bytes_per_second);
                }
            }
            for (name, time, operations) in LATENCIES {
                if let (Some(time), Some(operations)) = (disk.number(time), disk.number(operations)) {
                    out.whole(name, if operations > 0.0 { time / operations } else { 0.0 });
                }
            }
        });
    }
}

/// The difference `id` per second of its window; none until there are two samples.
fn rate(device: &Device<'_, '_>, id: u32, window: u32) -> Option<f64> {
    match device.number(window) {
        Some(seconds) if seconds > 0.0 => Some(device.number(id)? / seconds),
        _ => None,
    }
}

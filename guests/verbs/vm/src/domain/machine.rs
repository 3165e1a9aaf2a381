//! What a machine is beside its devices and processors: kind, memory, firmware, identity, clock.

use vdsm_sdk::wire::Object;

use super::xml::Element;
use super::{Emulation, Host};
use crate::reading::{self, Unstartable};

/// The domain type.
pub(super) fn kind(conf: &Object, host: &Host) -> &'static str {
    match host.emulation {
        Emulation::AsAsked if reading::flag(conf, "kvmEnable", true) => "kvm",
        _ => "qemu",
    }
}

/// Memory and processors. libvirt counts in KiB, managers in MiB.
pub(super) fn memory(conf: &Object) -> Result<Vec<Element>, Unstartable> {
    let kib = |key, default| -> Result<String, Unstartable> { Ok(reading::number(conf, key, default)?.saturating_mul(1024).to_string()) };
    let size = kib("memSize", 256)?;
    let guaranteed = Element::new("min_guarantee").holding(kib("memGuaranteedSize", 0)?);
    Ok(vec![
        Element::new("memory").holding(&size),
        Element::new("currentMemory").holding(size),
        Element::new("vcpu").holding(reading::number(conf, "smp", 1)?.to_string()),
        Element::new("memtune").child(guaranteed),
    ])
}

/// How it boots, and the identity that its firmware shows to the guest.
pub(super) fn firmware(id: &str, conf: &Object, host: &Host) -> Result<[Element; 2], Unstartable> {
    let asked = reading::text(conf, "emulatedMachine").unwrap_or_else(|| "pc".into());
    let machine = host.machine_aliases.get(&asked).unwrap_or(&asked);
    let kernel = [("initrd", "initrd"), ("kernel", "kernel"), ("cmdline", "kernelArgs")];
    let direct = kernel.into_iter().filter_map(|(name, key)| Some(Element::new(name).holding(reading::filled(conf, key)?)));
    let os = Element::new("os")
        .child(Element::new("type").with("arch", "x86_64").with("machine", machine).holding("hvm"))
        .children(boot(conf)?)
        .children(direct)
        .child(Element::new("smbios").with("mode", "sysinfo"));
    let entry = |name: &str, value: &str| Element::new("entry").with("name", name).holding(value);
    let system = Element::new("system")
        .child(entry("manufacturer", "oVirt"))
        .child(entry("product", "oVirt Node"))
        .child(entry("version", &host.release))
        .child(entry("serial", &host.uuid))
        .child(entry("uuid", id));
    Ok([os, Element::new("sysinfo").with("type", "smbios").child(system)])
}

fn boot(conf: &Object) -> Result<Vec<Element>, Unstartable> {
    let device = |letter| match letter {
        'a' => Ok("fd"),
        'c' => Ok("hd"),
        'd' => Ok("cdrom"),
        'n' => Ok("network"),
        other => Err(Unstartable(format!("Unknown boot device {other}"))),
    };
    let order = reading::text(conf, "boot").unwrap_or_default();
    order.chars().map(|letter| Ok(Element::new("boot").with("dev", device(letter)?))).collect()
}

/// The clock, as far from UTC as the guest left it.
pub(super) fn clock(conf: &Object) -> Element {
    let offset = reading::text(conf, "timeOffset").unwrap_or_else(|| "0".into());
    let clock = Element::new("clock").with("offset", "variable").with("adjustment", offset);
    if reading::flag(conf, "tdf", true) {
        clock.child(Element::new("timer").with("name", "rtc").with("tickpolicy", "catchup"))
    } else {
        clock
    }
}

/// `features`, where there are any.
pub(super) fn features(conf: &Object) -> Option<Element> {
    reading::flag(conf, "acpiEnable", true).then(|| Element::new("features").child(Element::new("acpi")))
}

//! Reading the live document back: aliases, addresses and names that libvirt chose go into the configuration's devices, devices
//! the caller did not send are appended. Pure. The rules are VDSM 3.3's; reading the same document twice changes nothing.

mod device;

use std::ops::Range;

use vdsm_core::tree::Tree;

use crate::xml::{Element, XmlError};
use device::{Dict, Reader};

/// What a live document says of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readback {
    /// The configuration with what was read.
    pub conf: Tree,
    /// The domain's name.
    pub name: String,
    /// Hash of the devices; see [`devices_hash`].
    pub hash: String,
}

/// Merges the live `document` into `conf`.
pub fn read_back(conf: &Tree, document: &str) -> Result<Readback, XmlError> {
    let domain = Element::parse_domain(document)?;
    let none = Element::default();
    let devices = domain.child("devices").unwrap_or(&none);
    let mut conf = Dict::of(conf.root());
    let mut reader = Reader::new(conf.array("devices"));
    for element in &devices.children {
        match element.name.as_str() {
            "interface" => reader.interface(element),
            "disk" => reader.disk(element),
            "sound" => reader.by_order("sound", element),
            "video" => reader.by_order("video", element),
            "controller" => reader.controller(element),
            "memballoon" => reader.every("balloon", element),
            "console" => reader.every("console", element),
            "watchdog" => reader.every_addressed("watchdog", element),
            "smartcard" => reader.every_addressed("smartcard", element),
            _ => {}
        }
    }
    for element in &devices.children {
        reader.unknown(element);
    }
    conf.set("devices", reader.finish());
    if let Some(graphics) = devices.child("graphics") {
        for (attribute, member) in [("port", "displayPort"), ("tlsPort", "displaySecurePort")] {
            if let Some(port) = graphics.attribute(attribute) {
                conf.set(member, Tree::text(port));
            }
        }
    }
    Ok(Readback {
        conf: conf.into_tree(),
        name: domain.child_text("name").unwrap_or_default().to_owned(),
        hash: devices_hash(document, &devices.span),
    })
}

/// A configuration for a machine found running that nothing is written down of: what a manager needs to take it in.
pub fn minimal_conf(id: &str, document: &str) -> Result<Tree, XmlError> {
    let domain = Element::parse_domain(document)?;
    let memory_mib = domain.child("memory").map_or(0, memory_mib);
    let display = domain.child("devices").and_then(|devices| devices.child_attribute("graphics", "type"));
    Ok(Tree::object(|conf| {
        conf.text_at("vmId", id);
        conf.text_at("vmName", domain.child_text("name").unwrap_or_default());
        conf.int_at("memSize", i32::try_from(memory_mib).unwrap_or(i32::MAX));
        conf.text_at("smp", domain.child_text("vcpu").unwrap_or("1"));
        conf.text_at("vmType", "kvm");
        conf.text_at("kvmEnable", if domain.attribute("type") == Some("kvm") { "true" } else { "false" });
        conf.text_at(
            "acpiEnable",
            if domain.child("features").is_some_and(|features| features.child("acpi").is_some()) { "true" } else { "false" },
        );
        conf.text_at("display", if display == Some("spice") { "qxl" } else { "vnc" });
        conf.text_at("displayIp", "0").text_at("displayPort", "-1").text_at("displaySecurePort", "-1");
        conf.array_at("devices", |_| {});
    }))
}

fn memory_mib(memory: &Element) -> u64 {
    let number: u64 = memory.text.trim().parse().unwrap_or(0);
    match memory.attribute("unit") {
        Some("b" | "bytes") => number >> 20,
        Some("MiB" | "M") => number,
        Some("GiB" | "G") => number << 10,
        // libvirt writes KiB, and reads a number without a unit as that.
        Some(_) | None => number >> 10,
    }
}

/// A text that changes whenever the devices of the document change: FNV-1a of the element's bytes, as a signed number in text like
/// VDSM's. `0` is kept for "no document yet".
fn devices_hash(document: &str, devices: &Range<usize>) -> String {
    let bytes = document.as_bytes().get(devices.clone()).unwrap_or_default();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    hash.cast_signed().to_string()
}

#[cfg(test)]
mod tests;

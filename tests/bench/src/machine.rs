//! The machines that are created: two disks, two NICs, a balloon, a console; as a manager sends them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use vdsm_core::tree::{Tree, TreeBuilder};
use vdsm_hypervisor::libvirt::synthetic;

/// Its disks lie here below a root.
const DISKS: &str = "var/lib/vdsm/bench";

/// Where the disks of all machines are; made when they are not there. The test driver opens none.
pub(crate) fn disks(root: &Path) -> anyhow::Result<[PathBuf; 2]> {
    let folder = root.canonicalize().context("the scratch root")?.join(DISKS);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let disks = ["system.img", "data.img"].map(|name| folder.join(name));
    for disk in &disks {
        std::fs::write(disk, b"").with_context(|| disk.display().to_string())?;
    }
    Ok(disks)
}

/// The id of the machine with that index; the synthetic sampler knows the first ones.
pub(crate) fn id(index: usize) -> String {
    synthetic::uuid(index)
}

/// The arguments of the `create` that makes it.
pub(crate) fn arguments(index: usize, disks: &[PathBuf; 2]) -> Tree {
    Tree::array(|arguments| {
        arguments.open_object();
        general(arguments, index);
        arguments.array_at("devices", |devices| {
            for (number, path) in disks.iter().enumerate() {
                disk(devices, number, path);
            }
            for number in 0..2 {
                interface(devices, index, number);
            }
            others(devices);
        });
        arguments.close();
    })
}

/// The arguments of the `list` that shows it alone.
pub(crate) fn listed(index: usize) -> Tree {
    Tree::array(|arguments| {
        arguments.boolean(false);
        arguments.open_array();
        arguments.text(&id(index));
        arguments.close();
    })
}

/// The arguments of a verb about that machine alone.
pub(crate) fn named(index: usize) -> Tree {
    Tree::array(|arguments| {
        arguments.text(&id(index));
    })
}

fn general(conf: &mut TreeBuilder, index: usize) {
    for (key, value) in [
        ("vmName", format!("bench-{index}").as_str()),
        ("vmId", &id(index)),
        ("vmType", "kvm"),
        ("kvmEnable", "true"),
        ("memSize", "1024"),
        ("memGuaranteedSize", "512"),
        ("smp", "2"),
        ("smpCoresPerSocket", "1"),
        ("cpuType", "Westmere"),
        ("emulatedMachine", "pc-1.0"),
        ("display", "vnc"),
        ("keyboardLayout", "en-us"),
        ("acpiEnable", "true"),
        ("tabletEnable", "true"),
        ("timeOffset", "0"),
        ("transparentHugePages", "true"),
        ("nicModel", "rtl8139,pv"),
        ("pitReinjection", "false"),
    ] {
        conf.text_at(key, value);
    }
    conf.object_at("custom", |custom| {
        custom.text_at("smbios", "{'serial': 'bench'}^{'vendor': 'bench'}");
    });
}

fn disk(devices: &mut TreeBuilder, number: usize, path: &Path) {
    devices.open_object();
    devices.text_at("type", "disk").text_at("device", "disk").text_at("iface", "virtio").text_at("format", "raw");
    devices.text_at("path", &path.display().to_string()).text_at("propagateErrors", "off").text_at("readonly", "false");
    devices.text_at("imageID", &format!("9e0f1b52-0000-4000-8000-{number:012x}")).int_at("index", i32::try_from(number).unwrap_or(0));
    devices.close();
}

fn interface(devices: &mut TreeBuilder, machine: usize, number: usize) {
    devices.open_object();
    devices.text_at("type", "interface").text_at("device", "bridge").text_at("network", "ovirtmgmt").text_at("nicModel", "pv");
    devices.text_at("macAddr", &format!("00:1a:4a:{:02x}:{:02x}:{number:02x}", machine / 256 % 256, machine % 256));
    devices.text_at("linkActive", "true");
    devices.close();
}

fn others(devices: &mut TreeBuilder) {
    devices.open_object();
    devices.text_at("type", "balloon").text_at("device", "memballoon");
    devices.object_at("specParams", |parameters| {
        parameters.text_at("model", "virtio");
    });
    devices.close();
    for (kind, device) in [("console", "console"), ("video", "cirrus"), ("controller", "virtio-serial")] {
        devices.open_object();
        devices.text_at("type", kind).text_at("device", device);
        devices.close();
    }
}

//! Documents are VDSM's: the worked examples of its generator, then what they do not show, part by part. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod canonical;
mod parts;

use vdsm_sdk::wire::Object;
use vdsm_sdk::{array, object};

use super::{Disks, DisplayTls, Emulation, Host, Prepared, document, for_libvirt};
use crate::devices::{Defaults, normalise};
use crate::reading::Unstartable;
use canonical::canonical;

const ID: &str = "11111111-2222-4333-8444-555555555555";

fn host() -> Host {
    Host {
        release: "19-8".into(),
        uuid: "4c4c4544-0042-3510-8052-b9c04f4d3432_00:21:cc:68:d7:38".into(),
        channels: "/var/lib/libvirt/qemu/channels".into(),
        emulation: Emulation::AsAsked,
        display_tls: DisplayTls::Offered,
        machine_aliases: [("rhel6.4.0".into(), "pc".into())].into(),
        drive_cache: "none".into(),
    }
}

/// The document of a configuration: its disks where `more` says, else at the paths they name.
fn built(mut conf: Object, more: Disks, host: &Host) -> Result<String, Unstartable> {
    normalise(&mut conf, &Defaults { bridge: "engine".into() })?;
    let listed = conf.get("devices").unwrap().items().iter().enumerate();
    let named = listed.filter_map(|(number, device)| Some((number, device.text("path").filter(|path| !path.is_empty())?)));
    let mut disks: Disks = named.map(|(number, path)| (number, Prepared { path: path.into(), block: false })).collect();
    disks.extend(more);
    document(ID, &conf, &disks, host)
}

fn write(conf: Object, more: Disks) -> String {
    built(conf, more, &host()).unwrap()
}

fn worked_example() -> Object {
    let (pool, domain, image, volume) = ("P", "D", "I", "V");
    let devices = array![
        object! {
            "type": "disk", "device": "cdrom", "iface": "ide", "index": "2", "path": "", "readonly": "true",
            "specParams": object! { "path": "" },
        },
        object! {
            "type": "disk", "device": "disk", "iface": "virtio", "index": 0, "format": "cow", "propagateErrors": "off", "bootOrder": "1",
            "poolID": pool, "domainID": domain, "imageID": image, "volumeID": volume,
        },
        object! {
            "type": "interface", "device": "bridge", "nicModel": "pv", "macAddr": "00:1a:4a:16:01:51", "network": "ovirtmgmt",
            "filter": "vdsm-no-mac-spoofing", "linkActive": "true", "bootOrder": "2",
        },
        object! { "type": "video", "device": "qxl", "specParams": object! { "vram": "65536", "heads": "1", "ram": "65536" } },
        object! { "type": "sound", "device": "ich6" },
        object! { "type": "controller", "device": "virtio-serial" },
        object! { "type": "controller", "device": "scsi", "model": "virtio-scsi", "index": "0" },
        object! { "type": "controller", "device": "usb", "model": "ich9-ehci1", "index": "0" },
        object! { "type": "controller", "device": "usb", "model": "ich9-uhci1", "index": "0", "master": object! { "startport": "0" } },
        object! { "type": "balloon", "device": "memballoon", "specParams": object! { "model": "virtio" } },
        object! { "type": "watchdog", "device": "watchdog", "specParams": object! { "model": "i6300esb", "action": "reset" } },
        object! { "type": "console", "device": "console" },
        object! { "type": "smartcard", "device": "smartcard", "specParams": object! { "mode": "passthrough", "type": "spicevmc" } },
        object! { "type": "redir", "device": "spicevmc", "bus": "usb" },
    ];
    object! {
        "vmId": ID, "vmName": "web01", "memSize": 2048, "memGuaranteedSize": 1024, "smp": "4", "smpCoresPerSocket": "2",
        "smpThreadsPerCore": "1", "cpuType": "Westmere,+sse4_2,-svm", "cpuPinning": object! { "0": "0-1", "1": "2-3" },
        "emulatedMachine": "pc-1.0", "timeOffset": "-3600", "display": "qxl", "displayNetwork": "ovirtmgmt",
        "spiceSecureChannels": "smain,sinputs", "keyboardLayout": "en-us", "kvmEnable": "true", "acpiEnable": "true",
        "tabletEnable": "true", "devices": devices,
    }
}

/// Nothing of the reference is left out.
#[test]
fn the_worked_example_comes_out_as_vdsm_wrote_it() {
    let volume = Prepared { path: "/rhev/data-center/P/D/images/I/V".into(), block: true };
    let document = write(worked_example(), [(1, volume)].into());
    assert_eq!(canonical(&document), canonical(include_str!("tests/worked.xml")));
}

#[test]
fn the_same_in_the_form_of_older_managers() {
    let conf = object! {
        "vmId": ID, "memSize": 512, "display": "vnc", "macAddr": "00:1a:4a:00:00:01", "nicModel": "rtl8139,pv", "bridge": "ovirtmgmt",
        "hda": "/data/a.img", "cdrom": "/iso/x.iso", "boot": "cd", "soundDevice": "ac97",
    };
    assert_eq!(canonical(&write(conf, Disks::new())), canonical(include_str!("tests/legacy.xml")));
}

#[test]
fn what_libvirt_refuses_today_goes_before_the_start_and_nothing_else() {
    let document = write(object! { "display": "vnc", "memGuaranteedSize": 512, "devices": array![] }, Disks::new());
    let started = for_libvirt(&document);
    assert!(document.contains("<min_guarantee>524288</min_guarantee>") && !started.contains("min_guarantee"));
    assert_eq!(document.replace("<min_guarantee>524288</min_guarantee>", ""), started);
    for untouched in ["<domain/>", "</min_guarantee><min_guarantee>", "<min_guarantee>"] {
        assert_eq!(for_libvirt(untouched), untouched);
    }
}

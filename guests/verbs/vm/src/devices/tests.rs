//! The normal form of devices. Rung: pure.
#![allow(clippy::unwrap_used)]

use vdsm_sdk::wire::{Object, Value};
use vdsm_sdk::{array, object};

use super::{Defaults, normalise, target_name};
use crate::reading::Unstartable;

fn normal(mut conf: Object) -> Result<Object, Unstartable> {
    normalise(&mut conf, &Defaults { bridge: "engine".into() }).map(|()| conf)
}

fn disk(iface: &str) -> Object {
    object! { "type": "disk", "device": "disk", "iface": iface, "path": "/a" }
}

fn indexes(conf: &Object) -> Vec<Option<&Value>> {
    conf.get("devices").unwrap().items().iter().filter(|device| device.text("type") == Some("disk")).map(|disk| disk.get("index")).collect()
}

#[test]
fn disks_fill_the_lowest_places_of_their_bus_after_all_that_have_one() {
    let mut second = disk("virtio");
    second.set("index", "0");
    let mut cdrom = disk("ide");
    cdrom.set("index", 2);
    let conf = normal(object! { "devices": array![disk("virtio"), second, disk("ide"), disk("virtio"), cdrom] }).unwrap();
    assert_eq!(indexes(&conf), [Some(&1.into()), Some(&"0".into()), Some(&0.into()), Some(&2.into()), Some(&2.into())]);
}

#[test]
fn a_balloon_is_added_where_none_is_asked_for_and_normal_form_is_stable() {
    let conf = normal(object! { "devices": array![disk("virtio")] }).unwrap();
    let balloon = object! { "type": "balloon", "device": "memballoon", "specParams": object! { "model": "none" } };
    assert_eq!(conf.get("devices").unwrap().items().last(), Some(&balloon.into()));
    assert_eq!(normal(conf.clone()), Ok(conf));
    let own = object! { "type": "balloon", "device": "memballoon", "specParams": object! { "model": "virtio" } };
    assert_eq!(normal(object! { "devices": array![own.clone()] }).unwrap().get("devices"), Some(&array![own]));
}

#[test]
fn names_count_on_past_the_alphabet() {
    let name = |iface: &str, index: i32| target_name(&object! { "iface": iface, "index": index });
    for (iface, index, expected) in [
        ("virtio", 0, "vda"),
        ("ide", 2, "hdc"),
        ("scsi", 25, "sdz"),
        ("virtio", 26, "vdaa"),
        ("virtio", 702, "vdaaa"),
        ("fdc", 0, "fda"),
        ("usb", 1, "hdb"),
    ] {
        assert_eq!(name(iface, index), Ok(expected.to_owned()));
    }
    assert!(name("virtio", -1).is_err());
}

#[test]
fn one_watchdog_and_one_console_at_most() {
    for kind in ["watchdog", "console"] {
        let one = object! { "type": kind, "device": kind };
        assert!(normal(object! { "devices": array![one.clone()] }).is_ok());
        let reason = normal(object! { "devices": array![one.clone(), one] }).unwrap_err();
        assert_eq!(reason.0, format!("only a single {kind} device is supported"));
    }
}

#[test]
fn what_is_no_device_says_which_and_why() {
    for (devices, reason) in [
        (Value::from("x"), "devices is no array"),
        (array!["x"], "Bad device 0: not a struct"),
        (array![object! { "device": "x" }], "Bad device 0: type is missing"),
        (array![object! { "type": "disk" }], "Bad device 0 (disk): iface is missing"),
        (array![object! { "type": "disk", "iface": "ide", "index": "x" }], "Bad device 0 (disk): index is no number"),
    ] {
        assert_eq!(normal(object! { "devices": devices }), Err(Unstartable::new(reason)));
    }
}

fn legacy(mut more: Object) -> Result<Vec<Value>, Unstartable> {
    more.entry("display", || "vnc".into());
    Ok(normal(more)?.get("devices").unwrap().items().to_vec())
}

fn of_type<'a>(devices: &'a [Value], kind: &str) -> Vec<&'a Value> {
    devices.iter().filter(|device| device.text("type") == Some(kind)).collect()
}

#[test]
fn older_keys_become_a_list_with_a_cd_drive_and_a_serial_controller() {
    let devices = legacy(object! {}).unwrap();
    let cdrom = object! { "type": "disk", "device": "cdrom", "iface": "ide", "index": 2, "path": "" };
    assert_eq!(of_type(&devices, "disk"), [&Value::from(cdrom)]);
    assert_eq!(of_type(&devices, "controller"), [&Value::from(object! { "type": "controller", "device": "virtio-serial" })]);
    assert_eq!(of_type(&devices, "video").len(), 1);
    assert_eq!((of_type(&devices, "interface").len(), of_type(&devices, "sound").len()), (0, 0));
}

#[test]
fn older_drives_take_the_place_of_named_disks() {
    let drives = array![
        object! { "path": "/d", "if": "virtio" },
        object! { "path": "/e", "iface": "scsi", "format": "cow", "propagateErrors": "on" }
    ];
    let devices = legacy(object! { "drives": drives, "hda": "/a", "floppy": "/f" }).unwrap();
    let drive = object! {
        "type": "disk", "device": "disk", "iface": "virtio", "if": "virtio", "path": "/d", "index": 0, "format": "raw",
        "propagateErrors": "off", "readonly": false, "shared": false,
    };
    let disks = of_type(&devices, "disk");
    assert_eq!(disks.first(), Some(&&drive.into()));
    assert_eq!(disks.get(1).and_then(|disk| Some((disk.text("format")?, disk.text("propagateErrors")?))), Some(("cow", "on")));
    assert_eq!(disks.iter().map(|disk| disk.text("device").unwrap()).collect::<Vec<_>>(), ["disk", "disk", "cdrom", "floppy"]);
}

#[test]
fn older_nics_are_filled_up_with_the_last_address_and_bridge() {
    let devices = legacy(object! { "macAddr": "m0,m1", "nicModel": "rtl8139,pv,e1000", "bridge": "b" }).unwrap();
    let nics: Vec<_> =
        of_type(&devices, "interface").into_iter().map(|nic| [nic.text("macAddr"), nic.text("nicModel"), nic.text("network")]).collect();
    let expected = [["m0", "rtl8139", "b"], ["m1", "virtio", "b"], ["m1", "e1000", "b"]];
    assert_eq!(nics, expected.map(|nic| nic.map(Some)));
    assert!(legacy(object! { "macAddr": "m0,m1", "nicModel": "pv" }).is_err());
    let default = legacy(object! { "macAddr": "m0", "nicModel": "pv" }).unwrap();
    assert_eq!(of_type(&default, "interface").first().and_then(|nic| nic.text("network")), Some("engine"));
}

#[test]
fn older_displays_have_a_video_device_a_monitor() {
    let memory = |more: Object| -> Vec<String> {
        let devices = legacy(more).unwrap();
        of_type(&devices, "video")
            .into_iter()
            .map(|video| format!("{} {}", video.text("device").unwrap(), video.at("specParams.vram").unwrap().as_text().unwrap()))
            .collect()
    };
    assert_eq!(memory(object! { "display": "qxl", "spiceMonitors": "2" }), ["qxl 65536", "qxl 65536"]);
    assert_eq!(memory(object! { "display": "qxl", "spiceMonitors": 3 }), ["qxl 32768"; 3]);
    assert!(legacy(object! { "display": "qxlnc" }).is_err());
}

#[test]
fn an_older_smartcard_can_be_told_from_other_devices() {
    let devices = legacy(object! { "smartcard": "true" }).unwrap();
    let parameters = object! { "mode": "passthrough", "type": "spicevmc" };
    let expected = object! { "type": "smartcard", "device": "smartcard", "specParams": parameters };
    assert_eq!(of_type(&devices, "smartcard"), [&Value::from(expected)]);
}

//! Rung: pure, on a live document as libvirt 9.0 wrote it for a running QEMU 7.2.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use vdsm_core::tree::Value;

use super::*;

const LIVE: &str = include_str!("live.xml");

/// The configuration the domain was made from, as a manager sends it.
fn sent() -> Tree {
    Tree::object(|conf| {
        conf.text_at("vmId", "11111111-2222-4333-8444-555555555555").text_at("displayPort", "-1").text_at("displaySecurePort", "-1");
        conf.array_at("devices", |devices| {
            let mut device = |members: &[(&str, &str)]| {
                devices.open_object();
                for (name, value) in members {
                    devices.text_at(name, value);
                }
                devices.close();
            };
            device(&[("type", "disk"), ("device", "cdrom"), ("iface", "ide"), ("index", "2"), ("path", ""), ("deviceId", "cd")]);
            device(&[("type", "disk"), ("device", "disk"), ("iface", "virtio"), ("path", "/images/a.img"), ("deviceId", "boot")]);
            device(&[
                ("type", "interface"),
                ("device", "bridge"),
                ("macAddr", "00:1A:4A:16:01:51"),
                ("nicModel", "pv"),
                ("deviceId", "nic"),
            ]);
            device(&[("type", "video"), ("device", "cirrus"), ("deviceId", "video")]);
            device(&[("type", "controller"), ("device", "virtio-serial"), ("deviceId", "serial")]);
            device(&[("type", "controller"), ("device", "scsi"), ("model", "virtio-scsi"), ("index", "0"), ("deviceId", "scsi")]);
            device(&[("type", "balloon"), ("device", "memballoon"), ("deviceId", "balloon")]);
            device(&[("type", "watchdog"), ("device", "watchdog"), ("deviceId", "watchdog")]);
            device(&[("type", "console"), ("device", "console"), ("deviceId", "console")]);
            device(&[("type", "redir"), ("device", "spicevmc"), ("deviceId", "redir")]);
        });
    })
}

fn read() -> Readback {
    read_back(&sent(), LIVE).unwrap()
}

fn device<'a>(conf: &'a Tree, id: &str) -> Value<'a> {
    let is = |device: &Value<'a>| device.get("deviceId").and_then(|text| text.as_text()) == Some(id);
    conf.root().get("devices").unwrap().items().find(is).unwrap()
}

fn text<'a>(value: Value<'a>, name: &str) -> Option<&'a str> {
    value.get(name).and_then(|text| text.as_text())
}

#[test]
fn devices_that_were_sent_get_alias_and_address_as_text() {
    let conf = read().conf;
    for (id, alias) in [
        ("cd", "ide0-1-0"),
        ("boot", "virtio-disk0"),
        ("nic", "net0"),
        ("video", "video0"),
        ("serial", "virtio-serial0"),
        ("scsi", "scsi0"),
        ("balloon", "balloon0"),
        ("watchdog", "watchdog0"),
        ("console", "console0"),
    ] {
        assert_eq!(text(device(&conf, id), "alias"), Some(alias), "{id}");
    }
    let address = device(&conf, "boot").get("address").unwrap();
    let members: Vec<_> = address.members().map(|(name, value)| (name, value.as_text().unwrap())).collect();
    assert_eq!(members, [("type", "pci"), ("domain", "0x0000"), ("bus", "0x00"), ("slot", "0x06"), ("function", "0x0")]);
    assert!(device(&conf, "console").get("address").is_none());
    assert!(device(&conf, "redir").get("alias").is_none());
}

#[test]
fn disks_and_nics_get_what_managers_read_of_them() {
    let conf = read().conf;
    let boot = device(&conf, "boot");
    assert_eq!((text(boot, "name"), text(boot, "readonly"), text(boot, "bootOrder")), (Some("vda"), Some("False"), Some("1")));
    let cd = device(&conf, "cd");
    assert_eq!((text(cd, "name"), text(cd, "readonly"), text(cd, "path")), (Some("hdc"), Some("True"), Some("")));
    let nic = device(&conf, "nic");
    assert_eq!(nic.get("linkActive").unwrap().as_bool(), Some(true));
    assert_eq!(text(nic, "macAddr"), Some("00:1A:4A:16:01:51"));
}

#[test]
fn what_libvirt_added_is_appended_without_a_device_id() {
    let conf = read().conf;
    let added: Vec<_> = conf
        .root()
        .get("devices")
        .unwrap()
        .items()
        .filter(|device| device.get("deviceId").is_none())
        .map(|device| (text(device, "type").unwrap(), text(device, "device").unwrap(), text(device, "alias").unwrap()))
        .collect();
    let expected =
        [("controller", "usb", "usb"), ("controller", "ide", "ide"), ("channel", "unix", "channel0"), ("input", "tablet", "input0")];
    assert_eq!(added, expected);
}

#[test]
fn ports_of_the_display_are_known_after_it() {
    let conf = read().conf;
    assert_eq!(text(conf.root(), "displayPort"), Some("5900"));
    assert_eq!(text(conf.root(), "displaySecurePort"), Some("-1"));
    assert_eq!(read().name, "web01");
}

#[test]
fn reading_the_same_document_again_changes_nothing() {
    let once = read();
    assert_eq!(read_back(&once.conf, LIVE).unwrap(), once);
}

#[test]
fn an_alias_corrects_the_path_of_its_disk() {
    let once = read().conf;
    let moved = LIVE.replace("/images/a.img", "/images/b.img");
    let conf = read_back(&once, &moved).unwrap().conf;
    assert_eq!(text(device(&conf, "boot"), "path"), Some("/images/b.img"));
    assert_eq!(conf.root().get("devices").unwrap().len(), once.root().get("devices").unwrap().len());
}

#[test]
fn the_hash_follows_the_devices_and_nothing_else() {
    let hash = |document: &str| read_back(&sent(), document).unwrap().hash;
    assert_eq!(hash(LIVE), hash(&LIVE.replace("<vcpu placement='static'>1<", "<vcpu placement='static'>2<")));
    assert_ne!(hash(LIVE), hash(&LIVE.replace("slot='0x06'", "slot='0x09'")));
    assert!(hash(LIVE).parse::<i64>().is_ok_and(|number| number != 0));
}

#[test]
fn a_machine_without_a_record_has_what_a_manager_needs_to_take_it_in() {
    let conf = minimal_conf("11111111-2222-4333-8444-555555555555", LIVE).unwrap();
    let root = conf.root();
    assert_eq!((text(root, "vmName"), text(root, "smp"), text(root, "display")), (Some("web01"), Some("1"), Some("vnc")));
    assert_eq!((text(root, "kvmEnable"), text(root, "acpiEnable")), (Some("false"), Some("true")));
    assert_eq!(root.get("memSize").unwrap().as_int(), Some(64));
}

#[test]
fn what_is_no_domain_is_an_error() {
    assert!(read_back(&sent(), "<network/>").is_err());
    assert!(read_back(&sent(), "<domain><devices>").is_err());
    assert!(read_back(&sent(), "").is_err());
}

//! One part of a document at a time. Rung: pure.

use vdsm_sdk::wire::{Object, Value};
use vdsm_sdk::{array, object};

use super::super::{Disks, DisplayTls, Emulation};
use super::{Host, host, write};
use crate::reading::Unstartable;

/// The document of a machine that has one device more than it must.
fn with_device(device: Object) -> Result<String, Unstartable> {
    built(object! { "display": "vnc", "devices": array![device] })
}

fn built(conf: Object) -> Result<String, Unstartable> {
    super::built(conf, Disks::new(), &host())
}

fn machine(mut conf: Object) -> String {
    conf.entry("display", || "vnc".into());
    conf.entry("devices", || array![]);
    write(conf, Disks::new())
}

fn disk() -> Object {
    object! { "type": "disk", "device": "disk", "iface": "virtio", "path": "/a", "format": "raw", "propagateErrors": "off" }
}

fn with(mut base: Object, key: &'static str, value: impl Into<Value>) -> Object {
    base.set(key, value);
    base
}

fn says(document: &str, parts: &[&str]) {
    for part in parts {
        assert!(document.contains(part), "no {part} in\n{document}");
    }
}

fn lacks(document: &str, parts: &[&str]) {
    for part in parts {
        assert!(!document.contains(part), "{part} in\n{document}");
    }
}

#[test]
fn flags_sent_as_text_decide_the_kind_the_pointer_and_power() {
    let document =
        machine(object! { "kvmEnable": "false", "acpiEnable": "false", "tabletEnable": true, "tdf": "false", "vmchannel": "false" });
    says(
        &document,
        &[
            "<domain type=\"qemu\">",
            "<input bus=\"usb\" type=\"tablet\"/>",
            "<clock adjustment=\"0\" offset=\"variable\"/>",
            "org.qemu.guest_agent.0",
        ],
    );
    lacks(&document, &["<features>", "com.redhat.rhevm.vdsm"]);
    says(&machine(object! { "kvmEnable": 1 }), &["<domain type=\"qemu\">"]);
}

#[test]
fn forced_emulation_and_machine_aliases_change_the_document_alone() {
    let conf = object! { "display": "vnc", "kvmEnable": "true", "emulatedMachine": "rhel6.4.0", "devices": array![] };
    let forced = Host { emulation: Emulation::Always, ..host() };
    says(&super::built(conf, Disks::new(), &forced).unwrap(), &["<domain type=\"qemu\">", "machine=\"pc\""]);
    says(&machine(object! { "emulatedMachine": "pc-i440fx-7.2" }), &["<domain type=\"kvm\">", "machine=\"pc-i440fx-7.2\""]);
}

#[test]
fn a_kernel_of_the_hosts_is_booted_with_its_arguments() {
    let document = machine(object! { "kernel": "/k", "initrd": "/i", "kernelArgs": "a=1 b<2", "boot": "ndca" });
    says(&document, &["<kernel>/k</kernel>", "<initrd>/i</initrd>", "<cmdline>a=1 b&lt;2</cmdline>"]);
    let order: Vec<_> =
        ["network", "cdrom", "hd", "fd"].iter().map(|device| document.find(&format!("<boot dev=\"{device}\"/>")).unwrap()).collect();
    assert!(order.is_sorted(), "{document}");
    assert_eq!(built(object! { "display": "vnc", "devices": array![], "boot": "x" }), Err(Unstartable::new("Unknown boot device x")));
    lacks(&machine(object! { "kernel": "", "initrd": "" }), &["<kernel", "<initrd"]);
}

#[test]
fn numbers_may_be_text_and_must_be_numbers() {
    says(
        &machine(object! { "memSize": "64", "smp": 2 }),
        &["<memory>65536</memory>", "<currentMemory>65536</currentMemory>", "<vcpu>2</vcpu>"],
    );
    assert_eq!(built(object! { "display": "vnc", "devices": array![], "memSize": "big" }), Err(Unstartable::new("memSize is no number")));
}

#[test]
fn processors_of_the_host_have_no_flags_of_their_own() {
    let document = machine(object! { "cpuType": "hostPassthrough,+vmx", "smp": "8", "smpThreadsPerCore": "2" });
    says(&document, &["<cpu match=\"exact\" mode=\"host-passthrough\">", "<topology cores=\"1\" sockets=\"4\" threads=\"2\"/>"]);
    lacks(&document, &["<model>", "<feature "]);
    says(&machine(object! { "cpuType": "hostModel" }), &["<cpu match=\"exact\" mode=\"host-model\"/>"]);
    says(&machine(object! { "cpuType": "qemu64,+svm" }), &["<feature name=\"svm\" policy=\"require\"/>"]);
    lacks(&machine(object! { "cpuType": "qemu64,+svm" }), &["policy=\"disable\""]);
    says(&machine(object! { "cpuPinning": object! {} }), &["<cputune/>"]);
    assert!(built(object! { "display": "vnc", "devices": array![], "smpCoresPerSocket": "0" }).is_err());
}

#[test]
fn a_ticket_is_switched_off_by_the_key_alone() {
    let document = machine(object! { "spiceDisableTicketing": "false" });
    lacks(&document, &["passwd"]);
    says(&document, &["<graphics autoport=\"yes\" listen=\"0\" port=\"-1\" type=\"vnc\"/>"]);
    says(&machine(object! { "displayNetwork": "display" }), &["<listen network=\"vdsm-display\" type=\"network\"/>"]);
    lacks(&machine(object! { "displayNetwork": "" }), &["<listen"]);
}

#[test]
fn a_host_without_tls_offers_displays_in_the_clear_alone() {
    let conf = object! { "display": "qxl", "spiceSecureChannels": "smain", "devices": array![] };
    let clear = Host { display_tls: DisplayTls::Off, ..host() };
    let document = super::built(conf, Disks::new(), &clear).unwrap();
    says(&document, &["type=\"spice\"", "name=\"com.redhat.spice.0\""]);
    lacks(&document, &["tlsPort", "secure"]);
}

#[test]
fn disks_say_how_they_are_driven() {
    let shared = with(with(disk(), "shared", "true"), "readonly", "true");
    let document = with_device(with(with(shared, "serial", "s"), "address", object! { "type": "pci", "slot": "0x05" })).unwrap();
    says(&document, &["<address slot=\"0x05\" type=\"pci\"/>", "<shareable/>", "<readonly/>", "<serial>s</serial>", "io=\"threads\""]);
    let errors = with_device(with(with(disk(), "propagateErrors", "on"), "format", "cow")).unwrap();
    says(&errors, &["error_policy=\"enospace\"", "type=\"qcow2\""]);
    let cached = object! { "display": "vnc", "custom": object! { "viodiskcache": "writeback" }, "devices": array![disk()] };
    says(&built(cached).unwrap(), &["cache=\"writeback\""]);
    let ide =
        object! { "display": "vnc", "custom": object! { "viodiskcache": "writeback" }, "devices": array![with(disk(), "iface", "ide")] };
    says(&built(ide).unwrap(), &["cache=\"none\""]);
}

#[test]
fn disks_that_cannot_be_say_why() {
    let lun = with(disk(), "device", "lun");
    says(&with_device(with(lun.clone(), "sgio", "filtered")).unwrap(), &["device=\"lun\" sgio=\"filtered\""]);
    let mut formatless = disk();
    formatless.remove("format");
    for (device, why) in [
        (with(lun, "format", "cow"), "a LUN has no format cow"),
        (with(disk(), "sgio", "filtered"), "sgio is for LUNs only"),
        (with(disk(), "shared", "transient"), "shared is none of"),
        (formatless, "format is missing"),
        (with(disk(), "specParams", object! { "ioTune": object! { "speed": 1 } }), "unknown limit speed"),
        (with(disk(), "specParams", object! { "ioTune": object! { "read_iops_sec": -1 } }), "no number from 0 up"),
        (with(disk(), "specParams", object! { "ioTune": object! { "total_bytes_sec": 1, "read_bytes_sec": 2 } }), "exclude each other"),
    ] {
        let reason = with_device(device).unwrap_err();
        assert!(reason.0.starts_with("Bad device 0 (disk): ") && reason.0.contains(why), "{reason:?}");
    }
}

#[test]
fn limits_of_a_disk_are_written_as_numbers() {
    let limits = object! { "total_bytes_sec": "100", "read_iops_sec": 5, "total_iops_sec": 0 };
    let document = with_device(with(disk(), "specParams", object! { "ioTune": limits })).unwrap();
    says(&document, &["<total_bytes_sec>100</total_bytes_sec>", "<read_iops_sec>5</read_iops_sec>", "<total_iops_sec>0</total_iops_sec>"]);
}

fn nic() -> Object {
    object! { "type": "interface", "device": "bridge", "nicModel": "e1000", "macAddr": "00:1a:4a:16:01:51", "network": "lab" }
}

#[test]
fn an_interface_may_hang_in_the_air_be_down_and_be_slowed() {
    let slow = object! { "inbound": object! { "average": "1000" }, "outbound": object! { "average": "500", "burst": "10" } };
    let document = with_device(with(with(with(nic(), "network", ""), "linkActive", "false"), "specParams", slow)).unwrap();
    says(
        &document,
        &[
            "<source bridge=\";vdsmdummy;\"/>",
            "<link state=\"down\"/>",
            "<inbound average=\"1000\"/>",
            "<outbound average=\"500\" burst=\"10\"/>",
        ],
    );
    lacks(&with_device(nic()).unwrap(), &["<link", "<bandwidth", "<filterref", "<boot order"]);
    for key in ["macAddr", "nicModel", "device"] {
        let mut lacking = nic();
        lacking.remove(key);
        assert_eq!(with_device(lacking), Err(Unstartable(format!("Bad device 0 (interface): {key} is missing"))));
    }
}

#[test]
fn custom_properties_choose_the_driver_of_named_networks() {
    let custom = |vhost: &str| object! { "display": "vnc", "custom": object! { "vhost": vhost, "sndbuf": "0" }, "devices": array![nic()] };
    says(&built(custom("other:true,lab:True")).unwrap(), &["<driver name=\"vhost\"/>", "<sndbuf>0</sndbuf>"]);
    says(&built(custom("lab:false")).unwrap(), &["<driver name=\"qemu\"/>"]);
    lacks(&built(custom("other:true,lab")).unwrap(), &["<driver name=\"vhost\"/>", "<driver name=\"qemu\"/>"]);
}

#[test]
fn small_devices_have_vdsms_defaults() {
    let cases: [(Object, &str); 6] = [
        (object! { "type": "video", "device": "vga" }, "<model heads=\"1\" type=\"vga\" vram=\"32768\"/>"),
        (object! { "type": "watchdog", "device": "watchdog" }, "<watchdog action=\"none\" model=\"i6300esb\"/>"),
        (object! { "type": "smartcard", "device": "smartcard", "specParams": object! { "mode": "host" } }, "<smartcard mode=\"host\"/>"),
        (
            object! { "type": "controller", "device": "virtio-serial", "index": "3" },
            "<controller index=\"0\" ports=\"16\" type=\"virtio-serial\"/>",
        ),
        (object! { "type": "rng", "device": "virtio", "address": object! { "type": "pci" } }, "<rng type=\"virtio\">"),
        (object! { "type": "sound", "device": "ac97", "address": object! { "type": "pci" } }, "<sound model=\"ac97\">"),
    ];
    for (device, expected) in cases {
        says(&with_device(device).unwrap(), &[expected]);
    }
    assert!(with_device(object! { "type": "a><b", "device": "x" }).is_err());
}

#[test]
fn names_cannot_break_out_of_the_document() {
    says(&machine(object! { "vmName": "a</name><x>&" }), &["<name>a&lt;/name&gt;&lt;x&gt;&amp;</name>"]);
}

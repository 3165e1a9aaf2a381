//! What a manager of VDSM 3.3's age reads: each member with the type its reader casts to. Rung: pure.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use vdsm_sdk::wire::{Object, Value};
use vdsm_sdk::{array, object};

use crate::capabilities::{Host, capabilities};
use crate::settings::Settings;
use crate::{clock, hardware, statistics};

/// How a manager reads a member. Anything else than what is named here loses the member, or the whole reply.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// Text.
    Text,
    /// Text of a decimal integer.
    TextInt,
    /// Text of a decimal fraction, finite.
    TextDouble,
    /// Text `true` or `false`.
    TextBool,
    /// Text `True` or `False`.
    PythonBool,
    Int,
    Bool,
    /// Array of texts.
    Texts,
    Array,
    Struct,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

fn reads(reader: Reader, value: &Value) -> bool {
    use Reader::*;
    let text = value.as_text();
    match reader {
        Text => text.is_some(),
        TextInt => text.is_some_and(|text| text.parse::<i64>().is_ok()),
        TextDouble => text.is_some_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite)),
        TextBool => matches!(text, Some("true" | "false")),
        PythonBool => matches!(text, Some("True" | "False")),
        Int => value.as_int().is_some(),
        Bool => value.as_bool().is_some(),
        Texts => value.as_array().is_some_and(|items| items.iter().all(|item| item.as_text().is_some())),
        Array => value.as_array().is_some(),
        Struct => value.as_object().is_some(),
        OneOf(words) => text.is_some_and(|text| words.contains(&text)),
    }
}

/// Every member of the table is there and readable, and nothing else is there.
#[track_caller]
fn check(reply: &Object, table: &[(&str, Reader)]) {
    for (key, reader) in table {
        let value = reply.get(key).unwrap_or_else(|| panic!("{key} is missing"));
        assert!(reads(*reader, value), "{key}: {value:?} is no {reader:?}");
    }
    let extra: Vec<_> = reply.iter().map(|(key, _)| key).filter(|key| !table.iter().any(|(known, _)| known == key)).collect();
    assert!(extra.is_empty(), "members nobody reads: {extra:?}");
}

const CAPABILITIES: &[(&str, Reader)] = &[
    ("kvmEnabled", Reader::TextBool),
    ("cpuCores", Reader::TextInt),
    ("cpuThreads", Reader::TextInt),
    ("cpuSockets", Reader::TextInt),
    ("cpuSpeed", Reader::TextDouble),
    ("cpuModel", Reader::Text),
    ("cpuFlags", Reader::Text),
    ("version_name", Reader::Text),
    ("software_version", Reader::Text),
    ("software_revision", Reader::Text),
    ("supportedENGINEs", Reader::Texts),
    ("clusterLevels", Reader::Texts),
    ("supportedProtocols", Reader::Texts),
    ("networks", Reader::Struct),
    ("bridges", Reader::Struct),
    ("nics", Reader::Struct),
    ("bondings", Reader::Struct),
    ("vlans", Reader::Struct),
    ("operatingSystem", Reader::Struct),
    ("uuid", Reader::Text),
    ("packages2", Reader::Struct),
    ("emulatedMachines", Reader::Texts),
    ("ISCSIInitiatorName", Reader::Text),
    ("HBAInventory", Reader::Struct),
    ("vmTypes", Reader::Texts),
    ("memSize", Reader::TextInt),
    ("reservedMem", Reader::TextInt),
    ("guestOverhead", Reader::TextInt),
    ("netConfigDirty", Reader::PythonBool),
    ("management_ip", Reader::Text),
    ("lastClient", Reader::Text),
    ("lastClientIface", Reader::Text),
];

const FROM_THE_START: &[(&str, Reader)] = &[
    ("cpuUser", Reader::TextDouble),
    ("cpuSys", Reader::TextDouble),
    ("cpuIdle", Reader::TextDouble),
    ("cpuUserVdsmd", Reader::TextDouble),
    ("cpuSysVdsmd", Reader::TextDouble),
    ("rxRate", Reader::TextDouble),
    ("txRate", Reader::TextDouble),
    ("statsAge", Reader::TextDouble),
    ("elapsedTime", Reader::TextInt),
    ("storageDomains", Reader::Struct),
    ("memAvailable", Reader::Int),
    ("memCommitted", Reader::Int),
    ("memFree", Reader::Int),
    ("memShared", Reader::Int),
    ("swapTotal", Reader::Int),
    ("swapFree", Reader::Int),
    ("vmCount", Reader::Int),
    ("vmActive", Reader::Int),
    ("vmMigrating", Reader::Int),
    ("dateTime", Reader::Text),
    ("ksmState", Reader::Bool),
    ("ksmPages", Reader::Int),
    ("ksmCpu", Reader::Int),
    ("momStatus", Reader::OneOf(&["active", "inactive", "disabled"])),
    ("netConfigDirty", Reader::PythonBool),
    ("generationID", Reader::Text),
];

const FROM_TWO_SAMPLES: &[(&str, Reader)] = &[
    ("cpuLoad", Reader::TextDouble),
    ("memUsed", Reader::TextInt),
    ("anonHugePages", Reader::TextInt),
    ("thpState", Reader::OneOf(&["always", "madvise", "never"])),
    ("diskStats", Reader::Struct),
    ("network", Reader::Struct),
    ("rxDropped", Reader::TextInt),
    ("txDropped", Reader::TextInt),
];

fn settings(pairs: &'static [(&'static str, &'static str)]) -> Settings {
    Settings::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

fn host(settings: Settings) -> Host {
    Host {
        identity: object! {
            "uuid": "4C4C4544-0042_00:16:3e:00:00:01",
            "operatingSystem": object! { "name": "Debian", "version": "12.5", "release": "" },
            "software": object! { "version": "4.13.3", "revision": "1.el6", "name": "Snow Man" },
            "generation": "g",
            "bootId": "b",
        }
        .into(),
        hardware: object! {
            "cpuModel": "A processor", "cpuSpeed": 2596.146, "cpuFlags": array!["fpu", "nx", "svm"], "models": array!["Opteron_G1", "qemu64"],
            "cores": 2, "threads": 4, "sockets": 1, "memoryMiB": 16000, "kvm": false,
            "machines": array!["pc", "pc-i440fx-7.2", "q35"], "initiator": "iqn.x",
            "fibreChannel": array![object! { "wwpn": "1", "wwnn": "2", "model": "a - b" }],
        }
        .into(),
        packages: object! { "vdsm": object! { "version": "4.13.3", "release": "1.el6", "buildtime": "" } }.into(),
        network: object! { "nics": object! {}, "bridges": object! {}, "vlans": object! {}, "bondings": object! {} }.into(),
        client: object! { "peer": "192.0.2.1", "local": "192.0.2.2", "interface": "eth0" }.into(),
        settings,
    }
}

#[test]
fn capabilities_are_read_by_a_manager() {
    let reply = capabilities(&host(settings(&[("compat.machine_aliases", "pc-1.0=pc,rhel6.4.0=pc,old=gone")])));
    check(&reply, CAPABILITIES);
    assert_eq!(reply.text("cpuSpeed"), Some("2596.146"));
    assert_eq!(reply.text("cpuCores"), Some("2"));
    assert_eq!(reply.text("cpuFlags"), Some("fpu,nx,svm,model_Opteron_G1,model_qemu64"));
    assert_eq!(reply.text("kvmEnabled"), Some("false"));
    assert_eq!(reply.text("reservedMem"), Some("321"));
    assert_eq!(reply.text("lastClientIface"), Some("eth0"));
    assert_eq!(reply.get("emulatedMachines"), Some(&array!["pc", "pc-i440fx-7.2", "q35", "pc-1.0", "rhel6.4.0"]));
    assert_eq!(reply.get("clusterLevels"), Some(&array!["3.0", "3.1", "3.2", "3.3"]));
    let inventory = reply.get("HBAInventory").unwrap();
    assert_eq!(inventory.get("iSCSI"), Some(&array![object! { "InitiatorName": "iqn.x" }]));
    assert!(reads(Reader::Array, inventory.get("FC").unwrap()));
    let vdsm = reply.get("packages2").and_then(|packages| packages.get("vdsm")).unwrap();
    assert!(reads(Reader::Text, vdsm.get("version").unwrap()) && reads(Reader::Text, vdsm.get("release").unwrap()));
}

#[test]
fn capabilities_of_a_host_that_knows_nothing_are_still_read() {
    let nothing = Host {
        identity: Value::Nil,
        hardware: Value::Nil,
        packages: Value::Nil,
        network: Value::Nil,
        client: Value::Nil,
        settings: settings(&[]),
    };
    let reply = capabilities(&nothing);
    check(&reply, CAPABILITIES);
    assert_eq!(reply.text("uuid"), Some("None"));
    assert_eq!(reply.get("HBAInventory"), Some(&object! { "iSCSI": array![], "FC": array![] }.into()));
}

#[test]
fn fake_mode_says_what_vdsms_says() {
    let reply = capabilities(&host(settings(&[("vars.fake_kvm_support", "True"), ("vars.report_host_threads_as_cores", "true")])));
    check(&reply, CAPABILITIES);
    assert_eq!(reply.text("kvmEnabled"), Some("true"));
    assert_eq!(reply.text("cpuModel"), Some("Intel(Fake) CPU"));
    assert_eq!(reply.text("cpuCores"), Some("4"));
    let flags: Vec<&str> = reply.text("cpuFlags").unwrap().split(',').collect();
    for flag in ["nx", "vmx", "sse2", "model_Conroe", "model_Opteron_G1", "model_486"] {
        assert_eq!(flags.iter().filter(|known| **known == flag).count(), 1, "{flag}");
    }
}

fn sampled() -> Object {
    object! {
        "elapsed": 77, "age": 1.234,
        "memory": object! { "free": 9000, "swapTotal": 1024, "swapFree": 1000 },
        "ksm": object! { "running": true, "pages": 100, "shared": 12, "cpu": 3 },
        "machines": object! { "count": 3, "active": 2, "migrating": 1, "committed": 8000, "resident": 500, "policies": 1 },
    }
}

#[test]
fn statistics_before_two_samples_have_what_a_manager_cannot_do_without() {
    let reply = statistics::statistics(&sampled().into(), &settings(&[]), "g", 1_378_036_800_000);
    check(&reply, FROM_THE_START);
    assert_eq!(reply.text("cpuIdle"), Some("100.00"));
    assert_eq!(reply.text("cpuUser"), Some("0.00"));
    assert_eq!(reply.text("statsAge"), Some("1.23"));
    assert_eq!(reply.text("dateTime"), Some("2013-09-01T12:00:00 GMT"));
    assert_eq!(reply.get("memAvailable"), Some(&Value::Int(9000 + 500 - 8000 - 256)));
    assert_eq!(reply.get("ksmState"), Some(&Value::Bool(true)));
    assert_eq!(reply.text("momStatus"), Some("active"));
}

#[test]
fn statistics_of_a_host_that_knows_nothing_are_still_read() {
    let reply = statistics::statistics(&Value::Nil, &settings(&[]), "", 0);
    check(&reply, FROM_THE_START);
    assert_eq!(reply.text("momStatus"), Some("disabled"));
}

#[test]
fn statistics_with_a_window_are_read_by_a_manager() {
    let flow = object! {
        "speed": 1000, "up": true, "rxRate": 12.34, "txRate": f64::NAN,
        "rxDropped": Value::Int64(5_000_000_000), "txDropped": Value::Int64(1), "rxErrors": Value::Int64(2), "txErrors": Value::Int64(3),
    };
    let mut statistics = sampled();
    statistics.set(
        "window",
        object! {
            "cpuUser": 10.0, "cpuSystem": 5.0, "cpuIdle": 85.0, "daemonUser": 1.0, "daemonSystem": 0.5, "load": 0.15,
            "rxRate": 1.0, "txRate": 2.0, "memoryUsed": 44, "anonymousHuge": 20, "hugePages": "madvise",
            "rxDropped": Value::Int64(5_000_000_000), "txDropped": Value::Int64(1),
            "devices": object! { "eth0": flow },
            "disks": object! { "/tmp": Value::Int64(3_000_000_000), "/var/log/core": Value::Nil },
        },
    );
    let reply = statistics::statistics(&statistics.into(), &settings(&[]), "g", 0);
    check(&reply, &[FROM_THE_START, FROM_TWO_SAMPLES].concat());
    assert_eq!(reply.text("cpuLoad"), Some("0.15"));
    let device = reply.get("network").and_then(|network| network.get("eth0")).unwrap();
    check(
        device.as_object().unwrap(),
        &[
            ("name", Reader::Text),
            ("speed", Reader::TextInt),
            ("rxRate", Reader::TextDouble),
            ("txRate", Reader::TextDouble),
            ("rxDropped", Reader::TextInt),
            ("txDropped", Reader::TextInt),
            ("rxErrors", Reader::TextInt),
            ("txErrors", Reader::TextInt),
            ("state", Reader::OneOf(&["up", "down"])),
        ],
    );
    assert_eq!(device.text("rxRate"), Some("12.3"));
    assert_eq!(device.text("rxDropped"), Some("5000000000"));
    let disks = reply.get("diskStats").unwrap();
    assert_eq!(disks.get("/tmp").and_then(|disk| disk.text("free")), Some("3000000000"));
    assert_eq!(disks.get("/var/log/core").and_then(|disk| disk.text("free")), Some("0"));
}

#[test]
fn hardware_is_six_texts_or_57() {
    let system = object! { "manufacturer": "m", "product": "p", "version": "v", "serial": "s", "uuid": "u", "family": "" };
    let reply = hardware::information(&object! { "system": system }.into()).unwrap();
    let table = ["systemManufacturer", "systemProductName", "systemVersion", "systemSerialNumber", "systemUUID", "systemFamily"]
        .map(|key| (key, Reader::Text));
    check(&reply, &table);
    assert_eq!(hardware::information(&object! {}.into()).unwrap_err().code, 57);
}

#[test]
fn dates_are_right_around_leap_days() {
    for (seconds, text) in [
        (0, "1970-01-01T00:00:00 GMT"),
        (951_782_399, "2000-02-28T23:59:59 GMT"),
        (951_782_400, "2000-02-29T00:00:00 GMT"),
        (1_709_251_199, "2024-02-29T23:59:59 GMT"),
        (4_107_542_400, "2100-03-01T00:00:00 GMT"),
        (1_798_761_599, "2026-12-31T23:59:59 GMT"),
    ] {
        assert_eq!(clock::gmt(seconds * 1000), text);
    }
}

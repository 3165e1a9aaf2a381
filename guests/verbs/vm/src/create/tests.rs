//! What `create` refuses, in VDSM's order and words, and what it makes of what it takes. Rung: pure.
#![allow(clippy::unwrap_used)]

use vdsm_sdk::verb::Status;
use vdsm_sdk::wire::{Object, Value};
use vdsm_sdk::{array, object};

use super::configuration::{Additions, Medium, complete, medium, shown_later, starts_paused};
use super::unserved;
use super::validation::{Situation, check};

const ID: &str = "11111111-2222-4333-8444-555555555555";

fn request() -> Object {
    object! { "vmId": ID, "memSize": 64, "display": "vnc" }
}

fn with(mut base: Object, key: &'static str, value: impl Into<Value>) -> Object {
    base.set(key, value);
    base
}

fn without(mut base: Object, key: &str) -> Object {
    base.remove(key);
    base
}

fn checked(parameters: &Object) -> Result<(), Status> {
    check(parameters, &Situation { known: false, system: "Debian" })
}

fn refused(parameters: &Object) -> (i32, String) {
    let status = checked(parameters).unwrap_err();
    (status.code, status.message)
}

#[test]
fn what_no_reply_could_show_is_left_out_or_written_as_text() {
    let sent = object! {
        "vmId": ID, "foo": Value::Nil, "memSize": Value::Int64(64), "custom": object! { "note": Value::Nil, "a": "b" },
        "devices": array![Value::Nil, object! { "type": "video", "specParams": Value::Nil }],
    };
    let shown = object! {
        "vmId": ID, "memSize": "64", "custom": object! { "a": "b" }, "devices": array![object! { "type": "video" }],
    };
    assert_eq!(shown_later(&sent), shown);
    assert_eq!(refused(&shown_later(&object! { "vmId": ID, "memSize": Value::Nil, "display": "vnc" })).0, 11);
}

#[test]
fn what_manager_and_vdsm_agree_on_is_taken() {
    for good in [
        request(),
        with(request(), "memSize", "0"),
        with(request(), "display", "qxlnc"),
        with(with(request(), "boot", "c"), "hda", "/a"),
        with(with(request(), "boot", "c"), "drives", array![object! {}]),
        with(with(request(), "boot", "c"), "devices", array![]),
        with(request(), "boot", "cd"),
    ] {
        assert_eq!(checked(&good), Ok(()), "{good:?}");
    }
}

#[test]
fn each_check_has_its_code_and_text() {
    let cases = [
        (without(request(), "vmId"), 11, "Missing required parameter vmId"),
        (without(request(), "memSize"), 11, "Missing required parameter memSize"),
        (without(request(), "display"), 11, "Missing required parameter display"),
        (with(request(), "vmId", "web01"), 11, "vmId must be a valid UUID"),
        (with(request(), "vmId", 7), 11, "vmId must be a valid UUID"),
        (with(request(), "vmId", "11111111-2222-4333-8444-55555555555g"), 11, "vmId must be a valid UUID"),
        (with(request(), "memSize", 0), 11, "Must specify nonzero memSize"),
        (with(request(), "memSize", 0.0), 11, "Must specify nonzero memSize"),
        (with(request(), "boot", "c"), 11, "missing boot disk"),
        (with(with(request(), "boot", "c"), "drives", array![]), 11, "missing boot disk"),
        (with(request(), "display", "sdl"), 9, "Unknown display type sdl"),
        (with(request(), "display", 3), 9, "Unknown display type 3"),
    ];
    for (parameters, code, message) in cases {
        assert_eq!(refused(&parameters), (code, message.to_owned()));
    }
}

#[test]
fn checks_come_in_vdsms_order() {
    let status = check(&object! {}, &Situation { known: true, system: "unknown" }).unwrap_err();
    assert_eq!((status.code, status.message.as_str()), (4, "Virtual machine already exists"));
    assert_eq!(refused(&object! {}), (11, "Missing required parameter vmId".into()));
    assert_eq!(refused(&object! { "vmId": "x", "memSize": 0, "display": "sdl" }), (11, "vmId must be a valid UUID".into()));
    let unknown = Situation { known: false, system: "unknown" };
    assert_eq!(check(&with(request(), "display", "sdl"), &unknown).unwrap_err().message, "Unknown host operating system");
}

#[test]
fn an_id_libvirt_would_write_otherwise_says_so() {
    for id in ["11111111222243338444555555555555", "AAAAAAAA-2222-4333-8444-555555555555"] {
        let status = checked(&with(request(), "vmId", id)).unwrap_err();
        assert!(status.code == 11 && status.detail.contains("lower case with hyphens"), "{status:?}");
    }
}

#[test]
fn what_no_room_can_give_is_refused_by_name() {
    let image = object! { "type": "disk", "device": "disk", "poolID": "p", "domainID": "d", "imageID": "i", "volumeID": "v" };
    let payload = object! { "type": "disk", "device": "cdrom", "specParams": object! { "vmPayload": object! { "file": object! {} } } };
    let file = object! { "type": "disk", "device": "disk", "path": "/a" };
    let cases = [
        (
            with(request(), "devices", array![file.clone(), image.clone()]),
            "drive at place 1 is a storage image: storage pools are not served yet",
        ),
        (with(request(), "drives", array![image]), "drive at place 0 is a storage image"),
        (with(request(), "devices", array![object! { "type": "disk", "GUID": "g" }]), "by its GUID"),
        (with(request(), "devices", array![object! { "type": "disk", "UUID": "g" }]), "by its UUID"),
        (with(request(), "devices", array![payload]), "payloads are not served yet"),
        (with(request(), "sysprepInf", "x"), "sysprepInf"),
        (with(request(), "hiberVolHandle", "a,b,c,d,e,f"), "hiberVolHandle"),
    ];
    for (parameters, detail) in cases {
        let status = unserved::check(&parameters).unwrap_err();
        assert_eq!((status.code, status.message.as_str()), (9, "Error creating the requested VM"));
        assert!(status.detail.contains(detail), "{status:?}");
    }
    assert_eq!(unserved::check(&with(request(), "devices", array![file])), Ok(()));
}

fn additions() -> Additions {
    let links =
        object! { "bridges": object! { "ovirtmgmt": object! { "addr": "10.0.0.2" }, "bare": object! { "addr": "" } }, "nics": object! {} };
    Additions { nic_model: "rtl8139,pv".into(), gateway: String::new(), links: links.into() }
}

#[test]
fn a_configuration_is_the_request_with_vdsms_own_members() {
    let conf = complete(ID, &with(request(), "launchPaused", "false"), &additions());
    let expected = object! {
        "vmId": ID, "memSize": 64, "display": "vnc", "vmType": "kvm", "vmName": "n11111111-2222-4333-8444-555555555555",
        "nicModel": "rtl8139,pv", "displayIp": "0", "displayPort": "-1", "displaySecurePort": "-1", "clientIp": "", "pid": "0",
        "status": "WaitForLaunch",
    };
    assert_eq!(conf, expected);
    assert!(starts_paused(&with(request(), "launchPaused", "false")) && !starts_paused(&request()));
}

#[test]
fn acceleration_has_a_default_only_where_a_type_was_named() {
    let accelerated = |request: Object| complete(ID, &request, &additions()).get("kvmEnable").cloned();
    assert_eq!(accelerated(request()), None);
    assert_eq!(accelerated(with(request(), "vmType", "kvm")), Some("true".into()));
    assert_eq!(accelerated(with(with(request(), "vmType", "kvm"), "kvmEnable", "false")), Some("false".into()));
}

#[test]
fn clients_are_sent_to_the_display_networks_address_else_the_gateway() {
    let address = |network: &str, gateway: &str| {
        let additions = Additions { gateway: gateway.into(), ..additions() };
        complete(ID, &with(with(request(), "displayNetwork", network), "displayIp", "1.2.3.4"), &additions)
            .text("displayIp")
            .unwrap()
            .to_owned()
    };
    assert_eq!(address("ovirtmgmt", "10.0.0.1"), "10.0.0.2");
    assert_eq!(address("bare", "10.0.0.1"), "10.0.0.1");
    assert_eq!(address("nowhere", ""), "0");
}

#[test]
fn a_drive_is_empty_only_where_it_can_be() {
    let cdrom = object! { "device": "cdrom" };
    for (drive, expected) in [
        (with(cdrom.clone(), "path", "/iso"), Some(Medium::Removable("/iso"))),
        (with(cdrom.clone(), "path", ""), Some(Medium::None)),
        (with(cdrom.clone(), "specParams", object! {}), Some(Medium::None)),
        (with(cdrom.clone(), "specParams", object! { "path": "/iso" }), Some(Medium::Removable("/iso"))),
        (cdrom, None),
        (object! { "device": "disk", "path": "" }, None),
        (object! { "device": "disk", "path": "/a" }, Some(Medium::Fixed("/a"))),
    ] {
        assert_eq!(medium(&drive), expected, "{drive:?}");
    }
}

//! What is served and what is on: the list an operator reads, the answers to what is not in it, and a hook switched on by a copy.
//! Rung: test:///default.

use std::process::Command;

use serde_json::Value;
use vdsm_tests::process::words;
use vdsm_tests::{Host, Rung, source};
use vdsm_xmlrpc::CallError;

use crate::manage::serving;

#[test]
fn the_list_of_verbs_and_the_answers_agree() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = serving(&host);
    let listed: Value = serde_json::from_str(&host.tool(&["verbs", "--json"])).unwrap();
    let service = |name: &str| {
        let mut verbs = listed.as_array().unwrap().iter();
        verbs.find(|verb| verb["name"] == name).map(|verb| verb["service"].as_str().unwrap().to_owned())
    };
    let called = |name: &str| daemon.try_call(name, |_| {}).map(|reply| reply.code());

    assert_eq!((service("ping").as_deref(), called("ping").unwrap()), (Some("served"), 0));
    // Of 3.3, of 4.1, of gluster; then of storage.
    for (name, code) in [("hibernate", 44), ("hostdevHotplug", 44), ("glusterVolumesList", 44), ("spmStart", 2000)] {
        assert_eq!((service(name).as_deref(), called(name).unwrap()), (Some("not-served"), code), "{name}");
    }
    for name in ["heartBeat", "startSpice", "noSuchVerb"] {
        assert_eq!(service(name), None, "{name}: no VDSM had it");
        assert!(matches!(called(name), Err(CallError::Fault(_))), "{name}");
    }
}

#[test]
fn the_dangerous_hook_is_on_once_its_example_is_copied() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let _daemon = serving(&host);
    assert!(!host.tool(&["module", "list"]).contains("qemucmdline"));

    let example = host.path().join("usr/share/vdsm/modules.d.examples/qemucmdline.toml");
    let component = host.component("qemucmdline");
    let danger = "\ndangerous: raw-qemu-arguments (full control of QEMU)\n";
    let check = host.tool(&["module", "check", component.to_str().unwrap(), "--manifest", example.to_str().unwrap()]);
    assert!(check.contains(danger) && check.contains("domain/qemu:commandline"), "{check}");

    std::fs::copy(example, host.manifest("qemucmdline")).unwrap();
    host.tool(&["module", "swap", "qemucmdline", component.to_str().unwrap()]);
    assert!(host.tool(&["module", "list"]).contains("qemucmdline"));
    let shown = host.tool(&["module", "show", "qemucmdline"]);
    assert!(shown.contains(danger) && shown.contains("domain/qemu:commandline"), "{shown}");
}

#[test]
fn a_refused_module_is_told_by_name_and_its_verbs_are_counted() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    std::fs::write(
        host.manifest("note"),
        "name = \"note\"\nkind = \"verb\"\ncomponent = \"note.wasm\"\n[verb]\nserves = [\"writeNote\"]\nshape = true\n",
    )
    .unwrap();
    std::fs::write(host.manifest("torn"), "name = \n").unwrap();
    let _daemon = serving(&host);

    let verbs = host.tool(&["verbs"]);
    let line = verbs.lines().find(|line| line.starts_with("writeNote "));
    assert!(line.is_some_and(|line| line.ends_with("not served: module note is refused")), "{verbs}");
    assert!(verbs.contains(", 1 of refused modules, "), "{verbs}");
    assert!(verbs.ends_with("\nrefused modules: 2 (note, torn); see vdsm-tool module list\n"), "{verbs}");

    let mut show = Command::new(source::program("vdsm-tool"));
    let shown = show.arg("--root").arg(host.path()).args(["module", "show", "note"]).output().unwrap();
    let told = words(&shown);
    assert_eq!(shown.status.code(), Some(1), "{told}");
    assert!(told.contains("module `note` is refused: ") && told.contains("note.toml:6: no key `shape`"), "{told}");
}

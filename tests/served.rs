//! What is served and what is on: the list an operator reads, the answers to what is not in it, and a hook switched on by a copy.
//! Rung: test:///default.

use serde_json::Value;
use vdsm_tests::{Host, Rung};
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
    std::fs::copy(example, host.manifest("qemucmdline")).unwrap();
    host.tool(&["module", "swap", "qemucmdline", host.component("qemucmdline").to_str().unwrap()]);
    assert!(host.tool(&["module", "list"]).contains("qemucmdline"));
}

//! A manager of a few lines, Python's own `xmlrpc.client` and nothing else, drives a VM on a libvirtd of the test's own; `virsh`
//! there sees the same domain with the hook's edit.
//! Rung: QEMU (TCG).

use std::process::{Command, Output};

use serde_json::{Value, json};
use vdsm_tests::process::{PATIENCE, wait_for, words};
use vdsm_tests::{Daemon, Host, Machine, Rung, source};

const VM: &str = "6f1a0c5e-58a6-4d0b-9d2e-0c9a3c1f2b11";

struct Manager(String);

impl Manager {
    fn of(daemon: &Daemon) -> Manager {
        Manager(format!("http://{}", daemon.address()))
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let script = source::tree().join("tests/harness/manager.py");
        Command::new("python3").arg("-I").arg(script).arg(&self.0).args(arguments).output().unwrap()
    }

    fn says(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", words(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The VM in `list`, or nothing when it is not listed.
    fn vm(&self) -> Option<Value> {
        let list = self.says(&["list"]);
        list["vmList"].as_array().unwrap().iter().find(|vm| vm["vmId"] == VM).cloned()
    }

    /// Waits until the VM runs; panics with the daemon's words when it is Down.
    fn wait_until_running(&self, daemon: &Daemon) {
        wait_for("the VM to run", PATIENCE, || {
            let vm = self.vm()?;
            assert_ne!(vm["status"], "Down", "{vm}\n{}", daemon.log());
            matches!(vm["status"].as_str(), Some("Up" | "Powering up")).then_some(())
        });
    }
}

#[test]
fn a_plain_xmlrpc_client_drives_a_vm_in_qemu() {
    if !Rung::Qemu.stands() {
        return;
    }
    let machine = Machine::with_libvirtd();
    let host = Host::new(&[("vars", "fake_kvm_support", "true"), ("libvirt", "uri", "qemu:///system")]);
    let daemon = host.start_in(&machine);
    daemon.wait_until_serving();
    let manager = Manager::of(&daemon);

    let conf = host.path().join("vm.json");
    let request = json!({ "vmId": VM, "vmName": "manager", "vmType": "kvm", "memSize": 64, "display": "vnc",
        "custom": { "smbios": "{'serial': 'from-a-hook'}" }, "devices": [] });
    std::fs::write(&conf, request.to_string()).unwrap();
    manager.says(&["create", conf.to_str().unwrap()]);
    manager.wait_until_running(&daemon);

    let xml = machine.virsh(&["dumpxml", "manager"]);
    assert!(xml.contains(&format!("<uuid>{VM}</uuid>")), "{xml}");
    assert!(xml.contains("from-a-hook"), "the hook's edit is in the domain: {xml}");
    assert_eq!(machine.machines().len(), 1);
    let stats = manager.says(&["stats", VM]);
    assert_eq!(stats["statsList"][0]["vmId"], VM);

    manager.says(&["destroy", VM]);
    assert_eq!(manager.vm(), None);
    assert_eq!(machine.virsh(&["list", "--all", "--name"]).trim(), "");
    let again = manager.run(&["destroy", VM]);
    assert!(words(&again).contains("\"code\": 1"), "{}", words(&again));
}

//! `pause`, `cont` and `shutdown` of a VM that runs: what they answer, and what `list` and `getVmStats` show after each.
//! Rung: test:///default, and QEMU (TCG) for power buttons, which libvirt's test driver has none of.

use rustix::process::Signal;
use vdsm_core::tree::TreeBuilder;
use vdsm_tests::process::{self, PATIENCE, wait_for};
use vdsm_tests::{Daemon, Host, Machine, Rung};

use crate::manage::{destroy, on_libvirtd, running, running_in, status};

const VM: &str = "3b0c7d5a-51f2-4e0e-a1a4-6a2d3f9b7c31";

fn the_vm(arguments: &mut TreeBuilder) {
    arguments.text(VM);
}

/// A member of the VM's statistics.
fn statistic(daemon: &Daemon, name: &str) -> Option<String> {
    let reply = daemon.call("getVmStats", the_vm);
    assert_eq!(reply.code(), 0, "{}", reply.message());
    reply.get("statsList").item(0)?.get(name)?.as_text().map(str::to_owned)
}

/// Waits until `list` shows the state `listed` and `getVmStats` the status `told`, which knows of the guest what the state does not.
fn shows(daemon: &Daemon, listed: &str, told: &str) {
    wait_for(&format!("{listed} in list and {told} in getVmStats"), PATIENCE, || {
        (status(daemon, VM)? == listed && statistic(daemon, "status")? == told).then_some(())
    });
}

/// Asks as managers do, with delay and message: code and text.
fn shutdown(daemon: &Daemon) -> (i32, String) {
    let reply = daemon.call("shutdown", |arguments| {
        arguments.text(VM).text("0").text("good night");
    });
    (reply.code(), reply.message().to_owned())
}

#[test]
fn a_vm_is_paused_and_goes_on() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = running(&host, VM);

    let paused = daemon.call("pause", the_vm);
    assert_eq!((paused.code(), paused.message()), (0, "Done"));
    assert_eq!(paused.get("vmList").get("vmId").and_then(|id| id.as_text()), Some(VM));
    assert_eq!((status(&daemon, VM).as_deref(), statistic(&daemon, "status").as_deref()), (Some("Paused"), Some("Paused")));
    assert_eq!(daemon.call("pause", the_vm).code(), 0, "one that stands is paused already");
    assert_eq!(status(&daemon, VM).as_deref(), Some("Paused"));

    let goes_on = daemon.call("cont", the_vm);
    assert_eq!((goes_on.code(), goes_on.message()), (0, "Done"));
    shows(&daemon, "Up", "Powering up");

    assert_eq!(shutdown(&daemon).0, 4, "the test driver refuses it");
    shows(&daemon, "Up", "Powering up");
    assert_eq!(destroy(&daemon, VM), 0);
    assert_eq!(status(&daemon, VM), None);
}

#[test]
fn qemu_a_vm_is_asked_to_shut_down_and_is_down_when_it_ends() {
    if !Rung::Qemu.stands() {
        return;
    }
    let (machine, host) = (Machine::with_libvirtd(), on_libvirtd());
    let daemon = running_in(&machine, &host, VM);
    assert_eq!(shutdown(&daemon), (0, "Machine shut down".into()));
    // It has no system that would heed its power button.
    shows(&daemon, "Up", "Powering down");

    assert!(process::signal(machine.machines()[0], Signal::TERM));
    shows(&daemon, "Down", "Down");
    for verb in ["pause", "shutdown"] {
        let refused = daemon.call(verb, the_vm);
        assert_eq!((refused.code(), refused.message()), (1, "Virtual machine does not exist: it is Down"), "{verb}");
    }
    assert_ne!(daemon.call("cont", the_vm).code(), 0);
    shows(&daemon, "Down", "Down");
    assert_eq!(destroy(&daemon, VM), 0);
    assert_eq!(status(&daemon, VM), None);
}

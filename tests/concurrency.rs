//! Calls that meet: `destroy` while `create` works, twice at once, without its module; `create` of what runs; two roots on one
//! libvirtd. Each ends as one of the orders in which the calls could have come.
//! Rung: test:///default, and QEMU (TCG) where the domain itself is looked at.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use vdsm_tests::process::{self, PATIENCE, wait_for};
use vdsm_tests::{Daemon, Host, Machine, Rung};

use crate::build;
use crate::image::Image;
use crate::manage::{create, destroy, on_libvirtd, running, running_in, serving, serving_in, status, wait_until_running};

const VM: &str = "3b0c7d5a-51f2-4e0e-a1a4-6a2d3f9b7c01";
/// A machine of the other root.
const THEIRS: &str = "3b0c7d5a-51f2-4e0e-a1a4-6a2d3f9b7c02";

fn jobs(host: &Host) -> Value {
    serde_json::from_str(&host.tool(&["jobs", "--json"])).unwrap()
}

/// `destroy` of the VM by a daemon that lost the module that serves it; it says 99 until libvirt has answered.
fn destroy_without_its_module(daemon: &Daemon) {
    // `list` went with the module: nothing else tells that the daemon serves.
    let code = wait_for("destroy to be served", PATIENCE, || Some(destroy(daemon, VM)).filter(|code| *code != 99));
    assert_eq!(code, 0, "{}", daemon.log());
    assert_eq!(destroy(daemon, VM), 1);
}

/// Nothing of any call is left: no lease, no job, nothing kept.
fn is_at_rest(host: &Host) {
    wait_for("every job to end", PATIENCE, || {
        let jobs = jobs(host);
        ["leases", "background", "written", "kept"].iter().all(|part| jobs[*part].as_array().unwrap().is_empty()).then_some(())
    });
}

/// A host whose VMs start slowly: hooks before the start each spend all the CPU time a module can have, and their failure is ignored.
fn slow_starter() -> Host {
    let host = Host::on_test_driver();
    let component = build::hook("(loop (br 0))", Image::verdict_keep);
    for number in 0..8 {
        let manifest = format!(
            "name = \"slow{number}\"\nkind = \"hook\"\ncomponent = \"slow{number}.wasm\"\norder = 1\n\
             [hook]\npoints = [\"before_vm_start\"]\nedit = []\non-failure = \"ignore\"\n[limits]\ncpu-ms = 250\n"
        );
        host.add_module(&format!("slow{number}"), &manifest, &component);
    }
    host
}

#[test]
fn destroy_of_a_vm_that_is_being_created_leaves_nothing() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = slow_starter();
    let daemon = serving(&host);
    assert_eq!(create(&daemon, VM), 0);
    let held = jobs(&host)["leases"].to_string();
    assert!(held.contains("create"), "the create still works: {held}\n{}", daemon.log());
    assert_eq!(status(&daemon, VM).as_deref(), Some("WaitForLaunch"));
    assert_eq!(destroy(&daemon, VM), 0, "{}", daemon.log());
    assert_eq!(status(&daemon, VM), None);
    is_at_rest(&host);
    // The id is free again, and nothing of the first one disturbs.
    assert_eq!(create(&daemon, VM), 0);
    wait_until_running(&daemon, VM);
    assert_eq!(destroy(&daemon, VM), 0);
    is_at_rest(&host);
}

#[test]
fn creates_and_destroys_that_race_end_each_in_order() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = serving(&host);
    let clients: Vec<_> = (0..6).map(|_| daemon.another_client()).collect();
    thread::scope(|scope| {
        for (number, client) in clients.iter().enumerate() {
            scope.spawn(move || {
                let vm = format!("3b0c7d5a-51f2-4e0e-a1a4-0000000000{:02}", number / 2);
                for _ in 0..8 {
                    let (verb, allowed): (&str, &[i32]) = if number % 2 == 0 { ("create", &[0, 4]) } else { ("destroy", &[0, 1]) };
                    let reply = client.call(verb, |arguments| {
                        if verb == "destroy" {
                            arguments.text(&vm);
                            return;
                        }
                        arguments.open_object();
                        arguments.text_at("vmId", &vm).text_at("vmName", &vm).text_at("vmType", "kvm").text_at("display", "vnc");
                        arguments.int_at("memSize", 32).close();
                    });
                    // A create that a destroy meets before its answer was never one.
                    let cancelled = verb == "create" && reply.message() == "Unexpected exception: cancelled";
                    assert!(cancelled || allowed.contains(&reply.code()), "{verb}: {} {}", reply.code(), reply.message());
                }
            });
        }
    });
    for number in 0..3 {
        destroy(&daemon, &format!("3b0c7d5a-51f2-4e0e-a1a4-0000000000{number:02}"));
    }
    assert_eq!(daemon.call("list", |_| {}).get("vmList").items().count(), 0);
    is_at_rest(&host);
}

#[test]
fn destroy_twice_at_once_is_one_done_and_one_unknown() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = running(&host, VM);
    let clients = [daemon.another_client(), daemon.another_client()];
    let mut codes = thread::scope(|scope| {
        let calls = clients.each_ref().map(|client| {
            scope.spawn(|| {
                client.call("destroy", |arguments| {
                    arguments.text(VM);
                })
            })
        });
        calls.map(|call| call.join().unwrap().code())
    });
    codes.sort_unstable();
    assert_eq!(codes, [0, 1], "{}", daemon.log());
    is_at_rest(&host);
}

#[test]
fn destroy_is_served_without_its_module() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let first = running(&host, VM);
    // The test driver's domains end with its process: what is left is a machine that is Down, and it must go.
    first.kill();
    std::fs::remove_file(host.manifest("verbs-vm")).unwrap();
    let daemon = host.start();
    destroy_without_its_module(&daemon);
    assert!(host.tool(&["verbs", "--json"]).contains("the daemon itself"));
    let listed = daemon.try_call("system.listMethods", |_| {}).unwrap();
    let names: Vec<_> = listed.value().items().filter_map(|name| name.as_text()).collect();
    assert!(names.contains(&"destroy") && !names.contains(&"create"), "{names:?}");
    is_at_rest(&host);
}

#[test]
fn qemu_destroy_of_a_vm_that_runs_is_served_without_its_module() {
    if !Rung::Qemu.stands() {
        return;
    }
    let (machine, host) = (Machine::with_libvirtd(), on_libvirtd());
    let first = running_in(&machine, &host, VM);
    let running = machine.machines();
    first.kill();
    std::fs::remove_file(host.manifest("verbs-vm")).unwrap();
    let daemon = host.start_in(&machine);
    assert_eq!(running.len(), 1);
    destroy_without_its_module(&daemon);
    wait_for("the end of QEMU", PATIENCE, || machine.machines().is_empty().then_some(()));
    assert_eq!(machine.virsh(&["list", "--all", "--name"]).trim(), "");
}

#[test]
fn qemu_destroy_while_libvirt_starts_the_vm_leaves_no_domain_and_no_process() {
    if !Rung::Qemu.stands() {
        return;
    }
    let (machine, host) = (Machine::with_libvirtd(), on_libvirtd());
    let daemon = serving_in(&machine, &host);
    assert_eq!(create(&daemon, VM), 0);
    // As soon as QEMU is there libvirt still talks to it.
    wait_for("QEMU to be started", PATIENCE, || (!machine.machines().is_empty()).then_some(()));
    assert_eq!(destroy(&daemon, VM), 0, "{}", daemon.log());
    assert_eq!(status(&daemon, VM), None);
    wait_for("the end of QEMU", PATIENCE, || machine.machines().is_empty().then_some(()));
    assert_eq!(machine.virsh(&["list", "--all", "--name"]).trim(), "");
}

#[test]
fn qemu_destroy_of_a_vm_that_stands_still_is_answered_while_a_manager_waits() {
    if !Rung::Qemu.stands() {
        return;
    }
    let (machine, host) = (Machine::with_libvirtd(), on_libvirtd());
    let daemon = running_in(&machine, &host, VM);
    let qemu = machine.machines()[0];
    assert!(process::signal(qemu, Signal::STOP));
    let begun = Instant::now();
    assert_eq!(destroy(&daemon, VM), 0, "{}", daemon.log());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}\n{}", begun.elapsed(), daemon.log());
    assert!(machine.machines().is_empty() && machine.virsh(&["list", "--all", "--name"]).trim().is_empty());
    assert_eq!(status(&daemon, VM), None);
}

#[test]
fn qemu_a_second_create_leaves_the_running_vm_alone() {
    if !Rung::Qemu.stands() {
        return;
    }
    let (machine, host) = (Machine::with_libvirtd(), on_libvirtd());
    let daemon = serving_in(&machine, &host);
    assert_eq!(create(&daemon, VM), 0);
    assert_eq!(create(&daemon, VM), 4, "while the first works");
    wait_until_running(&daemon, VM);
    let (before, xml) = (machine.machines(), machine.virsh(&["dumpxml", VM]));
    assert_eq!(before.len(), 1);
    assert_eq!(create(&daemon, VM), 4, "while it runs");
    assert_eq!((machine.machines(), machine.virsh(&["dumpxml", VM])), (before, xml));
    assert_eq!(destroy(&daemon, VM), 0);
}

#[test]
fn qemu_two_roots_on_one_libvirtd_do_not_see_each_others_vms() {
    if !Rung::Qemu.stands() {
        return;
    }
    let (machine, ours, theirs) = (Machine::with_libvirtd(), on_libvirtd(), on_libvirtd());
    let (first, second) = (serving_in(&machine, &ours), serving_in(&machine, &theirs));
    assert_eq!((create(&first, VM), create(&second, THEIRS)), (0, 0));
    wait_until_running(&first, VM);
    wait_until_running(&second, THEIRS);
    assert_eq!((status(&first, THEIRS), status(&second, VM)), (None, None));
    assert_eq!((destroy(&first, THEIRS), destroy(&second, VM)), (1, 1));
    let before = machine.machines();
    assert_eq!(before.len(), 2);

    // The same id on the second root: libvirt has it already, so that one ends Down with the reason, and the first runs on.
    let code = create(&second, VM);
    if code == 0 {
        wait_for("the second to be Down", PATIENCE, || (status(&second, VM).as_deref() == Some("Down")).then_some(()));
        assert_eq!(destroy(&second, VM), 0);
    }
    assert_eq!(machine.machines(), before);
    assert!(matches!(status(&first, VM).as_deref(), Some("Up" | "Powering up")), "{}", first.log());

    assert_eq!(destroy(&second, THEIRS), 0);
    wait_for("the end of one QEMU", PATIENCE, || (machine.machines().len() == 1).then_some(()));
    assert_eq!(destroy(&first, VM), 0);
}

//! The libvirt behind the daemon: one that cannot be reached, and another one than before.
//! Rung: test:///default, and QEMU (TCG) where a test says so.

use std::process::Command;
use std::time::{Duration, Instant};

use vdsm_tests::process::{PATIENCE, wait_for};
use vdsm_tests::{Daemon, Host, Rung, source};

use crate::manage::{self, connection, create, destroy, status};

/// A socket that nobody listens at.
const UNREACHABLE: &str = "qemu+unix:///system?socket=/nonexistent/libvirt-sock";
const VM: &str = "3b0c7d5a-51f2-4e0e-a1a4-6a2d3f9b7c21";
/// VDSM's words while it finds its machines again.
const RECOVERING: (i32, &str) = (99, "Recovering from crash or Initializing");

#[test]
fn while_libvirt_cannot_be_reached_global_verbs_say_99_and_storage_is_served() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::new(&[("libvirt", "uri", UNREACHABLE)]);
    let daemon = host.start();
    let tried = || daemon.log().matches(UNREACHABLE).count();
    wait_for("a connection to be tried", PATIENCE, || (tried() > 0).then_some(()));

    let served = daemon.try_call("system.listMethods", |_| {}).unwrap();
    let served: Vec<&str> = served.value().items().filter_map(|name| name.as_text()).collect();
    let global: Vec<&&str> = served.iter().filter(|name| !name.starts_with("system.") && !name.ends_with("StorageServer")).collect();
    assert!(global.contains(&&"list") && global.contains(&&"create") && global.contains(&&"destroy"), "{served:?}");
    for verb in global {
        let reply = daemon.call(verb, |_| {});
        assert_eq!(reply.code(), RECOVERING.0, "{verb}");
        // VDSM's words, then ours: an operator reads here what is waited for.
        let detail = reply.message().strip_prefix(RECOVERING.1).unwrap_or_else(|| panic!("{verb}: {}", reply.message()));
        assert!(detail.contains("/nonexistent/libvirt-sock"), "{verb}: {detail}");
    }

    let directory = tempfile::tempdir().unwrap();
    let address = directory.path().to_str().unwrap();
    assert_eq!(connection(&daemon, "connectStorageServer", address), 0);
    assert_eq!(manage::links(&host), [address]);

    // Nothing else is tried in its place: no other libvirt is named, and nobody answers in its stead.
    for other in ["test:///default", "qemu:///system", "qemu:///embed"] {
        assert!(!daemon.log().contains(other), "{}", daemon.log());
    }
    assert_eq!(daemon.call("list", |_| {}).code(), RECOVERING.0);
    assert!(daemon.stop().success());
}

#[test]
fn a_root_with_vms_stays_with_its_libvirt() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = manage::serving(&host);
    assert_eq!(create(&daemon, VM), 0);
    manage::wait_until_running(&daemon, VM);
    daemon.kill();

    host.configure(&[("libvirt", "uri", UNREACHABLE)]);
    let (ended, said) = Daemon::refuses(host.path(), Command::new(source::program("vdsmd")));
    assert!(!ended.success(), "{said}");
    let why = format!("[libvirt] uri is {UNREACHABLE}, but 1 machine(s) of this root run under test:///default");
    assert!(said.contains(&why), "{said}");

    host.configure(&[("libvirt", "uri", "test:///default")]);
    let again = manage::serving(&host);
    assert!(status(&again, VM).is_some(), "the VM is still known");
    assert_eq!(destroy(&again, VM), 0);
    assert!(again.stop().success());

    host.configure(&[("libvirt", "uri", UNREACHABLE)]);
    assert_eq!(host.start().call("list", |_| {}).code(), RECOVERING.0, "a root without VMs may change");
}

/// A daemon that dies while the libvirt within it starts a VM leaves a domain without a process in libvirt's state.
/// Rung: QEMU (TCG).
#[test]
fn qemu_a_daemon_killed_while_its_own_libvirt_starts_a_vm_recovers() {
    if !Rung::Qemu.stands() {
        return;
    }
    let host = Host::on_embedded_qemu();
    let state = host.embedded().join("run/qemu").join(format!("{VM}.xml"));
    let is_unborn = || std::fs::read_to_string(&state).is_ok_and(|text| text.contains("pid='0'"));
    // The moment is short: libvirt writes the state, then starts QEMU, then writes its process.
    let hit = (0..10).any(|_| {
        let daemon = manage::serving(&host);
        destroy(&daemon, VM);
        assert_eq!(create(&daemon, VM), 0);
        let begun = Instant::now();
        while !is_unborn() && begun.elapsed() < Duration::from_secs(2) {
            std::thread::yield_now();
        }
        daemon.kill();
        is_unborn()
    });
    assert!(hit, "libvirt was never met in the middle of a start");

    let daemon = manage::serving(&host);
    assert!(!is_unborn(), "{}", daemon.log());
    let begun = Instant::now();
    assert!(matches!(destroy(&daemon, VM), 0 | 1), "{}", daemon.log());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}\n{}", begun.elapsed(), daemon.log());
    assert_eq!(status(&daemon, VM), None);
    assert_eq!(create(&daemon, VM), 0);
    manage::wait_until_running(&daemon, VM);
    assert_eq!(destroy(&daemon, VM), 0);
}

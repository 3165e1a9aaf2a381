//! The libvirt behind the daemon: one that cannot be reached, and another one than before.
//! Rung: test:///default.

use std::process::Command;

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
        assert_eq!((reply.code(), reply.message()), RECOVERING, "{verb}");
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

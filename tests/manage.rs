//! What several subjects do as a manager does it: a VM made, looked at and ended, a local directory connected.

use vdsm_core::tree::TreeBuilder;
use vdsm_tests::process::{PATIENCE, wait_for};
use vdsm_tests::{Daemon, Host, Machine};

/// The pool of hosts without one.
const NO_POOL: &str = "00000000-0000-0000-0000-000000000000";

/// A daemon that has found its libvirt.
pub(crate) fn serving(host: &Host) -> Daemon {
    let daemon = host.start();
    daemon.wait_until_serving();
    daemon
}

/// The same in a machine of its own.
pub(crate) fn serving_in(machine: &Machine, host: &Host) -> Daemon {
    let daemon = host.start_in(machine);
    daemon.wait_until_serving();
    daemon
}

/// A daemon with a VM that runs.
pub(crate) fn running(host: &Host, vm: &str) -> Daemon {
    with_running(serving(host), vm)
}

/// The same in a machine of its own.
pub(crate) fn running_in(machine: &Machine, host: &Host, vm: &str) -> Daemon {
    with_running(serving_in(machine, host), vm)
}

fn with_running(daemon: Daemon, vm: &str) -> Daemon {
    assert_eq!(create(&daemon, vm), 0);
    wait_until_running(&daemon, vm);
    daemon
}

/// A root whose daemon uses the libvirtd of its machine, VMs without KVM.
pub(crate) fn on_libvirtd() -> Host {
    Host::new(&[("vars", "fake_kvm_support", "true"), ("libvirt", "uri", "qemu:///system")])
}

/// `create`'s code.
pub(crate) fn create(daemon: &Daemon, vm: &str) -> i32 {
    let fill = |arguments: &mut TreeBuilder| {
        arguments.open_object();
        arguments.text_at("vmId", vm).text_at("vmName", vm).text_at("vmType", "kvm").text_at("display", "vnc").int_at("memSize", 32);
        arguments.close();
    };
    daemon.call("create", fill).code()
}

/// `destroy`'s code.
pub(crate) fn destroy(daemon: &Daemon, vm: &str) -> i32 {
    let fill = |arguments: &mut TreeBuilder| {
        arguments.text(vm);
    };
    daemon.call("destroy", fill).code()
}

/// What `list` says of the VM; none: it is not listed.
pub(crate) fn status(daemon: &Daemon, vm: &str) -> Option<String> {
    let reply = daemon.call("list", |_| {});
    assert_eq!(reply.code(), 0);
    let found = reply.get("vmList").items().find(|listed| listed.get("vmId").and_then(|id| id.as_text()) == Some(vm))?;
    found.get("status").and_then(|status| status.as_text()).map(str::to_owned)
}

/// Waits until `list` shows the VM as running; panics with the daemon's words when it is Down.
pub(crate) fn wait_until_running(daemon: &Daemon, vm: &str) {
    wait_for("the VM to run", PATIENCE, || {
        let status = status(daemon, vm)?;
        assert_ne!(status, "Down", "{}", daemon.log());
        matches!(status.as_str(), "Up" | "Powering up").then_some(())
    });
}

/// Calls a verb of storage servers for the local directory `address`: the code of that one connection.
pub(crate) fn connection(daemon: &Daemon, verb: &str, address: &str) -> i32 {
    let reply = daemon.call(verb, |arguments| {
        arguments.int(4).text(NO_POOL).open_array().open_object();
        arguments.text_at("id", "one").text_at("connection", address).text_at("password", "");
        arguments.close().close();
    });
    assert_eq!(reply.code(), 0, "{verb}: {}", reply.message());
    let one = reply.get("statuslist").item(0).unwrap();
    assert_eq!(one.get("id").and_then(|id| id.as_text()), Some("one"));
    one.get("status").and_then(|code| code.as_int()).unwrap()
}

/// Where the links of local connections in the repository lead.
pub(crate) fn links(host: &Host) -> Vec<String> {
    let entries = std::fs::read_dir(host.path().join("rhev/data-center/mnt")).into_iter().flatten();
    entries.map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap().to_str().unwrap().to_owned()).collect()
}

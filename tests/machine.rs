//! The machine of namespaces that other tests stand on: it is a machine of its own, and ends with all that runs in it.
//! Rung: QEMU (TCG).

use std::time::Duration;

use vdsm_tests::process::{first_child, is_alive, text_of, wait_for};
use vdsm_tests::{Machine, Rung};

#[test]
fn what_runs_inside_ends_with_it() {
    if !Rung::Qemu.stands() {
        return;
    }
    let machine = Machine::new();
    let mut inside = machine.command("sleep").arg("600").spawn().unwrap();
    let sleeper = first_child(inside.id());
    assert!(is_alive(sleeper));
    drop(machine);
    wait_for("the program inside to end", Duration::from_secs(5), || (!is_alive(sleeper)).then_some(()));
    inside.wait().unwrap();
}

#[test]
fn qemu_of_a_private_libvirtd_is_not_the_real_machines() {
    if !Rung::Qemu.stands() {
        return;
    }
    let machine = Machine::with_libvirtd();
    assert_eq!(machine.virsh(&["list", "--all", "--name"]).trim(), "");
    let name = text_of(&mut machine.command("hostname"));
    assert_ne!(name, text_of(&mut std::process::Command::new("hostname")));
    assert!(machine.machines().is_empty(), "{}", machine.log());
}

//! Rung: mock host. What a daemon finds again after it was away, against a libvirt in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::domains::Domains;
use crate::fake::{BOOT, House, VM, document};
use crate::libvirt::StartMode;
use crate::steps;
use crate::vm::state::Release;

const OTHER: &str = "11111111-2222-4333-8444-666666666666";

fn ours(house: &House, id: &str) -> String {
    ownership::mark(&document().replace(VM, id), &house.room.identity.root_id).unwrap()
}

fn exit(house: &House) -> String {
    house.listed("exitMessage").unwrap_or_default()
}

/// Adoption, and all that follows from it.
async fn adopt_whole(house: &House) {
    adopt(&house.room).await.unwrap();
    house.room.concluded(std::time::Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_machine_that_runs_is_found_as_it_was() {
    let before = House::new().await;
    before.started().await;
    let listed = before.room.vms.get(VM).unwrap().listed().clone();
    let after = before.restarted(BOOT).await;
    adopt(&after.room).await.unwrap();
    assert_eq!(*after.room.vms.get(VM).unwrap().listed(), listed);
    assert!(after.hooks.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_machine_that_ended_unseen_is_down_with_a_reason_and_its_last_chain_runs() {
    let before = House::new().await;
    before.started().await;
    before.libvirt.domains.lock().unwrap().clear();
    let after = before.restarted(BOOT).await;
    adopt_whole(&after).await;
    assert_eq!(after.listed("status").as_deref(), Some("Down"));
    assert_eq!(exit(&after), "Lost connection with qemu process");
    let asked = after.hooks.asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].point, "after_vm_destroy");
    assert!(asked[0].document.contains("web01"));
}

#[tokio::test]
async fn another_boot_of_the_host_ends_every_machine_of_the_last() {
    let before = House::new().await;
    before.started().await;
    before.libvirt.domains.lock().unwrap().clear();
    let after = before.restarted("next-boot").await;
    adopt_whole(&after).await;
    assert_eq!(exit(&after), "Lost connection with qemu process: the host was restarted");
}

#[tokio::test]
async fn a_release_that_was_cut_short_is_finished_with_the_first_reason() {
    let before = House::new().await;
    before.started().await;
    before.libvirt.domains.lock().unwrap().clear();
    let input = Input::Stopped(crate::vm::state::Stop::Shutdown);
    before.room.vms.apply(VM, &input, clock::now()).await.unwrap();
    let after = before.restarted(BOOT).await;
    adopt_whole(&after).await;
    assert_eq!((after.listed("status").as_deref(), exit(&after).as_str()), (Some("Down"), "User shut down"));
    assert_eq!(after.room.vms.get(VM).unwrap().record.machine.release, Release::Done);
    assert_eq!(after.hooks.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_machine_whose_start_was_cut_short_waits_for_its_job() {
    let before = House::new().await;
    before.registered().await;
    let after = before.restarted(BOOT).await;
    adopt(&after.room).await.unwrap();
    assert_eq!(after.listed("status").as_deref(), Some("WaitForLaunch"));
    after.libvirt.put(VM, &ours(&after, VM));
    adopt(&after.room).await.unwrap();
    assert_eq!(after.listed("status").as_deref(), Some("Up"));
}

#[tokio::test]
async fn a_domain_of_ours_without_a_record_is_listed_and_one_of_others_is_left_alone() {
    let house = House::new().await;
    house.libvirt.put(VM, &ours(&house, VM));
    house.libvirt.put(OTHER, &document().replace(VM, OTHER));
    adopt(&house.room).await.unwrap();
    assert_eq!(house.room.vms.view().keys().cloned().collect::<Vec<_>>(), [VM]);
    assert_eq!((house.listed("status").as_deref(), house.listed("vmName").as_deref()), (Some("Up"), Some("web01")));
    assert!(house.libvirt.runs(VM) && house.libvirt.runs(OTHER));
    assert!(!house.libvirt.calls().iter().any(|call| call.starts_with("destroy")));
}

#[tokio::test]
async fn nothing_is_concluded_while_libvirt_cannot_be_asked() {
    let before = House::new().await;
    before.started().await;
    let after = before.restarted(BOOT).await;
    after.libvirt.domains.lock().unwrap().clear();
    after.libvirt.fail_next("settled", CallError::Disconnected("gone".into()));
    adopt(&after.room).await.unwrap_err();
    assert_eq!(after.listed("status").as_deref(), Some("Up"));
}

#[tokio::test]
async fn a_machine_that_is_not_listed_while_its_qemu_lives_is_unknown_and_not_down() {
    let before = House::new().await;
    *before.libvirt.pid.lock().unwrap() = Some(std::process::id());
    before.started().await;
    before.libvirt.domains.lock().unwrap().clear();
    let after = before.restarted(BOOT).await;
    adopt(&after.room).await.unwrap();
    let view = after.room.vms.get(VM).unwrap();
    assert!(view.record.machine.unknown_since.is_some());
    assert_eq!(after.listed("status").as_deref(), Some("Up"));
    after.libvirt.put(VM, &ours(&after, VM));
    adopt(&after.room).await.unwrap();
    assert!(after.room.vms.get(VM).unwrap().record.machine.unknown_since.is_none());
}

#[tokio::test]
async fn a_machine_that_runs_and_does_not_answer_is_unknown() {
    let house = House::new().await;
    house.started().await;
    house.libvirt.fail_next("state", CallError::Deadline);
    adopt(&house.room).await.unwrap();
    assert!(house.room.vms.get(VM).unwrap().record.machine.unknown_since.is_some());
    assert_eq!(house.listed("status").as_deref(), Some("Up"));
}

#[tokio::test]
async fn a_machine_that_cannot_be_asked_about_is_unknown_and_the_others_are_found() {
    let house = House::new().await;
    house.started().await;
    house.libvirt.domains.lock().unwrap().clear();
    house.libvirt.put(OTHER, &ours(&house, OTHER));
    // The first two are of the one that is listed.
    house.libvirt.fail_after("state", 2, CallError::Deadline);
    adopt(&house.room).await.unwrap();
    assert!(house.room.vms.get(VM).unwrap().record.machine.unknown_since.is_some());
    assert_eq!(house.listed("status").as_deref(), Some("Up"));
    assert!(house.room.vms.get(OTHER).is_some());
}

#[tokio::test]
async fn a_chain_that_was_cut_short_runs_after_the_restart() {
    let before = House::new().await;
    before.started().await;
    before.libvirt.domains.lock().unwrap().clear();
    for input in [Input::Vanished, Input::Released] {
        before.room.vms.apply(VM, &input, clock::now()).await.unwrap();
    }
    assert_eq!(before.listed("status").as_deref(), Some("Down"));
    let after = before.restarted(BOOT).await;
    adopt_whole(&after).await;
    assert_eq!(after.hooks.asked.lock().unwrap().len(), 1);
    assert_eq!(after.room.vms.get(VM).unwrap().record.machine.release, Release::Done);
    adopt_whole(&after).await;
    assert_eq!(after.hooks.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_domain_whose_machine_was_reported_down_is_ended() {
    let house = House::new().await;
    house.registered().await;
    house.room.vms.apply(VM, &Input::StartFailed("no answer in time".into()), clock::now()).await.unwrap();
    house.libvirt.put(VM, &ours(&house, VM));
    // A domain that cannot be looked at is looked at again; nothing in its record says so.
    house.libvirt.fail_next("state", CallError::Deadline);
    assert_eq!(adopt(&house.room).await.unwrap(), Adopted::Again);
    assert!(house.libvirt.runs(VM));
    assert_eq!(adopt(&house.room).await.unwrap(), Adopted::Again);
    while house.libvirt.runs(VM) {
        tokio::task::yield_now().await;
    }
    assert_eq!((house.listed("status").as_deref(), exit(&house).as_str()), (Some("Down"), "no answer in time"));
    assert_eq!(adopt(&house.room).await.unwrap(), Adopted::Whole);
}

#[tokio::test]
async fn what_is_seen_does_not_undo_what_happened_meanwhile() {
    let house = House::new().await;
    house.started().await;
    let gate = house.libvirt.pid_gate.lock().await;
    let asked = house.libvirt.calls().len();
    let look = tokio::spawn({
        let room = house.room.clone();
        async move { room.look(VM).await.is_ok() }
    });
    while !house.libvirt.calls()[asked..].contains(&"pid".to_owned()) {
        tokio::task::yield_now().await;
    }
    house.libvirt.suspend(VM).await.unwrap();
    house.room.vms.apply(VM, &Input::Paused, clock::now()).await.unwrap();
    drop(gate);
    assert!(look.await.unwrap());
    assert_eq!((house.listed("status").as_deref(), house.listed("pauseCode").as_deref()), (Some("Paused"), Some("NOERR")));
}

#[tokio::test]
async fn the_end_of_a_machine_waits_for_the_destroy_that_is_at_work_and_then_finds_nothing_to_do() {
    let house = House::new().await;
    house.started().await;
    let destroy = house.engine.hold("destroy", crate::room::lease(VM), std::time::Duration::from_secs(5)).await.unwrap();
    house.libvirt.domains.lock().unwrap().clear();
    end(&house.room, VM, Input::Vanished).await;
    assert_eq!(house.listed("status").as_deref(), Some("Powering down"));
    let chain = steps::RunHooks::plan(VM, "after_vm_destroy", "", Some(&house.room.vms.get(VM).unwrap().record));
    house.act(&steps::Release::plan(VM)).await;
    house.act(&chain).await;
    drop(destroy);
    while !house.engine.leases().list().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(house.room.vms.get(VM).is_none());
    assert_eq!(house.hooks.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn sockets_of_a_machine_that_ended_are_removed_and_those_of_others_stay() {
    let house = House::new().await;
    house.started().await;
    let socket = |id: &str| house.channels.path().join(format!("{id}.org.qemu.guest_agent.0"));
    for id in [VM, OTHER] {
        std::fs::write(socket(id), "").unwrap();
    }
    house.libvirt.domains.lock().unwrap().clear();
    end(&house.room, VM, Input::Vanished).await;
    house.room.concluded(std::time::Duration::from_secs(10)).await;
    assert!(!socket(VM).exists() && socket(OTHER).exists());
}

#[tokio::test]
async fn a_machine_that_was_paused_by_somebody_meanwhile_is_paused() {
    let house = House::new().await;
    house.started().await;
    house.libvirt.suspend(VM).await.unwrap();
    adopt(&house.room).await.unwrap();
    assert_eq!(house.listed("status").as_deref(), Some("Paused"));
    let outcome = house.act(&steps::Start::plan(VM, &document(), StartMode::Running)).await;
    assert!(matches!(outcome, vdsm_core::jobs::Outcome::Failed(_)), "a second start of it is refused");
}

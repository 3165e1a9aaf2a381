//! Rung: mock host. Each step against a libvirt in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::time::Instant;

use vdsm_core::descriptor::Access;
use vdsm_core::held::{Held, HeldTable};
use vdsm_core::jobs::{Ending, JobId, Look, Request, Undone};
use vdsm_core::lease::LeaseWish;

use super::*;
use crate::fake::{House, VM, conf, document, refused};
use crate::libvirt::StartMode;
use crate::native::DestroyPlan;
use crate::ownership::{self, is_ours};
use crate::room::lease;
use crate::vm::record::VMS;

const OPERATION_FAILED: u32 = virt_sys::VIR_ERR_OPERATION_FAILED;

fn start() -> Step {
    Start::plan(VM, &document(), StartMode::Running)
}

fn failed(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Failed(status) => status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn register_writes_the_machine_down_and_is_seen() {
    let house = House::new().await;
    let step = Register::plan(VM, &conf());
    assert_eq!(step.needs, Some(lease(VM)));
    assert_eq!(house.look(&step).await, Look::NotDone);
    house.registered().await;
    assert_eq!(house.look(&step).await, Look::Done(Tree::nil()));
    assert_eq!(house.listed("status").as_deref(), Some("WaitForLaunch"));
    assert_eq!(house.room.vms.get(VM).unwrap().record.hash, "0");
}

#[tokio::test]
async fn register_is_taken_back_without_a_trace_before_the_answer() {
    let house = House::new().await;
    house.registered().await;
    let reason = Code::CreateErr.with("no");
    let before_answer = Some(Ending { answered: false, reason: &reason });
    let step = Register::plan(VM, &conf());
    assert_eq!(house.undo(&step, "another job", before_answer).await, Undone::Gone);
    assert!(house.room.vms.get(VM).is_some(), "a machine of another job is not touched");
    for _ in 0..2 {
        assert_eq!(house.undo(&step, "job", before_answer).await, Undone::Gone);
        assert!(house.room.vms.get(VM).is_none() && house.store.get(VMS, VM).unwrap().is_none());
    }
}

#[tokio::test]
async fn register_whose_step_was_never_carried_out_is_taken_back_too() {
    let house = House::new().await;
    let step = Register::plan(VM, &conf());
    house.record(&step).await;
    let reason = Code::CreateErr.status();
    assert_eq!(house.undo(&step, "job", Some(Ending { answered: false, reason: &reason })).await, Undone::Gone);
    assert!(house.store.get(VMS, VM).unwrap().is_none());
}

#[tokio::test]
async fn register_leaves_a_machine_down_with_the_reason_once_the_caller_knows_it() {
    let house = House::new().await;
    house.registered().await;
    let reason = Code::CreateErr.with("no space");
    let step = Register::plan(VM, &conf());
    assert_eq!(house.undo(&step, "job", Some(Ending { answered: true, reason: &reason })).await, Undone::Gone);
    assert_eq!(house.listed("status").as_deref(), Some("Down"));
    assert_eq!(house.listed("exitCode").as_deref(), Some("1"));
    assert_eq!(house.listed("exitMessage").as_deref(), Some("Error creating the requested VM: no space"));
}

#[tokio::test]
async fn no_secret_reaches_a_record() {
    let held = HeldTable::new();
    let secret = held.keep(Held::Secret(Arc::new(vdsm_core::held::Secret::new("pw".into()))));
    let conf = Tree::object(|conf| {
        conf.text_at("vmId", VM);
        conf.key("password").held(secret);
        conf.array_at("devices", |devices| {
            devices.held(secret);
            devices.open_object().text_at("type", "video").key("key").held(secret);
            devices.close();
        });
    });
    let step = Register::plan(VM, &conf);
    let kept = Tree::copy_of(step.parameters.root().get("conf").unwrap());
    let expected = Tree::object(|conf| {
        conf.text_at("vmId", VM);
        conf.array_at("devices", |devices| {
            devices.open_object().text_at("type", "video").close();
        });
    });
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn start_marks_the_domain_reads_it_back_and_is_up() {
    let house = House::new().await;
    house.registered().await;
    let outcome = house.act(&start()).await;
    let live = house.libvirt.domains.lock().unwrap()[VM].document.clone();
    assert!(is_ours(&live, &house.room.identity.root_id));
    assert_eq!(outcome, Outcome::Done(Tree::text(&*live)));
    assert_eq!(house.listed("status").as_deref(), Some("Up"));
    assert_eq!(house.listed("pauseCode"), None);
    assert!(house.libvirt.calls().contains(&"set cpu shares 1020".to_owned()));
    let record = &house.room.vms.get(VM).unwrap().record;
    assert_ne!(record.hash, "0");
    let video = Tree::copy_of(record.conf.root().get("devices").unwrap().item(0).unwrap());
    assert_eq!(video.root().get("alias").unwrap().as_text(), Some("video0"));
    assert!(matches!(house.look(&start()).await, Look::Done(_)));
}

#[tokio::test]
async fn start_on_hold_is_paused_with_noerr() {
    let house = House::new().await;
    house.registered().await;
    house.act(&Start::plan(VM, &document(), StartMode::Paused)).await;
    assert_eq!(house.listed("status").as_deref(), Some("Paused"));
    assert_eq!(house.listed("pauseCode").as_deref(), Some("NOERR"));
}

#[tokio::test]
async fn a_start_that_libvirt_refuses_fails_with_its_text() {
    let house = House::new().await;
    house.registered().await;
    house.libvirt.fail_next("create", refused(1, "Cannot access storage file"));
    let status = failed(house.act(&start()).await);
    assert_eq!(status.code, 9);
    assert!(status.text().contains("Cannot access storage file"), "{status}");
    assert_eq!(house.look(&start()).await, Look::NotDone);
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_is_unknown_and_looked_at() {
    let house = House::new().await;
    house.registered().await;
    house.libvirt.fail_next("create", CallError::Deadline);
    assert!(matches!(house.act(&start()).await, Outcome::Unknown(_)));
    let marked = ownership::mark(&document(), &house.room.identity.root_id).unwrap();
    house.libvirt.put(VM, &marked);
    assert_eq!(house.look(&start()).await, Look::Done(Tree::text(&*marked)));
    assert_eq!(house.listed("status").as_deref(), Some("Up"));
}

#[tokio::test]
async fn a_domain_that_ends_at_once_is_a_failed_start() {
    let house = House::new().await;
    house.registered().await;
    *house.libvirt.dies_at_birth.lock().unwrap() = true;
    let status = failed(house.act(&start()).await);
    assert_eq!(status.text(), "Error creating the requested VM: Lost connection with qemu process");
}

#[tokio::test]
async fn a_document_of_another_machine_starts_nothing() {
    let house = House::new().await;
    house.registered().await;
    for document in [document().replace(VM, "11111111-2222-4333-8444-555555555556"), "<domain><name>x</name></domain>".into(), "<a".into()]
    {
        assert_eq!(failed(house.act(&Start::plan(VM, &document, StartMode::Running)).await).code, 9);
    }
    assert!(!house.libvirt.calls().iter().any(|call| call.starts_with("create")));
}

#[tokio::test]
async fn release_ends_the_domain_and_forgets_the_machine_twice_over() {
    let house = House::new().await;
    house.started().await;
    let step = Release::plan(VM);
    assert_eq!(house.look(&step).await, Look::NotDone);
    for _ in 0..2 {
        assert_eq!(house.act(&step).await, Outcome::Done(Tree::nil()));
        assert!(!house.libvirt.runs(VM) && house.store.get(VMS, VM).unwrap().is_none());
        assert_eq!(house.look(&step).await, Look::Done(Tree::nil()));
    }
}

#[tokio::test]
async fn a_domain_that_does_not_end_gracefully_is_ended_at_once_after_a_while() {
    let house = House::new().await;
    house.started().await;
    house.libvirt.fail_next("destroy", refused(OPERATION_FAILED, "still there"));
    let begin = Instant::now();
    assert_eq!(house.act(&Release::plan(VM)).await, Outcome::Done(Tree::nil()));
    assert!(begin.elapsed() >= house.room.patience.graceful);
    let destroys: Vec<_> = house.libvirt.calls().into_iter().filter(|call| call.starts_with("destroy")).collect();
    assert_eq!(destroys, ["destroy Gracefully", "destroy AtOnce"]);
}

#[tokio::test]
async fn a_domain_that_stands_still_is_not_asked_gracefully() {
    let house = House::new().await;
    house.started().await;
    house.libvirt.fail_next("ping", CallError::Deadline);
    assert_eq!(house.act(&Release::plan(VM)).await, Outcome::Done(Tree::nil()));
    let destroys: Vec<_> = house.libvirt.calls().into_iter().filter(|call| call.starts_with("destroy")).collect();
    assert_eq!(destroys, ["destroy AtOnce"]);
}

#[tokio::test]
async fn a_domain_that_hangs_is_ended_through_the_next_lane_at_once() {
    let house = House::new().await;
    house.started().await;
    house.libvirt.fail_next("destroy", CallError::Deadline);
    house.libvirt.fail_next("state", CallError::Deadline);
    assert_eq!(house.act(&Release::plan(VM)).await, Outcome::Done(Tree::nil()));
    assert!(!house.libvirt.runs(VM));
}

#[tokio::test]
async fn a_destroy_that_hangs_is_cut_short_at_the_process() {
    let house = House::new().await;
    let pid = house.libvirt.with_process();
    house.started().await;
    house.libvirt.fail_next("destroy", CallError::Deadline);
    assert_eq!(house.act(&Release::plan(VM)).await, Outcome::Done(Tree::nil()));
    assert!(house.libvirt.calls().contains(&format!("kill {pid}")));
}

#[tokio::test]
async fn a_machine_is_not_gone_while_its_process_runs_whatever_libvirt_finds() {
    let house = House::new().await;
    let pid = house.libvirt.with_process();
    house.started().await;
    // As after a restart of libvirtd, before it takes up its domains again.
    house.libvirt.domains.lock().unwrap().clear();
    assert_eq!(failed(house.act(&Control::Pause.plan(VM)).await).code, 16);
    house.libvirt.fail_next("kill", CallError::Deadline);
    assert!(!matches!(house.act(&Release::plan(VM)).await, Outcome::Done(_)), "it runs and nothing ended it");
    assert!(house.room.vms.get(VM).is_some());
    assert_eq!(house.act(&Release::plan(VM)).await, Outcome::Done(Tree::nil()));
    assert!(house.libvirt.calls().contains(&format!("kill {pid}")) && house.room.vms.get(VM).is_none());
}

#[tokio::test]
async fn a_domain_that_survives_keeps_its_record() {
    let house = House::new().await;
    house.started().await;
    for _ in 0..2 {
        house.libvirt.fail_next("destroy", refused(38, "no"));
    }
    assert_eq!(failed(house.act(&Release::plan(VM)).await).code, 16);
    assert_eq!(house.listed("status").as_deref(), Some("Powering down"));
}

#[tokio::test]
async fn a_domain_of_another_root_is_never_ended() {
    let house = House::new().await;
    house.registered().await;
    house.libvirt.put(VM, &ownership::mark(&document(), "another root").unwrap());
    assert_eq!(house.look(&start()).await, Look::NotDone);
    assert_eq!(house.act(&Release::plan(VM)).await, Outcome::Done(Tree::nil()));
    assert!(house.libvirt.runs(VM));
}

#[tokio::test]
async fn pause_and_cont_lead_there_and_back() {
    let house = House::new().await;
    house.started().await;
    let pause = Control::Pause.plan(VM);
    assert_eq!(pause.needs, None);
    assert_eq!(house.look(&pause).await, Look::NotDone);
    assert_eq!(house.act(&pause).await, Outcome::Done(Tree::nil()));
    assert_eq!((house.listed("status").as_deref(), house.listed("pauseCode").as_deref()), (Some("Paused"), Some("NOERR")));
    assert_eq!(house.look(&pause).await, Look::Done(Tree::nil()));
    assert_eq!(house.act(&Control::Cont.plan(VM)).await, Outcome::Done(Tree::nil()));
    assert_eq!((house.listed("status").as_deref(), house.listed("pauseCode")), (Some("Up"), None));
}

#[tokio::test]
async fn controls_name_the_state_they_are_not_valid_in() {
    let house = House::new().await;
    assert_eq!(failed(house.act(&Control::Pause.plan(VM)).await).code, 1);
    house.registered().await;
    for control in Control::ALL {
        let status = failed(house.act(&control.plan(VM)).await);
        assert_eq!(status.code, if control == Control::Balloon { 53 } else { 16 });
        assert!(status.text().contains("WaitForLaunch"), "{status}");
    }
    assert!(house.libvirt.calls().is_empty());
}

#[tokio::test]
async fn a_domain_that_is_gone_is_no_machine() {
    let house = House::new().await;
    house.started().await;
    house.libvirt.domains.lock().unwrap().clear();
    assert_eq!(failed(house.act(&Control::Pause.plan(VM)).await).code, 1);
}

#[tokio::test]
async fn a_balloon_target_is_asked_for_and_remembered() {
    let house = House::new().await;
    house.started().await;
    assert_eq!(house.act(&Control::plan_balloon(VM, 32_768)).await, Outcome::Done(Tree::nil()));
    assert!(house.libvirt.calls().contains(&"set memory 32768".to_owned()));
    assert_eq!(house.store.get(VMS, VM).unwrap().unwrap().balloon_target_kib, Some(32_768));
}

#[tokio::test]
async fn hooks_before_the_start_edit_and_may_stop_it() {
    let house = House::new().await;
    house.registered().await;
    let step = RunHooks::plan(VM, "before_vm_start", "<domain/>", None);
    *house.hooks.edit.lock().unwrap() = Some("<domain><edited/></domain>".into());
    assert_eq!(house.act(&step).await, Outcome::Done(Tree::text("<domain><edited/></domain>")));
    assert_eq!(house.hooks.asked.lock().unwrap()[0].properties["smbios"], "x");
    *house.hooks.failure.lock().unwrap() = Some("smbios: no such entry".into());
    assert!(failed(house.act(&step).await).text().contains("no such entry"));
}

#[tokio::test]
async fn hooks_elsewhere_read_the_live_document() {
    let house = House::new().await;
    house.started().await;
    let live = house.libvirt.domains.lock().unwrap()[VM].document.clone();
    for point in ["after_vm_start", "before_vm_destroy", "after_vm_destroy"] {
        assert_eq!(house.act(&RunHooks::plan(VM, point, "", None)).await, Outcome::Done(Tree::text(&*live)), "{point}");
        assert_eq!(house.hooks.asked.lock().unwrap().last().unwrap().document, live);
    }
    assert_eq!(failed(house.act(&RunHooks::plan(VM, "after_vm_party", "", None)).await).code, 16);
}

#[tokio::test]
async fn the_last_chain_of_a_machine_that_is_forgotten_reads_its_last_document() {
    let house = House::new().await;
    house.started().await;
    let live = house.libvirt.domains.lock().unwrap()[VM].document.clone();
    let step = RunHooks::plan(VM, "after_vm_destroy", "", Some(&house.room.vms.get(VM).unwrap().record));
    house.act(&Release::plan(VM)).await;
    assert_eq!(house.act(&step).await, Outcome::Done(Tree::text(&*live)));
    let asked = house.hooks.asked.lock().unwrap().remove(0);
    assert_eq!((asked.document, asked.properties["smbios"].as_str()), (live, "x"));
}

#[tokio::test]
async fn the_last_chain_of_a_machine_that_ended_by_itself_runs_once() {
    let house = House::new().await;
    house.started().await;
    house.libvirt.domains.lock().unwrap().clear();
    crate::adoption::end(&house.room, VM, crate::vm::state::Input::Vanished).await;
    house.room.concluded(std::time::Duration::from_secs(10)).await;
    assert_eq!(house.listed("status").as_deref(), Some("Down"));
    let step = RunHooks::plan(VM, "after_vm_destroy", "", Some(&house.room.vms.get(VM).unwrap().record));
    house.act(&Release::plan(VM)).await;
    assert!(matches!(house.act(&step).await, Outcome::Done(_)));
    assert_eq!(house.hooks.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn statistics_are_held_and_placed_by_name() {
    let house = House::new().await;
    house.started().await;
    let held = HeldTable::new();
    let Outcome::Done(tree) = house.act_with(&StatisticsOfAll::plan(), &held).await else { panic!() };
    let id = tree.root().as_held().unwrap();
    assert!(matches!(held.get(id), Some(Held::Encoded(bytes)) if bytes.starts_with(VM.as_bytes())));
    assert_eq!(failed(house.act(&StatisticsOfOne::plan("nobody")).await).code, 1);
}

#[tokio::test]
async fn a_destroy_without_its_module_ends_the_machine_and_the_second_finds_none() {
    let house = House::new().await;
    house.started().await;
    let destroy = |id: &str| {
        let wish = LeaseWish { key: lease(VM), access: Access::Exclusive, busy: Vec::new() };
        let request = Request {
            id: JobId(id.into()),
            verb: "destroy".into(),
            leases: vec![wish],
            held: HeldTable::new(),
            arrived: Instant::now(),
            answer_within: std::time::Duration::from_secs(20),
            default_error: Code::Unexpected.status(),
        };
        let plan = Box::new(DestroyPlan::new(house.room.clone(), VM));
        let engine = house.engine.clone();
        async move { engine.run(request, plan).await }
    };
    let (first, second) = tokio::join!(destroy("one"), destroy("two"));
    assert_eq!(first.unwrap().message.as_deref(), Some("Machine destroyed"));
    assert_eq!(second.unwrap_err().code, 1);
    assert!(!house.libvirt.runs(VM) && house.room.vms.get(VM).is_none());
    assert!(house.hooks.asked.lock().unwrap().is_empty());
}

#[test]
fn every_kind_has_a_name_of_its_own_and_the_right_nature() {
    use vdsm_core::jobs::Nature;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let natures: Vec<_> = runtime.block_on(async {
        let house = House::new().await;
        kinds(&house.room, &house.statistics).iter().map(|kind| (kind.spec().name, kind.spec().nature)).collect()
    });
    let expected = [
        ("vm.register", Nature::Undo),
        ("vm.run-hooks", Nature::Undo),
        ("vm.start", Nature::Decides),
        ("vm.release", Nature::Destroys),
        ("vm.statistics", Nature::Read),
        ("vm.statistics-of-all", Nature::Read),
        ("vm.pause", Nature::Decides),
        ("vm.cont", Nature::Decides),
        ("vm.shutdown", Nature::Decides),
        ("vm.balloon", Nature::Decides),
    ];
    assert_eq!(natures, expected);
}

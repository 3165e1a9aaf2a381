//! Steps under the job engine: what a failed job leaves, and what a look sees. Rung: mock host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::time::{Duration, Instant};

use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{
    Answer, Cancel, Decider, Decision, Engine, Fact, JobId, Order, Outcome, Pace, Planned, Request, Round, Step, StepCall, StepKind, Undone,
};
use vdsm_core::lease::{LeaseKey, LeaseKind, LeaseWish};
use vdsm_core::root::Root;
use vdsm_core::status::Status;
use vdsm_core::store::Store;
use vdsm_core::tree::Tree;

use super::*;
use crate::links::{Links, name_of};

/// Carries out one round, then ends the job as it was told; keeps what the steps brought.
struct Once {
    round: Option<Vec<Step>>,
    end: Decision,
    seen: tokio::sync::mpsc::UnboundedSender<Vec<Fact>>,
}

#[async_trait::async_trait]
impl Decider for Once {
    async fn decide(&mut self, facts: Vec<Fact>, _note: Option<Tree>) -> Result<Decision, Status> {
        match self.round.take() {
            Some(steps) => {
                let steps = steps.into_iter().map(Planned::Room).collect();
                Ok(Decision::Act(Round { order: Order::Together, steps, again: Some(Tree::nil()) }))
            }
            None => {
                self.seen.send(facts).unwrap();
                Ok(self.end.clone())
            }
        }
    }
}

fn well() -> Decision {
    Decision::Reply(Answer { members: Tree::empty_object(), message: None, held: HeldTable::new() })
}

fn badly() -> Decision {
    Decision::Refuse(Status::new(1, "refused", ""))
}

fn lease(address: &str) -> LeaseKey {
    LeaseKey { kind: LeaseKind::Connection, id: address.to_owned() }
}

async fn run(links: &Links, steps: Vec<Step>, end: Decision) -> Vec<Fact> {
    let engine = Engine::new(Store::in_memory().unwrap(), kinds(links), Pace::default(), None).unwrap();
    let keys = steps.iter().filter_map(|step| step.needs.clone());
    let request = Request {
        id: JobId("job".into()),
        verb: "test".into(),
        leases: keys.map(|key| LeaseWish { key, access: vdsm_core::descriptor::Access::Exclusive, busy: Vec::new() }).collect(),
        held: HeldTable::new(),
        arrived: Instant::now(),
        answer_within: Duration::from_secs(30),
        default_error: Status::new(16, "Unexpected exception", ""),
    };
    let (seen, mut facts) = tokio::sync::mpsc::unbounded_channel();
    let _ = engine.run(request, Box::new(Once { round: Some(steps), end, seen })).await;
    facts.recv().await.expect("the round ended")
}

fn fixture() -> (tempfile::TempDir, Links, String) {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("data");
    std::fs::create_dir(&target).unwrap();
    let links = Links::of(&Root::at(directory.path()).unwrap());
    (directory, links, target.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_refused_job_takes_back_only_what_it_made() {
    let (_directory, links, address) = fixture();
    run(&links, vec![ConnectLocal::plan(&address, None, lease(&address))], badly()).await;
    assert_eq!(links.target(&address).unwrap(), None, "made by the job, taken back with it");

    run(&links, vec![ConnectLocal::plan(&address, None, lease(&address))], well()).await;
    assert_eq!(links.target(&address).unwrap().as_deref(), Some(&*address), "stands after the job");

    let before = links.target(&address).unwrap();
    run(&links, vec![ConnectLocal::plan(&address, before, lease(&address))], badly()).await;
    assert_eq!(links.target(&address).unwrap().as_deref(), Some(&*address), "stood before the job and stays");
}

#[tokio::test]
async fn a_link_that_led_elsewhere_is_put_back() {
    let (_directory, links, address) = fixture();
    links.place(&address, "/elsewhere").unwrap();
    let before = links.target(&address).unwrap();
    run(&links, vec![ConnectLocal::plan(&address, before, lease(&address))], badly()).await;
    assert_eq!(links.target(&address).unwrap().as_deref(), Some("/elsewhere"));
}

#[tokio::test]
async fn a_refused_job_puts_a_disconnected_link_back() {
    let (_directory, links, address) = fixture();
    links.place(&address, &address).unwrap();
    let step = || DisconnectLocal::plan(&address, Some(address.clone()), lease(&address));
    let facts = run(&links, vec![step()], badly()).await;
    assert!(matches!(&facts[0].outcome, Outcome::Done(there) if there.root().as_bool() == Some(true)));
    assert_eq!(links.target(&address).unwrap().as_deref(), Some(&*address));
    run(&links, vec![step()], well()).await;
    assert_eq!(links.target(&address).unwrap(), None);
}

#[tokio::test]
async fn disks_are_files_or_block_devices() {
    let (directory, links, address) = fixture();
    let file = directory.path().join("disk.img");
    std::fs::write(&file, "x").unwrap();
    let paths = [file.to_str().unwrap(), "/no/such/file", &address, "relative"];
    let steps = paths.iter().map(|path| Prepare::plan(path, Owner::Job)).collect();
    let facts = run(&links, steps, well()).await;
    match &facts[0].outcome {
        Outcome::Done(found) => {
            assert_eq!(found.root().get("path").unwrap().as_text(), Some(paths[0]));
            assert_eq!(found.root().get("block").unwrap().as_bool(), Some(false));
        }
        other => panic!("{other:?}"),
    }
    let codes: Vec<_> =
        facts[1..].iter().map(|fact| matches!(&fact.outcome, Outcome::Failed(status) if [201, 209].contains(&status.code))).collect();
    assert_eq!(codes, [true; 3]);
}

#[tokio::test]
async fn a_look_tells_what_stands_and_changes_nothing() {
    let (_directory, links, address) = fixture();
    let engine = Engine::new(Store::in_memory().unwrap(), Vec::new(), Pace::default(), None).unwrap();
    let (job, held, cancel) = (JobId("job".into()), HeldTable::new(), Cancel::default());
    let connect = ConnectLocal::plan(&address, None, lease(&address));
    let disconnect = DisconnectLocal::plan(&address, Some(address.clone()), lease(&address));
    let call = |step| StepCall { job: &job, verb: "test", step, held: &held, cancel: &cancel, keepers: engine.keepers(), ending: None };
    let calls = Calls::new();
    let (connecting, disconnecting) = (ConnectLocal::new(links.clone(), calls.clone()), DisconnectLocal::new(links.clone(), calls));

    assert_eq!(connecting.look(call(&connect)).await, Look::NotDone);
    assert!(matches!(disconnecting.look(call(&disconnect)).await, Look::Done(_)));
    assert_eq!(links.target(&address).unwrap(), None);
    links.place(&address, &address).unwrap();
    assert!(matches!(connecting.look(call(&connect)).await, Look::Done(_)));
    assert_eq!(disconnecting.look(call(&disconnect)).await, Look::NotDone);
    // Taking back bears repetition, and that nothing was done.
    for _ in 0..2 {
        assert_eq!(connecting.undo(call(&connect)).await, Undone::Gone);
        assert_eq!(links.target(&address).unwrap(), None);
    }
}

#[test]
fn names_are_vdsms() {
    let cases = [
        ("nfs1.example.com:/exports/data_1", "nfs1.example.com:_exports_data__1"),
        ("nfs1.example.com:/exports/data_1/", "nfs1.example.com:_exports_data__1_"),
        ("[fd00::1]:/x", "[fd00::1]:_x"),
        ("gl1.example.com:vm_store", "gl1.example.com:vm__store"),
        ("/srv/local_data", "_srv_local__data"),
    ];
    for (address, name) in cases {
        assert_eq!(name_of(address), name);
    }
}

#[test]
fn no_address_leads_out_of_the_repository() {
    let (directory, links, _) = fixture();
    let mounts = directory.path().join("rhev/data-center/mnt");
    for address in ["..", ".", "/../../etc", ""] {
        let _ = links.place(address, "/tmp");
        let _ = links.remove(address);
    }
    assert!(mounts.join("_.._.._etc").symlink_metadata().is_err(), "made and taken away inside");
    let outside: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outside.len(), 2, "only the data directory and the repository: {outside:?}");
}

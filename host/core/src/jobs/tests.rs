//! Rung: pure. What the engine does about faults of ours: deciders that panic, steps that do not end in time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::descriptor::Access;
use crate::errors::Code;
use crate::lease::{LeaseKey, LeaseKind, LeaseWish};
use crate::store::Store;

fn key() -> LeaseKey {
    LeaseKey { kind: LeaseKind::Vm, id: "a".into() }
}

fn request(id: &str) -> Request {
    Request {
        id: JobId(id.into()),
        verb: "verb".into(),
        leases: vec![LeaseWish { key: key(), access: Access::Exclusive, busy: Vec::new() }],
        held: HeldTable::new(),
        arrived: Instant::now(),
        answer_within: Duration::from_secs(20),
        default_error: Code::Unexpected.status(),
    }
}

/// Panics at once.
struct Panics;

#[async_trait::async_trait]
impl Decider for Panics {
    async fn decide(&mut self, _facts: Vec<Fact>, _note: Option<Tree>) -> Result<Decision, Status> {
        panic!("a fault of ours");
    }
}

#[tokio::test]
async fn a_decider_that_panics_keeps_no_lease() {
    let engine = Engine::new(Store::in_memory().unwrap(), Vec::new(), Pace::default(), None).unwrap();
    for id in ["one", "two"] {
        let refused = engine.run(request(id), Box::new(Panics)).await.unwrap_err();
        assert!(refused.text().contains("an internal error"), "{refused}");
        assert!(engine.leases().list().is_empty());
    }
}

/// A step that takes longer than it may, and counts how many of it are at work.
struct Slow {
    at_work: AtomicUsize,
    most: AtomicUsize,
    done: AtomicUsize,
}

#[async_trait::async_trait]
impl StepKind for Slow {
    fn spec(&self) -> StepSpec {
        StepSpec { name: "slow", version: 1, nature: Nature::Destroys, limit: Duration::from_millis(10), tries: 3 }
    }

    async fn act(&self, _call: StepCall<'_>) -> Outcome {
        let now = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        self.done.fetch_add(1, Ordering::SeqCst);
        Outcome::Done(Tree::nil())
    }

    async fn look(&self, _call: StepCall<'_>) -> Look {
        if self.done.load(Ordering::SeqCst) > 0 { Look::Done(Tree::nil()) } else { Look::NotDone }
    }
}

struct Once(Option<Round>);

#[async_trait::async_trait]
impl Decider for Once {
    async fn decide(&mut self, _facts: Vec<Fact>, _note: Option<Tree>) -> Result<Decision, Status> {
        self.0.take().map_or_else(|| Err(Code::Unexpected.status()), |round| Ok(Decision::Act(round)))
    }
}

#[tokio::test]
async fn a_step_that_did_not_end_in_time_is_not_started_beside_itself() {
    let slow = Arc::new(Slow { at_work: AtomicUsize::new(0), most: AtomicUsize::new(0), done: AtomicUsize::new(0) });
    let pace = Pace { retry: Duration::ZERO, left_behind: Duration::from_secs(5), background: Duration::from_millis(1) };
    let engine = Engine::new(Store::in_memory().unwrap(), [slow.clone() as Arc<dyn StepKind>], pace, None).unwrap();
    let step = Step { kind: "slow".into(), version: 1, parameters: Tree::nil(), needs: Some(key()), owner: Owner::Nobody };
    let answer = Answer { members: Tree::empty_object(), message: None, held: HeldTable::new() };
    let steps = vec![Planned::Commit, Planned::Room(step), Planned::Answer(answer)];
    let round = Round { order: Order::InTurn, steps, again: None };
    engine.run(request("one"), Box::new(Once(Some(round)))).await.unwrap_err();
    assert_eq!(engine.background().len(), 1);
    // Its lease is free again once the step was seen to have ended.
    drop(engine.hold("after", key(), Duration::from_secs(20)).await.unwrap());
    assert_eq!((slow.most.load(Ordering::SeqCst), slow.done.load(Ordering::SeqCst)), (1, 1));
    assert!(engine.background().is_empty() && engine.written().unwrap().is_empty());
}

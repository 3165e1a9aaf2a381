//! The job engine against its crash model: every plan, one faulty step, kill at any one point and at sampled pairs of points; after
//! recovery nothing is left half done. Rung: pure (the world is a map, a crash is a future that never returns).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tokio::sync::Notify;
use vdsm_core::descriptor::Access;
use vdsm_core::held::HeldTable;
use vdsm_core::jobs::*;
use vdsm_core::lease::{LeaseKey, LeaseKind, LeaseWish};
use vdsm_core::status::Status;
use vdsm_core::store::Store;
use vdsm_core::tree::Tree;

/// What a step of a plan is, in the words of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    /// Undone before the commit point, kept by the subject after it.
    Normal,
    /// Undone at any end.
    Always,
    Decides,
    Destroys,
    Commit,
    /// Past the commit point: at least once.
    After,
    Read,
}
use Sort::*;

const PLANS: &[(&str, &[(&str, Sort)])] = &[
    ("create", &[("prep1", Normal), ("prep2", Normal), ("payload", Normal), ("start", Decides), ("hooks", After)]),
    ("hotplug", &[("prep", Normal), ("attach", Decides), ("hooks", After)]),
    ("snapshot", &[("newvol", Normal), ("freeze", Always), ("snap", Decides)]),
    (
        "merge",
        &[("new", Normal), ("conv", Normal), ("ren1", Normal), ("ren2", Normal), ("c", Commit), ("ill", Destroys), ("del", Destroys)],
    ),
    ("move", &[("copy", Normal), ("c", Commit), ("delsrc", Destroys)]),
    ("migrate", &[("remote", Normal), ("left", Decides), ("down", After)]),
    ("network", &[("apply", Normal), ("proof", Read), ("c", Commit), ("persist", After)]),
    ("destroy", &[("c", Commit), ("release", Destroys), ("hooks", After)]),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Before(usize),
    After(usize),
    /// Acts, or does not, and says that it cannot be told; nor can the next look tell.
    Dark(usize, bool),
}

/// What a step does wrong, once.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    FailsBefore,
    FailsAfter,
    Dark { acts: bool },
}

/// The world: which effects stand. It outlives the process.
#[derive(Default)]
struct World {
    effects: Mutex<HashMap<String, bool>>,
    fault: Mutex<Option<(String, Wrong)>>,
    /// A step whose next look tells nothing.
    dark: Mutex<Option<String>>,
    ticks: Mutex<u64>,
    crashes: Mutex<Vec<u64>>,
    crashed: Notify,
}

impl World {
    async fn tick(&self) {
        let dies = {
            let mut ticks = self.ticks.lock().unwrap();
            *ticks += 1;
            self.crashes.lock().unwrap().contains(&*ticks)
        };
        if dies {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
    }
    fn set(&self, name: &str, stands: bool) {
        self.effects.lock().unwrap().insert(name.to_owned(), stands);
    }
    fn stands(&self, name: &str) -> bool {
        self.effects.lock().unwrap().get(name).copied().unwrap_or(false)
    }
}

struct Kind {
    world: Arc<World>,
    spec: StepSpec,
}

fn effect<'a>(call: &StepCall<'a>) -> &'a str {
    call.step.parameters.root().as_text().unwrap()
}

#[async_trait::async_trait]
impl StepKind for Kind {
    fn spec(&self) -> StepSpec {
        self.spec
    }
    async fn act(&self, call: StepCall<'_>) -> Outcome {
        let name = effect(&call);
        let fault = {
            let mut fault = self.world.fault.lock().unwrap();
            if fault.as_ref().is_some_and(|(of, _)| of == name) { fault.take() } else { None }
        };
        let wrong = fault.map(|(_, wrong)| wrong);
        self.world.tick().await;
        match wrong {
            Some(Wrong::FailsBefore) => return Outcome::Failed(Status::new(16, "fault", "before")),
            Some(Wrong::Dark { acts }) => {
                *self.world.dark.lock().unwrap() = Some(name.to_owned());
                if acts {
                    self.world.set(name, true);
                }
                self.world.tick().await;
                return Outcome::Unknown(Status::new(16, "fault", "dark"));
            }
            Some(Wrong::FailsAfter) | None => {}
        }
        self.world.set(name, true);
        self.world.tick().await;
        if wrong.is_some() { Outcome::Failed(Status::new(16, "fault", "after")) } else { Outcome::Done(Tree::nil()) }
    }
    async fn look(&self, call: StepCall<'_>) -> Look {
        let dark = self.world.dark.lock().unwrap().take_if(|dark| dark == effect(&call)).is_some();
        if dark {
            return Look::Unknown("dark".into());
        }
        if self.world.stands(effect(&call)) { Look::Done(Tree::nil()) } else { Look::NotDone }
    }
    async fn undo(&self, call: StepCall<'_>) -> Undone {
        self.world.tick().await;
        self.world.set(effect(&call), false);
        self.world.tick().await;
        Undone::Gone
    }
}

struct Ticker(Arc<World>);
impl Probe for Ticker {
    fn pass<'a>(&'a self, _: &'a str, _: &'a str, _: Point) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.0.tick())
    }
}

fn subject() -> LeaseKey {
    LeaseKey { kind: LeaseKind::Vm, id: "vm".into() }
}

fn planned(name: &str, sort: Sort) -> Planned {
    let (kind, owner) = match sort {
        Commit => return Planned::Commit,
        Normal => ("t.undo", Owner::Subject(subject())),
        Always => ("t.undo", Owner::Job),
        After => ("t.undo", Owner::Nobody),
        Decides => ("t.decides", Owner::Nobody),
        Destroys => ("t.destroys", Owner::Nobody),
        Read => ("t.read", Owner::Nobody),
    };
    Planned::Room(Step { kind: kind.into(), version: 1, parameters: Tree::text(name), needs: Some(subject()), owner })
}

/// Gives the plan in rounds; a failure in a round that is not the last is passed on as a refusal, as modules do.
struct Script {
    rounds: Vec<Vec<Planned>>,
}

#[async_trait::async_trait]
impl Decider for Script {
    async fn decide(&mut self, facts: Vec<Fact>, _: Option<Tree>) -> Result<Decision, Status> {
        for fact in facts {
            if let Outcome::Failed(status) | Outcome::Unknown(status) = fact.outcome {
                return Ok(Decision::Refuse(status));
            }
        }
        let steps = self.rounds.remove(0);
        let again = (!self.rounds.is_empty()).then(Tree::nil);
        Ok(Decision::Act(Round { order: Order::InTurn, steps, again }))
    }
}

fn engine(world: &Arc<World>, store: &Store) -> Arc<Engine> {
    let kind = |name, nature| -> Arc<dyn StepKind> {
        Arc::new(Kind { world: world.clone(), spec: StepSpec { name, version: 1, nature, limit: Duration::from_secs(60), tries: 3 } })
    };
    let kinds = [
        kind("t.undo", Nature::Undo),
        kind("t.decides", Nature::Decides),
        kind("t.destroys", Nature::Destroys),
        kind("t.read", Nature::Read),
    ];
    let pace = Pace { retry: Duration::ZERO, left_behind: Duration::from_secs(5), background: Duration::from_millis(1) };
    Engine::new(store.clone(), kinds, pace, Some(Arc::new(Ticker(world.clone())))).unwrap()
}

fn answer() -> Planned {
    Planned::Answer(Answer { members: Tree::empty_object(), message: None, held: HeldTable::new() })
}

async fn first_run(world: Arc<World>, store: Store, plan: &'static [(&'static str, Sort)], split: bool) {
    let engine = engine(&world, &store);
    let mut steps: Vec<Planned> = plan.iter().map(|(name, sort)| planned(name, *sort)).collect();
    steps.push(answer());
    // Split before the commit point, as verbs do that need an outcome to go on.
    let at = plan.iter().position(|(_, sort)| matches!(sort, Decides | Commit)).unwrap();
    let rounds = if split && at > 0 {
        let rest = steps.split_off(at);
        vec![steps, rest]
    } else {
        vec![steps]
    };
    let request = Request {
        id: JobId("job".into()),
        verb: "test".into(),
        leases: vec![LeaseWish { key: subject(), access: Access::Exclusive, busy: vec![] }],
        held: HeldTable::new(),
        arrived: Instant::now(),
        answer_within: Duration::from_secs(600),
        default_error: Status::new(16, "Unexpected exception", ""),
    };
    let _ = engine.run(request, Box::new(Script { rounds })).await;
    idle(&engine).await;
}

async fn recovery(world: Arc<World>, store: Store) {
    let engine = engine(&world, &store);
    let leftover = engine.reclaim().unwrap();
    let rest = engine.settle_leftover(leftover, |_| true, Duration::from_secs(60)).await;
    assert_eq!(rest.jobs().count(), 0);
    idle(&engine).await;
}

/// Waits until nothing holds a lease and nothing is in the background.
async fn idle(engine: &Arc<Engine>) {
    while !engine.leases().list().is_empty() || !engine.background().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Runs one process life; true when it lived to its end.
fn life(world: &Arc<World>, run: impl Future<Output = ()> + Send + 'static) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let world = world.clone();
    runtime.block_on(async move {
        tokio::select! {
            biased;
            () = world.crashed.notified() => false,
            () = run => true,
        }
    })
}

/// One history; returns how many ticks it took.
fn history(plan: &'static [(&'static str, Sort)], split: bool, fault: Fault, crashes: &[u64]) -> u64 {
    let world = Arc::new(World::default());
    *world.crashes.lock().unwrap() = crashes.to_vec();
    *world.fault.lock().unwrap() = match fault {
        Fault::None => None,
        Fault::Before(step) => Some((plan[step].0.to_owned(), Wrong::FailsBefore)),
        Fault::After(step) => Some((plan[step].0.to_owned(), Wrong::FailsAfter)),
        Fault::Dark(step, acts) => Some((plan[step].0.to_owned(), Wrong::Dark { acts })),
    };
    let store = Store::in_memory().unwrap();
    let mut alive = life(&world, first_run(world.clone(), store.clone(), plan, split));
    for _ in 0..=crashes.len() {
        if alive {
            break;
        }
        alive = life(&world, recovery(world.clone(), store.clone()));
    }
    assert!(alive, "it never ends");
    verify(&world, plan, &format!("{plan:?} split {split} {fault:?} crashes {crashes:?}"));
    // Nothing may be left for the next start to do.
    assert!(life(&world, recovery(world.clone(), store)));
    *world.ticks.lock().unwrap()
}

fn verify(world: &World, plan: &[(&str, Sort)], context: &str) {
    let of =
        |wanted: &[Sort]| plan.iter().filter(|(_, sort)| wanted.contains(sort)).map(|(name, _)| world.stands(name)).collect::<Vec<_>>();
    let (normal, irrevocable) = (of(&[Normal]), of(&[Decides, Destroys]));
    assert!(!of(&[Always]).contains(&true), "something of the job alone is left: {context}");
    let committed = irrevocable.contains(&true) || (irrevocable.is_empty() && of(&[After]).contains(&true));
    if committed {
        assert!(!normal.contains(&false), "undone after the irrevocable: {context}");
        assert!(!irrevocable.contains(&false), "the irrevocable half done: {context}");
        assert!(!of(&[After]).contains(&false), "what must follow did not: {context}");
    } else if plan.iter().all(|(_, sort)| *sort != Commit) || !normal.contains(&false) {
        // Not committed: everything or (a commit without a step that shows it) nothing.
        let stands = normal.iter().filter(|stands| **stands).count();
        assert!(stands == 0 || irrevocable.is_empty(), "a leak: {context}");
    } else {
        assert!(!normal.contains(&true), "a leak: {context}");
    }
}

fn faults(plan: &[(&str, Sort)]) -> Vec<Fault> {
    let mut all = vec![Fault::None];
    for (index, (_, sort)) in plan.iter().enumerate() {
        match sort {
            Commit => {}
            Read => all.push(Fault::Before(index)),
            _ => all.extend([Fault::Before(index), Fault::After(index), Fault::Dark(index, true), Fault::Dark(index, false)]),
        }
    }
    all
}

#[test]
fn every_plan_every_fault_every_single_crash() {
    let mut histories = 0;
    for (_, plan) in PLANS {
        for split in [false, true] {
            for fault in faults(plan) {
                let ticks = history(plan, split, fault, &[]);
                for crash in 1..=ticks {
                    history(plan, split, fault, &[crash]);
                    histories += 1;
                }
            }
        }
    }
    assert!(histories > 1500, "only {histories} histories: the points are not passed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn two_crashes_anywhere(plan in 0..PLANS.len(), split: bool, fault in 0..32_usize, first in 1..40_u64, gap in 1..40_u64) {
        let plan = PLANS[plan].1;
        let faults = faults(plan);
        history(plan, split, faults[fault % faults.len()], &[first, first + gap]);
    }
}

/// Answers at the end of its first round, and cannot go on before the caller has heard.
struct AnswersFirst {
    heard: Arc<Notify>,
    rounds: u32,
}

#[async_trait::async_trait]
impl Decider for AnswersFirst {
    async fn decide(&mut self, _: Vec<Fact>, _: Option<Tree>) -> Result<Decision, Status> {
        self.rounds += 1;
        if self.rounds == 1 {
            let steps = vec![planned("prep", Normal), answer()];
            return Ok(Decision::Act(Round { order: Order::InTurn, steps, again: Some(Tree::nil()) }));
        }
        self.heard.notified().await;
        Ok(Decision::Act(Round { order: Order::InTurn, steps: vec![planned("start", Decides)], again: None }))
    }
}

#[tokio::test]
async fn an_answer_is_sent_in_its_place_though_rounds_follow() {
    let (world, store, heard) = (Arc::new(World::default()), Store::in_memory().unwrap(), Arc::new(Notify::new()));
    let engine = engine(&world, &store);
    let request = Request {
        id: JobId("job".into()),
        verb: "test".into(),
        leases: vec![LeaseWish { key: subject(), access: Access::Exclusive, busy: vec![] }],
        held: HeldTable::new(),
        arrived: Instant::now(),
        answer_within: Duration::from_secs(30),
        default_error: Status::new(16, "Unexpected exception", ""),
    };
    let decider = AnswersFirst { heard: heard.clone(), rounds: 0 };
    engine.run(request, Box::new(decider)).await.expect("the answer of the first round");
    assert!(!world.stands("start"));
    heard.notify_one();
    idle(&engine).await;
    assert!(world.stands("start") && world.stands("prep"));
}

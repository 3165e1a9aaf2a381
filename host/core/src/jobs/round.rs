//! Carrying out one round: checked whole, written before it acts, then step by step.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::task::Poll;

use futures_util::FutureExt;

use super::job::Job;
use super::journal::{JOBS, RoundStep};
use super::keepers::Keepers;
use super::{Fact, JobControl, Look, Nature, Order, Outcome, Planned, Point, Round, Step, StepCall, StepKind, Undone};
use crate::descriptor::Access;
use crate::held::HeldTable;
use crate::lease::LeaseKey;
use crate::status::Status;
use crate::store::StoreError;
use crate::tree::Tree;

/// What came of a round.
pub(super) struct Carried {
    pub(super) facts: Vec<Fact>,
    /// The first failure, if any.
    pub(super) failure: Option<Status>,
}

impl Job {
    pub(super) async fn carry_out(&mut self, round: &Arc<Round>) -> Result<Carried, Status> {
        self.check(round)?;
        let first_undo = self.record.undo.len();
        self.write_round(round).await.map_err(|error| self.default_error.with_detail(error.to_string()))?;
        let undo_of = undo_indexes(self, round, first_undo);
        let outcomes = match round.order {
            Order::InTurn => self.in_turn(round).await?,
            Order::Together => self.together(round).await,
        };
        for (outcome, undo) in outcomes.iter().zip(&undo_of) {
            if let (Outcome::Failed(_) | Outcome::Unknown(_), Some(undo)) = (outcome, undo) {
                self.doubtful.push(*undo);
            }
        }
        let failure = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Failed(status) | Outcome::Unknown(status) => Some(status.clone()),
            _ => None,
        });
        let facts = outcomes.into_iter().zip(0..).map(|(outcome, step)| Fact { step, outcome }).collect();
        Ok(Carried { facts, failure })
    }

    /// Validates the whole round before its first step.
    fn check(&self, round: &Round) -> Result<(), Status> {
        let refuse = |why: String| Err(self.default_error.with_detail(why));
        let mut committed = self.committed();
        let mut answered = self.is_answered();
        let mut leases = self.record.leases.clone();
        for planned in &round.steps {
            match planned {
                Planned::Room(step) => {
                    let Some(kind) = self.engine.keepers.kind(step) else {
                        return refuse(format!("no step {} {}", step.kind, step.version));
                    };
                    let nature = kind.spec().nature;
                    let enough = |access: Access| nature == Nature::Read || access == Access::Exclusive;
                    let held = |needed: &&LeaseKey| leases.iter().any(|(key, access)| key == *needed && enough(*access));
                    if let Some(needed) = step.needs.as_ref().filter(|needed| !held(needed)) {
                        return refuse(format!("{} needs a lease on {needed}, exclusive unless it only reads", step.kind));
                    }
                    if nature == Nature::Destroys && !committed {
                        return refuse(format!("{} destroys: it needs a commit before it", step.kind));
                    }
                    if round.order == Order::Together && matches!(nature, Nature::Decides | Nature::Destroys) {
                        return refuse(format!("{} decides: it cannot run together with others", step.kind));
                    }
                    committed |= nature == Nature::Decides;
                }
                Planned::Answer(_) if answered => return refuse("a second answer".into()),
                Planned::Answer(_) => answered = true,
                Planned::Lease { key, access, .. } => {
                    if leases.iter().any(|(held, _)| held >= key) {
                        return refuse(format!("a lease on {key} would go downwards"));
                    }
                    leases.push((key.clone(), *access));
                }
                Planned::Commit => committed = true,
                Planned::Cancel(_) => {}
            }
            if round.order == Order::Together && !matches!(planned, Planned::Room(_)) {
                return refuse("only steps of rooms can run together".into());
            }
        }
        Ok(())
    }

    /// Whether anything of this round could be left behind: what dies with the process and a single step without undo is not
    /// written.
    fn must_write(&self, round: &Round) -> bool {
        if self.written {
            return true;
        }
        let natures: Vec<Nature> = rooms(round).filter_map(|step| self.engine.keepers.kind(step)).map(|kind| kind.spec().nature).collect();
        let acting = natures.iter().filter(|nature| **nature != Nature::Read).count();
        match acting {
            0 => false,
            1 => !natures.contains(&Nature::Decides),
            _ => true,
        }
    }

    async fn write_round(&mut self, round: &Arc<Round>) -> Result<(), StoreError> {
        if !self.must_write(round) {
            self.record.round.clear();
            return Ok(());
        }
        self.note_round(round);
        for step in rooms(round) {
            self.engine.pass(self.control.verb(), &step.kind, Point::BeforeWrite).await;
        }
        let id = self.record.id.0.clone();
        let record = JOBS.encode(&id, &self.record)?;
        let (control, held, keepers, round) = (self.control.clone(), self.held.clone(), self.engine.keepers.clone(), round.clone());
        self.engine
            .store
            .write(move |transaction| {
                transaction.put_encoded(JOBS, &id, record)?;
                for step in rooms(&round) {
                    if let Some(kind) = keepers.kind(step) {
                        kind.record(call(&control, &held, &keepers, step), transaction)?;
                    }
                }
                Ok(())
            })
            .await?;
        self.written = true;
        Ok(())
    }

    /// Puts the round and its undo entries into the record.
    fn note_round(&mut self, round: &Round) {
        self.record.order = round.order;
        self.record.passed = 0;
        self.record.round = round
            .steps
            .iter()
            .map(|planned| match planned {
                Planned::Room(step) => RoundStep::Room(step.clone()),
                Planned::Commit => RoundStep::Commit,
                Planned::Answer(_) | Planned::Lease { .. } | Planned::Cancel(_) => RoundStep::Own,
            })
            .collect();
        self.record.answered |= round.steps.iter().any(|planned| matches!(planned, Planned::Answer(_)));
        if self.committed() {
            return;
        }
        for planned in &round.steps {
            match planned {
                Planned::Commit => break,
                Planned::Room(step) => match self.engine.keepers.kind(step).map(|kind| kind.spec().nature) {
                    Some(Nature::Decides) => break,
                    Some(Nature::Undo) => self.record.undo.push(step.clone()),
                    _ => {}
                },
                _ => {}
            }
        }
    }

    async fn in_turn(&mut self, round: &Round) -> Result<Vec<Outcome>, Status> {
        let mut outcomes = Vec::with_capacity(round.steps.len());
        let last = round.steps.len().saturating_sub(1);
        for (index, planned) in round.steps.iter().enumerate() {
            if self.control.is_cancelled() {
                break;
            }
            let outcome = self.one(index, planned, index == last && round.again.is_none()).await?;
            let failed = !matches!(outcome, Outcome::Done(_));
            outcomes.push(outcome);
            if failed {
                break;
            }
        }
        outcomes.resize(round.steps.len(), Outcome::Skipped);
        Ok(outcomes)
    }

    async fn one(&mut self, index: usize, planned: &Planned, is_last: bool) -> Result<Outcome, Status> {
        let passed = u32::try_from(index + 1).unwrap_or(u32::MAX);
        match planned {
            Planned::Room(step) => {
                let outcome = self.room(step).await;
                let decides = self.engine.keepers.kind(step).is_some_and(|kind| kind.spec().nature == Nature::Decides);
                if decides && !self.committed() {
                    return self.decided(step, passed, outcome).await;
                }
                return Ok(outcome);
            }
            Planned::Answer(answer) if is_last => self.last_answer = Some(answer.clone()),
            Planned::Answer(answer) => self.answer(Ok(answer.clone())),
            Planned::Lease { key, access, wait_ms } => {
                if let Err(status) = self.take_planned(key, *access, *wait_ms).await {
                    return Ok(Outcome::Failed(status));
                }
            }
            Planned::Commit => {
                if !self.control.begin_commit() {
                    return Err(self.default_error.with_detail("cancelled"));
                }
                self.commit(passed, false).await.map_err(|error| self.default_error.with_detail(error.to_string()))?;
            }
            Planned::Cancel(key) => {
                let holders = self.engine.leases.holders(key);
                let cancelled = holders.iter().filter(|holder| holder.job.cancel()).count() > 0;
                return Ok(Outcome::Done(Tree::int(i32::from(cancelled))));
            }
        }
        Ok(Outcome::Done(Tree::nil()))
    }

    /// After a step that decides. Done: the job is past its commit point, whoever wanted to cancel it meanwhile. Not known, or not
    /// to be written down: nothing may be taken back, so it goes to the background list and is looked at again.
    async fn decided(&mut self, step: &Step, passed: u32, outcome: Outcome) -> Result<Outcome, Status> {
        let why = match &outcome {
            Outcome::Done(_) => match self.commit(passed, false).await {
                Ok(()) => return Ok(outcome),
                Err(error) => error.to_string(),
            },
            Outcome::Unknown(status) => status.to_string(),
            Outcome::Failed(_) | Outcome::Skipped => return Ok(outcome),
        };
        if self.written {
            self.engine.to_background(&self.record, format!("{}: {why}", step.kind));
        }
        Err(self.default_error.with_detail(format!("{}: {why}", step.kind)))
    }

    async fn together(&self, round: &Round) -> Vec<Outcome> {
        let steps = rooms(round).map(|step| self.room(step));
        futures_util::future::join_all(steps).await
    }

    /// Carries out one step of a room. A failure of a step that decides is final only after a look; past the commit point it is
    /// tried again to its limit, then it goes to the background list.
    async fn room(&self, step: &Step) -> Outcome {
        let Some(kind) = self.engine.keepers.kind(step) else {
            return Outcome::Failed(self.default_error.with_detail(format!("no step {}", step.kind)));
        };
        self.engine.pass(self.control.verb(), &step.kind, Point::AfterWrite).await;
        let mut outcome = self.act(kind, step).await;
        let spec = kind.spec();
        if self.committed() && spec.nature != Nature::Read {
            for _ in 1..spec.tries {
                // One that cannot be told, or that did not end in time, may still be at work: it is not started beside itself.
                if !matches!(outcome, Outcome::Failed(_)) {
                    break;
                }
                tokio::time::sleep(self.engine.pace.retry).await;
                outcome = self.act(kind, step).await;
            }
            if let Outcome::Failed(status) | Outcome::Unknown(status) = &outcome
                && self.written
            {
                self.engine.to_background(&self.record, format!("{}: {status}", step.kind));
            }
        }
        self.engine.pass(self.control.verb(), &step.kind, Point::BeforeOutcome).await;
        outcome
    }

    async fn act(&self, kind: &Arc<dyn StepKind>, step: &Step) -> Outcome {
        let Attempt { outcome, ended } = self.attempt(kind, step).await;
        self.engine.pass(self.control.verb(), &step.kind, Point::AfterAct).await;
        let in_doubt =
            matches!(outcome, Outcome::Failed(_)) && kind.spec().nature == Nature::Decides || matches!(outcome, Outcome::Unknown(_));
        if !in_doubt {
            return outcome;
        }
        match self.look(kind, step).await {
            Look::Done(value) => Outcome::Done(value),
            Look::NotDone => match outcome {
                Outcome::Unknown(status) if ended || !self.committed() => Outcome::Failed(status),
                other => other,
            },
            Look::Unknown(why) => Outcome::Unknown(self.default_error.with_detail(why)),
        }
    }

    /// Whether the step's effect stands, within its time limit; a canceller does not wait for it, except where the answer decides.
    async fn look(&self, kind: &Arc<dyn StepKind>, step: &Step) -> Look {
        let cancelled = async {
            if self.committed() || kind.spec().nature == Nature::Decides {
                std::future::pending::<()>().await;
            }
            self.control.cancel_signal().cancelled().await;
            tokio::time::sleep(self.engine.pace.left_behind).await;
        };
        tokio::select! {
            look = kind.look(self.call(step)) => look,
            () = tokio::time::sleep(kind.spec().limit) => Look::Unknown("it cannot be looked at within its time limit".into()),
            () = cancelled => Look::Unknown("it cannot be looked at now".into()),
        }
    }

    /// One try. Unless it ends at once it is in a task of its own: it may outlive its time limit and a canceller that will not wait.
    async fn attempt(&self, kind: &Arc<dyn StepKind>, step: &Step) -> Attempt {
        let spec = kind.spec();
        let owned =
            OwnedCall { control: self.control.clone(), held: self.held.clone(), keepers: self.engine.keepers.clone(), step: step.clone() };
        let (acting, acting_call) = (kind.clone(), owned.clone());
        let mut acting = Box::pin(AssertUnwindSafe(async move { acting.act(acting_call.borrow()).await }).catch_unwind());
        let unknown = |why: &str| Outcome::Unknown(self.default_error.with_detail(format!("{} {why}", spec.name)));
        if let Poll::Ready(outcome) = futures_util::poll!(&mut acting) {
            return Attempt { outcome: outcome.unwrap_or_else(|_| unknown("ended unexpectedly")), ended: true };
        }
        let mut task = tokio::spawn(acting);
        // What decides is never left behind: nobody could take a late success back.
        let may_leave = !self.committed() && spec.nature != Nature::Decides;
        let cancelled = async {
            if !may_leave {
                std::future::pending::<()>().await;
            }
            self.control.cancel_signal().cancelled().await;
            tokio::time::sleep(self.engine.pace.left_behind).await;
        };
        let outcome = tokio::select! {
            outcome = &mut task => {
                let outcome = outcome.ok().and_then(Result::ok).unwrap_or_else(|| unknown("ended unexpectedly"));
                return Attempt { outcome, ended: true };
            }
            () = tokio::time::sleep(spec.limit) => unknown("did not end within its time limit"),
            () = cancelled => unknown("did not yield when it was cancelled"),
        };
        let stays = self.committed();
        if spec.nature != Nature::Read && (stays || spec.nature == Nature::Undo) {
            let kind = kind.clone();
            let late = tokio::spawn(async move {
                // Whatever it returns comes too late; what it did before the commit point must not stay.
                let _ = task.await;
                if !stays && let Undone::NotNow(why) = kind.undo(owned.borrow()).await {
                    tracing::error!(step = %owned.step.kind, why, "a step that was left behind could not be taken back");
                }
            });
            self.late.lock().unwrap_or_else(PoisonError::into_inner).push(late);
        }
        Attempt { outcome, ended: false }
    }

    pub(super) fn call<'a>(&'a self, step: &'a Step) -> StepCall<'a> {
        StepCall {
            job: self.control.id(),
            verb: self.control.verb(),
            step,
            held: &self.held,
            cancel: self.control.cancel_signal(),
            keepers: &self.engine.keepers,
            ending: None,
        }
    }
}

/// One try of a step.
struct Attempt {
    outcome: Outcome,
    /// False: it was left behind and may still be at work.
    ended: bool,
}

/// What a step is given, owned, for tasks of their own.
#[derive(Clone)]
struct OwnedCall {
    control: Arc<JobControl>,
    held: HeldTable,
    keepers: Keepers,
    step: Step,
}

impl OwnedCall {
    fn borrow(&self) -> StepCall<'_> {
        call(&self.control, &self.held, &self.keepers, &self.step)
    }
}

/// What a step is given while it is recorded and acts.
fn call<'a>(control: &'a JobControl, held: &'a HeldTable, keepers: &'a Keepers, step: &'a Step) -> StepCall<'a> {
    StepCall { job: control.id(), verb: control.verb(), step, held, cancel: control.cancel_signal(), keepers, ending: None }
}

fn rooms(round: &Round) -> impl Iterator<Item = &Step> {
    round.steps.iter().filter_map(|planned| match planned {
        Planned::Room(step) => Some(step),
        _ => None,
    })
}

/// For each step of the round the index of its undo entry, when it has one: the entries were appended in this order.
fn undo_indexes(job: &Job, round: &Round, first: usize) -> Vec<Option<usize>> {
    let mut next = first..job.record.undo.len();
    let mut open = !job.committed();
    round
        .steps
        .iter()
        .map(|planned| match planned {
            Planned::Room(step) if open => match job.engine.keepers.kind(step).map(|kind| kind.spec().nature) {
                Some(Nature::Undo) => next.next(),
                Some(Nature::Decides) => {
                    open = false;
                    None
                }
                _ => None,
            },
            Planned::Commit => {
                open = false;
                None
            }
            _ => None,
        })
        .collect()
}

//! A running job: its rounds in turn, its commit point, its end.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::engine::{Engine, refusal};
use super::journal::{JOBS, JobRecord, Phase};
use super::keepers::Keepers;
use super::round::Carried;
use super::{Answer, Decider, Decision, JobControl, Order, Owner, Round, Step};
use crate::descriptor::Access;
use crate::held::HeldTable;
use crate::lease::{LeaseKey, LeaseWish, Refused};
use crate::status::Status;
use crate::store::StoreError;

/// Rounds a job may have: a module that never ends is a module that loops.
const MAX_ROUNDS: usize = 64;

type AnswerSender = oneshot::Sender<Result<Answer, Status>>;

/// How a job ends.
pub(super) enum End {
    /// All that was planned stands.
    Well,
    /// Somebody (a module, a step, a canceller) said no.
    Refused(Status),
}

pub(super) struct Job {
    pub(super) engine: Arc<Engine>,
    pub(super) control: Arc<JobControl>,
    pub(super) held: HeldTable,
    pub(super) default_error: Status,
    pub(super) deadline: Instant,
    pub(super) record: JobRecord,
    /// Whether the store has a row of this job.
    pub(super) written: bool,
    /// Undo entries (by index in the record) of steps that failed or cannot be told: taken back even when the job goes on.
    pub(super) doubtful: Vec<usize>,
    /// The answer that waits for the leases to be released.
    pub(super) last_answer: Option<Answer>,
    /// Steps that were left behind while they acted; before the commit point each ends with its undo.
    pub(super) late: Mutex<Vec<JoinHandle<()>>>,
    slot: Arc<Mutex<Option<AnswerSender>>>,
}

impl Job {
    pub(super) fn new(engine: Arc<Engine>, control: Arc<JobControl>, held: HeldTable, default_error: Status, deadline: Instant) -> Job {
        let record = JobRecord {
            id: control.id().clone(),
            verb: control.verb().to_owned(),
            phase: Phase::Open,
            round: Vec::new(),
            order: Order::InTurn,
            passed: 0,
            undo: Vec::new(),
            always: Vec::new(),
            leases: Vec::new(),
            answered: false,
            reason: None,
        };
        Job {
            engine,
            control,
            held,
            default_error,
            deadline,
            record,
            written: false,
            doubtful: Vec::new(),
            last_answer: None,
            late: Mutex::default(),
            slot: Arc::default(),
        }
    }

    /// Takes one lease and remembers it.
    pub(super) async fn take(&mut self, wish: &LeaseWish) -> Result<(), Refused> {
        self.engine.leases.take(&self.control, wish, self.deadline).await?;
        self.record.leases.push((wish.key.clone(), wish.access));
        Ok(())
    }

    /// Takes a lease planned within the job: only upwards in the global order, never an upgrade.
    pub(super) async fn take_planned(&mut self, key: &LeaseKey, access: Access, wait_ms: u32) -> Result<(), Status> {
        let rule = crate::descriptor::Busy { holder: String::new(), then: crate::descriptor::WhenBusy::Wait(wait_ms) };
        let wish = LeaseWish { key: key.clone(), access, busy: vec![rule] };
        // Past its answer a job waits by the lease's own time, not by the caller's.
        let deadline = Instant::now() + std::time::Duration::from_millis(u64::from(wait_ms));
        self.engine.leases.take(&self.control, &wish, deadline).await.map_err(|refused| refusal(&self.default_error, refused))?;
        self.record.leases.push((key.clone(), access));
        Ok(())
    }

    pub(super) fn release_leases(&mut self) {
        for (key, _) in self.record.leases.drain(..).rev() {
            self.engine.leases.release(&self.control, &key);
        }
        self.control.mark_ended();
    }

    pub(super) fn expect_answer(&mut self, sender: AnswerSender) {
        self.slot = Arc::new(Mutex::new(Some(sender)));
    }

    pub(super) fn is_answered(&self) -> bool {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Answers the caller, once. A caller that has gone hears nothing and ends nothing.
    pub(super) fn answer(&self, answer: Result<Answer, Status>) {
        if let Some(sender) = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = sender.send(answer);
        }
    }

    pub(super) fn committed(&self) -> bool {
        self.record.phase == Phase::Committed
    }

    /// Carries out `first` and every round the decider wants after it, then ends.
    pub(super) async fn drive(mut self, first: Round, mut decider: Box<dyn Decider>) {
        let watchdog = self.watch_deadline();
        let rounds = AssertUnwindSafe(self.rounds(first, decider.as_mut())).catch_unwind().await;
        // A fault of ours must not keep the leases: what was done is taken back as after any failure.
        let end = rounds.unwrap_or_else(|_| End::Refused(self.default_error.with_detail("an internal error, see the log")));
        drop(decider);
        self.finish(end).await;
        watchdog.abort();
    }

    async fn rounds(&mut self, first: Round, decider: &mut dyn Decider) -> End {
        let mut round = Arc::new(first);
        for _ in 0..MAX_ROUNDS {
            let Carried { facts, failure } = match self.carry_out(&round).await {
                Ok(carried) => carried,
                Err(refused) => return End::Refused(refused),
            };
            if self.control.is_cancelled() {
                return End::Refused(self.default_error.with_detail("cancelled"));
            }
            // What must still happen stands in the row of this round: another one would overwrite it.
            let in_background = self.engine.keeps_in_background(&self.record.id);
            let Some(note) = Arc::unwrap_or_clone(round).again.filter(|_| !in_background) else {
                return failure.map_or(End::Well, End::Refused);
            };
            match decider.decide(facts, Some(note)).await {
                Ok(Decision::Reply(answer)) => {
                    self.last_answer = Some(answer);
                    return End::Well;
                }
                Ok(Decision::Refuse(status)) | Err(status) => return End::Refused(status),
                Ok(Decision::Act(next)) => round = Arc::new(next),
            }
        }
        End::Refused(self.default_error.with_detail(format!("more than {MAX_ROUNDS} rounds")))
    }

    /// Past `answer-ms` an unanswered job is cancelled; past its commit point it goes on and the caller is told so.
    fn watch_deadline(&self) -> tokio::task::JoinHandle<()> {
        let (control, slot, deadline) = (self.control.clone(), self.slot.clone(), self.deadline);
        let late = self.default_error.with_detail("not answered in time; it goes on past its commit point");
        tokio::spawn(async move {
            tokio::time::sleep_until(deadline.into()).await;
            let unanswered = slot.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            if unanswered
                && !control.cancel()
                && let Some(sender) = slot.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                let _ = sender.send(Err(late));
            }
        })
    }

    /// The commit point: what is kept passes to its keepers, nothing else is taken back any more. Steps of the round up to
    /// `passed` are done. In one commit with the end of the job when `ends`. When it cannot be written the job is as before.
    pub(super) async fn commit(&mut self, passed: u32, ends: bool) -> Result<(), StoreError> {
        self.undo_doubtful().await;
        let mut record = self.record.clone();
        let kept = split_by_owner(&mut record);
        record.phase = Phase::Committed;
        record.passed = passed;
        let ended = ends && record.always.is_empty();
        if self.written || !kept.is_empty() {
            let (row, written) = (record.clone(), self.written);
            let wrote = self.engine.store.write(move |transaction| {
                for (order, (subject, step)) in kept.iter().enumerate() {
                    Keepers::pass(transaction, subject, order, &row.id, &row.verb, step)?;
                }
                match (written, ended) {
                    (true, true) => transaction.remove(JOBS, &row.id.0),
                    (true, false) => transaction.put(JOBS, &row.id.0, &row),
                    // Not written: a single step without undo, which nobody keeps either.
                    (false, _) => Ok(()),
                }
            });
            if let Err(error) = wrote.await {
                self.control.reopen();
                return Err(error);
            }
        }
        self.written = self.written && !ended;
        self.record = record;
        self.control.mark_committed();
        Ok(())
    }

    async fn finish(mut self, end: End) {
        let refused = match end {
            End::Well => self.end_well().await.err(),
            End::Refused(status) if self.committed() => {
                let (job, verb) = (&self.record.id, &self.record.verb);
                tracing::warn!(%job, verb, %status, "failed past its commit point: what is done stands");
                let _ = self.end_well().await;
                Some(status)
            }
            // Whether it is past its commit point is not known: it is looked at again and again, and nothing is taken back before.
            End::Refused(status) if self.engine.keeps_in_background(&self.record.id) => {
                self.record.reason = Some(status.clone());
                self.record.answered = self.is_answered();
                Some(status)
            }
            End::Refused(status) => {
                self.unwind(&status).await;
                Some(status)
            }
        };
        let in_background = self.engine.keeps_in_background(&self.record.id);
        let late = std::mem::take(self.late.get_mut().unwrap_or_else(PoisonError::into_inner));
        let waits_for_late = !late.is_empty() && !self.control.is_cancelled();
        if !in_background && !waits_for_late {
            self.release_leases();
        }
        let answer = match (refused, self.last_answer.take()) {
            (Some(status), _) => Err(status),
            (None, Some(answer)) => Ok(answer),
            (None, None) => Err(self.default_error.with_detail("the module ended without an answer")),
        };
        self.answer(answer);
        if in_background {
            self.engine.clone().retry_later(self.record, self.control, late);
        } else if waits_for_late {
            // What was left behind may still succeed and is then undone: nobody may build on it before. A canceller does not wait.
            for task in late {
                tokio::select! {
                    _ = task => {}
                    () = self.control.cancel_signal().cancelled() => break,
                }
            }
            self.release_leases();
        }
    }

    /// Commits what is not committed, takes back what is kept by the job alone, removes the row.
    async fn end_well(&mut self) -> Result<(), Status> {
        if !self.committed() {
            let all = u32::try_from(self.record.round.len()).unwrap_or(u32::MAX);
            self.commit(all, true).await.map_err(|error| self.default_error.with_detail(error.to_string()))?;
        }
        if self.engine.keeps_in_background(&self.record.id) {
            return Ok(());
        }
        self.engine.undo_always(&mut self.record, &self.held).await;
        self.forget().await;
        Ok(())
    }

    /// Removes the row. A row that stays is settled again at the next start, which finds nothing to do.
    pub(super) async fn forget(&mut self) {
        if !self.written || self.engine.keeps_in_background(&self.record.id) {
            return;
        }
        let id = self.record.id.0.clone();
        if let Err(error) = self.engine.store.write(move |transaction| transaction.remove(JOBS, &id)).await {
            tracing::error!(job = %self.record.id, %error, "the row of an ended job could not be removed");
        }
        self.written = false;
    }
}

/// Splits the undo entries at the commit point: those of subjects are returned, those of the job move to `always`, the rest stands.
pub(super) fn split_by_owner(record: &mut JobRecord) -> Vec<(LeaseKey, Step)> {
    let mut kept = Vec::new();
    for step in std::mem::take(&mut record.undo) {
        match step.owner.clone() {
            Owner::Nobody => {}
            Owner::Job => record.always.push(step),
            Owner::Subject(subject) => kept.push((subject, step)),
        }
    }
    kept
}

//! After a restart: every written job is brought to its end, and no module is asked about it.
//!
//! Its steps are looked at. A round whose steps up to its commit point are done is carried to its end; everything else is taken
//! back. A step of an unknown kind or version is left alone, its leases held, and reported.

use std::sync::Arc;

use super::engine::Engine;
use super::job::split_by_owner;
use super::journal::{JOBS, JobRecord, Phase, RoundStep};
use super::keepers::Keepers;
use super::{Cancel, JobControl, Look, Nature, Order, Outcome, Step, StepCall};
use crate::errors::Code;
use crate::held::HeldTable;
use crate::store::StoreError;

/// What became of a written job.
pub(super) enum Settled {
    /// It has ended, its row is gone.
    Done,
    /// Not now, and why.
    NotYet(String),
}

/// The written jobs of an earlier run, their leases held; made before the port opens.
pub struct Leftover {
    jobs: Vec<(JobRecord, Arc<JobControl>)>,
}

impl Leftover {
    /// Ids and verbs of the jobs.
    pub fn jobs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.jobs.iter().map(|(record, _)| (record.id.0.as_str(), record.verb.as_str()))
    }
}

impl Engine {
    /// Reads the written jobs and takes their leases. Call it before the port opens.
    pub fn reclaim(&self) -> Result<Leftover, StoreError> {
        let mut jobs = Vec::new();
        for (_, record) in self.store.all(JOBS)? {
            let control = Arc::new(JobControl::new(record.id.clone(), record.verb.clone()));
            for (key, access) in &record.leases {
                self.leases.reclaim(&control, key, *access);
            }
            jobs.push((record, control));
        }
        Ok(Leftover { jobs })
    }

    /// Settles the written jobs of `leftover` for which `mine` says that their rooms are ready; the others are returned. What cannot
    /// be settled now goes to the background list.
    pub async fn settle_leftover(self: &Arc<Self>, leftover: Leftover, mine: impl Fn(&str) -> bool) -> Leftover {
        let mut later = Vec::new();
        for (mut record, control) in leftover.jobs {
            if !steps_of(&record).all(|step| mine(&step.kind)) {
                later.push((record, control));
                continue;
            }
            match self.settle(&mut record).await {
                Settled::Done => {
                    for (key, _) in record.leases.iter().rev() {
                        self.leases.release(&control, key);
                    }
                    control.mark_ended();
                    tracing::info!(job = %record.id, verb = %record.verb, "a job of an earlier run is settled");
                }
                Settled::NotYet(why) => {
                    self.to_background(&record, why);
                    self.clone().retry_later(record, control);
                }
            }
        }
        Leftover { jobs: later }
    }

    /// Brings one written job as far as it goes now.
    pub(super) async fn settle(&self, record: &mut JobRecord) -> Settled {
        if let Some(step) = steps_of(record).find(|step| self.keepers.kind(step).is_none()) {
            return Settled::NotYet(format!("step {} version {} is not known to this program", step.kind, step.version));
        }
        let result = match record.phase {
            Phase::Unwinding => self.settle_back(record).await,
            Phase::Committed => self.settle_forward(record).await,
            Phase::Open => match self.commit_point_reached(record).await {
                Some(passed) => match self.commit_record(record, passed).await {
                    Ok(()) => self.settle_forward(record).await,
                    Err(error) => Err(error.to_string()),
                },
                None => self.settle_back(record).await,
            },
        };
        match result {
            Ok(()) => Settled::Done,
            Err(why) => Settled::NotYet(why),
        }
    }

    /// Where the commit point of the round ends, when every step up to it is done.
    async fn commit_point_reached(&self, record: &JobRecord) -> Option<u32> {
        if record.order == Order::Together {
            return None;
        }
        for (index, step) in record.round.iter().enumerate() {
            let passed = u32::try_from(index + 1).ok()?;
            match step {
                RoundStep::Commit => return Some(passed),
                RoundStep::Own => {}
                RoundStep::Room(step) => {
                    if !matches!(self.look(record, step).await, Look::Done(_)) {
                        return None;
                    }
                    if self.nature(step) == Some(Nature::Decides) {
                        return Some(passed);
                    }
                }
            }
        }
        None
    }

    async fn commit_record(&self, record: &mut JobRecord, passed: u32) -> Result<(), StoreError> {
        let kept = split_by_owner(record);
        record.phase = Phase::Committed;
        record.passed = passed;
        let written = record.clone();
        self.store
            .write(move |transaction| {
                for (order, (subject, step)) in kept.iter().enumerate() {
                    Keepers::pass(transaction, subject, order, &written.id, &written.verb, step)?;
                }
                transaction.put(JOBS, &written.id.0, &written)
            })
            .await
    }

    /// Carries the round to its end: what is not done is done, at least once.
    async fn settle_forward(&self, record: &mut JobRecord) -> Result<(), String> {
        for step in record.round.iter().skip(record.passed as usize) {
            let RoundStep::Room(step) = step else { continue };
            if self.nature(step) == Some(Nature::Read) || matches!(self.look(record, step).await, Look::Done(_)) {
                continue;
            }
            match self.act_again(record, step).await {
                Outcome::Done(_) => {}
                Outcome::Failed(status) | Outcome::Unknown(status) => return Err(format!("{}: {status}", step.kind)),
                Outcome::Skipped => return Err(format!("{} was not tried", step.kind)),
            }
        }
        self.undo_always(record, &HeldTable::new()).await;
        if record.always.is_empty() { self.drop_row(record).await } else { Err("what the job kept cannot be taken back now".into()) }
    }

    /// Takes everything back.
    async fn settle_back(&self, record: &mut JobRecord) -> Result<(), String> {
        if record.phase != Phase::Unwinding {
            record.phase = Phase::Unwinding;
            record.reason = Some(Code::Unexpected.with("the daemon was restarted while the operation was under way"));
            self.store.put(JOBS, &record.id.0.clone(), record.clone()).await.map_err(|error| error.to_string())?;
        }
        self.undo_all(record, &HeldTable::new()).await;
        match record.undo.first().or(record.always.first()) {
            Some(step) => Err(format!("{} cannot be taken back now", step.kind)),
            None => self.drop_row(record).await,
        }
    }

    async fn drop_row(&self, record: &JobRecord) -> Result<(), String> {
        let id = record.id.0.clone();
        self.store.write(move |transaction| transaction.remove(JOBS, &id)).await.map_err(|error| error.to_string())
    }

    fn nature(&self, step: &Step) -> Option<Nature> {
        self.keepers.kind(step).map(|kind| kind.spec().nature)
    }

    async fn look(&self, record: &JobRecord, step: &Step) -> Look {
        let Some(kind) = self.keepers.kind(step) else { return Look::Unknown("unknown step".into()) };
        let (held, cancel) = (HeldTable::new(), Cancel::default());
        let call = recovered_call(record, step, &held, &cancel, &self.keepers);
        tokio::time::timeout(kind.spec().limit, kind.look(call)).await.unwrap_or_else(|_| Look::Unknown("not within its time limit".into()))
    }

    async fn act_again(&self, record: &JobRecord, step: &Step) -> Outcome {
        let Some(kind) = self.keepers.kind(step) else { return Outcome::Skipped };
        let (held, cancel) = (HeldTable::new(), Cancel::default());
        let mut outcome = Outcome::Skipped;
        for _ in 0..kind.spec().tries.max(1) {
            let call = recovered_call(record, step, &held, &cancel, &self.keepers);
            outcome = match tokio::time::timeout(kind.spec().limit, kind.act(call)).await {
                Ok(outcome) => outcome,
                Err(_) => Outcome::Unknown(Code::Unexpected.with("not within its time limit")),
            };
            if matches!(outcome, Outcome::Done(_)) {
                break;
            }
        }
        outcome
    }
}

fn recovered_call<'a>(
    record: &'a JobRecord,
    step: &'a Step,
    held: &'a HeldTable,
    cancel: &'a Cancel,
    keepers: &'a Keepers,
) -> StepCall<'a> {
    StepCall { job: &record.id, verb: &record.verb, step, held, cancel, keepers, ending: None }
}

fn steps_of(record: &JobRecord) -> impl Iterator<Item = &Step> {
    let round = record.round.iter().filter_map(|step| match step {
        RoundStep::Room(step) => Some(step),
        RoundStep::Commit | RoundStep::Own => None,
    });
    round.chain(&record.undo).chain(&record.always)
}

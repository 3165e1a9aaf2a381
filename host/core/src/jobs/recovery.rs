//! After a restart: every written job is brought to its end, and no module is asked about it.
//!
//! Its steps are looked at. A round whose steps up to its commit point are done is carried to its end; everything else is taken
//! back. A step of an unknown kind or version is left alone, its leases held, and reported.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::job::split_by_owner;
use super::journal::{JOBS, JobRecord, Phase, RoundStep};
use super::keepers::Keepers;
use super::{Cancel, JobControl, Look, Nature, Outcome, Step, StepCall};
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

/// How far the round of an interrupted job came.
enum CommitPoint {
    /// Past it: so many steps need not be looked at again.
    Passed(u32),
    /// Not there, or it has none.
    NotReached,
    /// Cannot be told now.
    Unknown(String),
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
            if record.phase == Phase::Committed {
                control.mark_committed();
            }
            for (key, access) in &record.leases {
                self.leases.reclaim(&control, key, *access);
            }
            jobs.push((record, control));
        }
        Ok(Leftover { jobs })
    }

    /// Settles the written jobs of `leftover` for which `mine` says that their rooms are ready, all at once, and waits for them no
    /// longer than `limit`: one that takes its time goes on by itself and keeps its leases. The others are returned.
    pub async fn settle_leftover(self: &Arc<Self>, leftover: Leftover, mine: impl Fn(&str) -> bool, limit: Duration) -> Leftover {
        let (now, later): (Vec<_>, Vec<_>) =
            leftover.jobs.into_iter().partition(|(record, _)| steps_of(record).all(|step| mine(&step.kind)));
        let settling = now.into_iter().map(|(record, control)| tokio::spawn(self.clone().settle_or_keep(record, control)));
        if tokio::time::timeout(limit, futures_util::future::join_all(settling)).await.is_err() {
            tracing::warn!("jobs of an earlier run are not settled yet; what they hold stays held");
        }
        Leftover { jobs: later }
    }

    async fn settle_or_keep(self: Arc<Self>, mut record: JobRecord, control: Arc<JobControl>) {
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
                self.retry_later(record, control, Vec::new());
            }
        }
    }

    /// Brings one written job as far as it goes now.
    pub(super) async fn settle(&self, record: &mut JobRecord) -> Settled {
        if let Some(step) = steps_of(record).find(|step| self.keepers.kind(step).is_none()) {
            return Settled::NotYet(format!("step {} version {} is not known to this program", step.kind, step.version));
        }
        let result = match record.phase {
            Phase::Unwinding => self.settle_back(record).await,
            Phase::Committed => self.settle_forward(record).await,
            Phase::Open => match self.commit_point(record).await {
                CommitPoint::Passed(passed) => match self.commit_record(record, passed).await {
                    Ok(()) => self.settle_forward(record).await,
                    Err(error) => Err(error.to_string()),
                },
                CommitPoint::NotReached => self.settle_back(record).await,
                CommitPoint::Unknown(why) => Err(why),
            },
        };
        match result {
            Ok(()) => Settled::Done,
            Err(why) => Settled::NotYet(why),
        }
    }

    /// Whether the round's commit point was reached. A step that decides stands for all before it: it began only when they were done.
    /// Where it cannot be told, nothing is done: taking back could be as wrong as going on.
    async fn commit_point(&self, record: &JobRecord) -> CommitPoint {
        let decides = |step: &RoundStep| matches!(step, RoundStep::Room(step) if self.nature(step) == Some(Nature::Decides));
        let Some(at) = record.round.iter().position(|step| *step == RoundStep::Commit || decides(step)) else {
            return CommitPoint::NotReached;
        };
        let passed = u32::try_from(at + 1).unwrap_or(u32::MAX);
        if let Some(RoundStep::Room(step)) = record.round.get(at) {
            return match self.look(record, step).await {
                Look::Done(_) => CommitPoint::Passed(passed),
                Look::NotDone => CommitPoint::NotReached,
                Look::Unknown(why) => CommitPoint::Unknown(format!("{}: {why}", step.kind)),
            };
        }
        for step in record.round.iter().take(at) {
            // Nothing irrevocable was done before a commit that was not written: in doubt it is taken back.
            if let RoundStep::Room(step) = step
                && !matches!(self.look(record, step).await, Look::Done(_))
            {
                return CommitPoint::NotReached;
            }
        }
        CommitPoint::Passed(passed)
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
        while let Some(step) = record.round.get(record.passed as usize) {
            if let RoundStep::Room(step) = step
                && self.nature(step) != Some(Nature::Read)
                && !matches!(self.look(record, step).await, Look::Done(_))
            {
                match self.act_again(record, step).await {
                    Outcome::Done(_) => {}
                    Outcome::Failed(status) | Outcome::Unknown(status) => return Err(format!("{}: {status}", step.kind)),
                    Outcome::Skipped => return Err(format!("{} was not tried", step.kind)),
                }
            }
            // In memory only: after another restart it is looked at again, within this life it is not done twice.
            record.passed += 1;
        }
        self.undo_always(record, &HeldTable::new()).await;
        if record.always.is_empty() { self.drop_row(record).await } else { Err("what the job kept cannot be taken back now".into()) }
    }

    /// Takes everything back.
    async fn settle_back(&self, record: &mut JobRecord) -> Result<(), String> {
        if record.phase != Phase::Unwinding {
            record.phase = Phase::Unwinding;
            let restarted = || Code::Unexpected.with("the daemon was restarted while the operation was under way");
            record.reason.get_or_insert_with(restarted);
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
        let call = recovered_call(record, step, &held, &cancel, &self.keepers);
        let acted = tokio::time::timeout(kind.spec().limit, kind.act(call)).await;
        acted.unwrap_or_else(|_| Outcome::Unknown(Code::Unexpected.with("not within its time limit")))
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

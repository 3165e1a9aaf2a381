//! The engine: the kinds it knows, the leases, the background list, and the way of a call up to its first round.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::job::Job;
use super::journal::{JOBS, Phase};
use super::keepers::{Keepers, Kinds};
use super::{Answer, Decider, Decision, JobControl, JobId, Point, Probe, StepKind};
use crate::held::HeldTable;
use crate::lease::{LeaseTable, LeaseWish, Refused};
use crate::status::Status;
use crate::store::{Store, StoreError};

/// Why an engine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Two rooms offer a step of one name.
    #[error("step kind {0} is offered twice")]
    Twice(&'static str),
}

/// A call that may become a job.
#[derive(Debug)]
pub struct Request {
    /// The id its job would have.
    pub id: JobId,
    /// The verb.
    pub verb: String,
    /// Leases on its subjects, to be taken before anything else.
    pub leases: Vec<LeaseWish>,
    /// Its held values.
    pub held: HeldTable,
    /// When it arrived.
    pub arrived: Instant,
    /// From arrival to the answer.
    pub answer_within: Duration,
    /// What answers the unexpected.
    pub default_error: Status,
}

/// A job that could not be ended yet and is tried again, with the leases of what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackgroundJob {
    /// The job.
    pub id: JobId,
    /// The verb.
    pub verb: String,
    /// What stands in its way.
    pub why: String,
}

/// A job as it is written: what a restart would look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenJob {
    /// The job.
    pub id: JobId,
    /// The verb.
    pub verb: String,
    /// How far it is: `open` before its commit point, `committed` after it, `unwinding` while it is taken back.
    pub phase: &'static str,
}

/// How patient the engine is. The defaults are the product's; tests that provoke failures hurry it.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Before a step past the commit point is tried again.
    pub retry: Duration,
    /// How long a cancelled step may take to yield before it is left behind.
    pub left_behind: Duration,
    /// Before a job of the background list is tried again the first time; it doubles up to sixty times this.
    pub background: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { retry: Duration::from_millis(500), left_behind: Duration::from_secs(5), background: Duration::from_secs(5) }
    }
}

/// Runs jobs. One a daemon.
pub struct Engine {
    pub(super) pace: Pace,
    pub(super) store: Store,
    pub(super) keepers: Keepers,
    pub(super) leases: LeaseTable,
    pub(super) probe: Option<Arc<dyn Probe>>,
    pub(super) background: Mutex<HashMap<JobId, BackgroundJob>>,
}

impl Engine {
    /// An engine over `store` that knows `kinds`. `probe` is for tests that kill jobs at their points.
    pub fn new(
        store: Store,
        kinds: impl IntoIterator<Item = Arc<dyn StepKind>>,
        pace: Pace,
        probe: Option<Arc<dyn Probe>>,
    ) -> Result<Arc<Engine>, EngineError> {
        let mut known = Kinds::new();
        for kind in kinds {
            let name = kind.spec().name;
            if known.insert(name, kind).is_some() {
                return Err(EngineError::Twice(name));
            }
        }
        let keepers = Keepers::new(store.clone(), Arc::new(known));
        Ok(Arc::new(Engine { pace, store, keepers, leases: LeaseTable::default(), probe, background: Mutex::default() }))
    }

    /// What subjects keep.
    pub fn keepers(&self) -> &Keepers {
        &self.keepers
    }

    /// The leases that are held, for people and tests.
    pub fn leases(&self) -> &LeaseTable {
        &self.leases
    }

    /// Jobs that could not be ended yet.
    pub fn background(&self) -> Vec<BackgroundJob> {
        let list = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        let mut jobs: Vec<_> = list.values().cloned().collect();
        jobs.sort_by(|a, b| a.id.cmp(&b.id));
        jobs
    }

    /// Jobs that are written, for people and tests: one that is here and works no more is left over.
    pub fn written(&self) -> Result<Vec<WrittenJob>, StoreError> {
        let phase = |phase| match phase {
            Phase::Open => "open",
            Phase::Committed => "committed",
            Phase::Unwinding => "unwinding",
        };
        let rows = self.store.all(JOBS)?.into_iter();
        Ok(rows.map(|(_, row)| WrittenJob { id: row.id, verb: row.verb, phase: phase(row.phase) }).collect())
    }

    /// Takes the leases, asks for the first decision, and when that is a plan carries it out in a task of its own. Returns with the
    /// answer; the job may go on after it. Dropping this future after the first decision ends nothing.
    pub async fn run(self: &Arc<Self>, request: Request, mut decider: Box<dyn Decider>) -> Result<Answer, Status> {
        let control = Arc::new(JobControl::new(request.id, request.verb));
        let deadline = request.arrived + request.answer_within;
        let mut job = Job::new(self.clone(), control, request.held, request.default_error.clone(), deadline);
        let mut wishes = request.leases;
        // One order for everybody: nobody waits in a circle.
        wishes.sort_by(|a, b| a.key.cmp(&b.key).then(b.access.cmp(&a.access)));
        wishes.dedup_by(|next, kept| next.key == kept.key);
        for wish in &wishes {
            if let Err(refused) = job.take(wish).await {
                job.release_leases();
                return Err(refusal(&request.default_error, refused));
            }
        }
        // A fault of ours must not keep the leases.
        let first = AssertUnwindSafe(tokio::time::timeout_at(deadline.into(), decider.decide(Vec::new(), None))).catch_unwind().await;
        let first = first.map_or(Err("an internal error, see the log"), |decided| decided.map_err(|_| "not decided in time"));
        match first.unwrap_or_else(|why| Err(request.default_error.with_detail(why))) {
            Ok(Decision::Reply(answer)) => {
                job.release_leases();
                Ok(answer)
            }
            Ok(Decision::Refuse(status)) | Err(status) => {
                job.release_leases();
                Err(status)
            }
            Ok(Decision::Act(round)) => {
                let (answer, answered) = oneshot::channel();
                job.expect_answer(answer);
                tokio::spawn(job.drive(round, decider));
                answered.await.unwrap_or_else(|_| Err(request.default_error.with_detail("the job ended without an answer")))
            }
        }
    }

    pub(super) async fn pass(&self, verb: &str, kind: &str, point: Point) {
        if let Some(probe) = &self.probe {
            probe.pass(verb, kind, point).await;
        }
    }
}

pub(super) fn refusal(default_error: &Status, refused: Refused) -> Status {
    match refused {
        Refused::Rule(status) => status,
        other => default_error.with_detail(other.to_string()),
    }
}

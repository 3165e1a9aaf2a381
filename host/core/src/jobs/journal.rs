//! What is written of a job, so that a restart knows what to take back and what to carry to its end.

use serde::{Deserialize, Serialize};

use super::{JobId, Order, Step};
use crate::descriptor::Access;
use crate::lease::LeaseKey;
use crate::status::Status;
use crate::store::Table;

/// One row a job that could leave something behind.
pub(super) const JOBS: Table<JobRecord> = Table::new("jobs", 1);
/// What subjects keep: `<kind>/<length of id>/<id>/<sequence>` to the step whose undo takes it back.
pub(super) const KEPT: Table<KeptRecord> = Table::new("kept", 1);

/// How far a written job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Before its commit point.
    Open,
    /// Past it: what follows in the round is carried out.
    Committed,
    /// Taking back.
    Unwinding,
}

/// A step of the written round. The engine's own steps matter to recovery only as commit points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum RoundStep {
    /// A room's step.
    Room(Step),
    /// The commit point.
    Commit,
    /// An answer, a lease or a cancel: nothing to look at.
    Own,
}

/// A job as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JobRecord {
    /// The job.
    pub(super) id: JobId,
    /// The verb.
    pub(super) verb: String,
    /// How far it is.
    pub(super) phase: Phase,
    /// The round being carried out.
    pub(super) round: Vec<RoundStep>,
    /// How.
    pub(super) order: Order,
    /// Steps of this round up to here (exclusive) need not be looked at: the commit point passed them.
    pub(super) passed: u32,
    /// Steps of all rounds whose undo is due if the job does not reach its commit point, oldest first.
    pub(super) undo: Vec<Step>,
    /// Steps whose undo is due at any end.
    pub(super) always: Vec<Step>,
    /// The leases it holds.
    pub(super) leases: Vec<(LeaseKey, Access)>,
    /// Whether the caller has its answer.
    pub(super) answered: bool,
    /// Why it is being taken back.
    pub(super) reason: Option<Status>,
}

/// Something a subject keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptRecord {
    /// The job that made it.
    pub(super) job: JobId,
    /// Its verb.
    pub(super) verb: String,
    /// The step whose undo takes it back.
    pub(super) step: Step,
}

//! What is written of a job, so that a restart knows what to take back and what to carry to its end.

use serde::{Deserialize, Serialize};

use super::{JobId, Order, Step};
use crate::descriptor::Access;
use crate::lease::LeaseKey;
use crate::status::Status;
use crate::store::Table;

/// One row a job that could leave something behind.
pub const JOBS: Table<JobRecord> = Table::new("jobs", 1);
/// What subjects keep: `<kind>/<id>/<sequence>` to the step whose undo takes it back.
pub const KEPT: Table<KeptRecord> = Table::new("kept", 1);

/// How far a written job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Before its commit point.
    Open,
    /// Past it: what follows in the round is carried out.
    Committed,
    /// Taking back.
    Unwinding,
}

/// A step of the written round. The engine's own steps matter to recovery only as commit points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RoundStep {
    /// A room's step.
    Room(Step),
    /// The commit point.
    Commit,
    /// An answer, a lease or a cancel: nothing to look at.
    Own,
}

/// A job as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The job.
    pub id: JobId,
    /// The verb.
    pub verb: String,
    /// How far it is.
    pub phase: Phase,
    /// The round being carried out.
    pub round: Vec<RoundStep>,
    /// How.
    pub order: Order,
    /// Steps of this round up to here (exclusive) need not be looked at: the commit point passed them.
    pub passed: u32,
    /// Steps of all rounds whose undo is due if the job does not reach its commit point, oldest first.
    pub undo: Vec<Step>,
    /// Steps whose undo is due at any end.
    pub always: Vec<Step>,
    /// The leases it holds.
    pub leases: Vec<(LeaseKey, Access)>,
    /// Whether the caller has its answer.
    pub answered: bool,
    /// Why it is being taken back.
    pub reason: Option<Status>,
}

/// Something a subject keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptRecord {
    /// The job that made it.
    pub job: JobId,
    /// Its verb.
    pub verb: String,
    /// The step whose undo takes it back.
    pub step: Step,
}

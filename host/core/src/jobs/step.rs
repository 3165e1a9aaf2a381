//! The contract of a step: a closed, versioned set of kinds, each owned by one room.
//!
//! A step is data (kind, version, parameters). Its kind knows how to act, how to look whether it was done, and how to take it
//! back. [`StepKind::undo`] bears repetition and that nothing was done; [`StepKind::look`] changes nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::held::HeldTable;
use crate::lease::LeaseKey;
use crate::status::Status;
use crate::store::{StoreError, WriteTransaction};
use crate::tree::Tree;

use super::{Cancel, JobId, Keepers};

/// What carrying out a step means for the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nature {
    /// Changes nothing.
    Read,
    /// Can be taken back. Past the commit point: at least once.
    Undo,
    /// All or nothing and can be looked at; once done the job is past its commit point.
    Decides,
    /// May end half way; refused before a commit point.
    Destroys,
}

/// What is fixed about a kind of step.
#[derive(Clone, Copy, Debug)]
pub struct StepSpec {
    /// `vm.start`; also what a plan function records.
    pub name: &'static str,
    /// Raised whenever the parameters change meaning.
    pub version: u16,
    /// What it means for the job.
    pub nature: Nature,
    /// How long one try may take; past it the outcome is unknown.
    pub limit: Duration,
    /// How often it is tried past the commit point before it moves to the background list.
    pub tries: u32,
}

/// Who keeps what a step made. Until the commit point always the job: all of it is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// Nobody: past the commit point it stands for good (a record, a new volume).
    Nobody,
    /// Taken back at the end of the job, whatever the end (a guest freeze, a temporary mount).
    Job,
    /// Taken back when the subject ends.
    Subject(LeaseKey),
}

/// A step as planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Name of the kind.
    pub kind: String,
    /// Version of the kind when it was planned.
    pub version: u16,
    /// Its parameters. Held secrets in them do not survive a restart.
    pub parameters: Tree,
    /// What the job must hold a lease on (shared or exclusive) for this step.
    pub needs: Option<LeaseKey>,
    /// Who keeps what it makes.
    pub owner: Owner,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is done; what it yields.
    Done(Tree),
    /// Known not to be done.
    Failed(Status),
    /// Cannot be told now; undone as if done.
    Unknown(Status),
    /// Not tried: an earlier one failed.
    Skipped,
}

/// What [`StepKind::look`] saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The effect stands; what the step yields.
    Done(Tree),
    /// The effect does not stand.
    NotDone,
    /// Cannot be told now.
    Unknown(String),
}

/// What [`StepKind::undo`] achieved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// The effect does not stand (any more).
    Gone,
    /// Not now; it moves to the background list with its leases and is tried again.
    NotNow(String),
}

/// Why a job is being taken back, for undos that leave a trace of it.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// Whether the caller already has a good answer: then the failure must show somewhere else.
    pub answered: bool,
    /// What went wrong.
    pub reason: &'a Status,
}

/// What a kind is given.
#[derive(Clone, Copy)]
pub struct StepCall<'a> {
    /// The job.
    pub job: &'a JobId,
    /// The verb the job is of.
    pub verb: &'a str,
    /// The step.
    pub step: &'a Step,
    /// Held values of the call: its secrets are here, and an outcome may keep what it places by name. Empty after a restart.
    pub held: &'a HeldTable,
    /// Set when the job is to end; a long step yields at its cancel points.
    pub cancel: &'a Cancel,
    /// What subjects keep; `release` of a subject takes it back through this.
    pub keepers: &'a Keepers,
    /// While taking back: why. None while acting and looking, and when a subject's keep is released.
    pub ending: Option<Ending<'a>>,
}

/// A kind of step. Implementations hold their room.
#[async_trait::async_trait]
pub trait StepKind: Send + Sync + 'static {
    /// What is fixed about it.
    fn spec(&self) -> StepSpec;

    /// Changes of records that belong to the same commit as the round: they stand before any step of the round acts.
    fn record(&self, _call: StepCall<'_>, _transaction: &mut WriteTransaction<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    /// Carries the step out.
    async fn act(&self, call: StepCall<'_>) -> Outcome;

    /// Whether its effect stands. Only asked when in doubt: after a restart, or after an unknown outcome.
    async fn look(&self, call: StepCall<'_>) -> Look;

    /// Takes it back. Bears repetition, and that nothing was done. Only called for [`Nature::Undo`].
    async fn undo(&self, _call: StepCall<'_>) -> Undone {
        Undone::Gone
    }
}

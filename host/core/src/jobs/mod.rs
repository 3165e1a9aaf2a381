//! Jobs: a plan that could leave something behind, carried out in rounds that are written before they act (design section 3).
//!
//! The engine knows nothing of modules, libvirt or storage: a [`Decider`] gives it rounds of [`Step`]s, a [`StepKind`] of a
//! room carries each out. What it owns: the journal, undo in reverse, the commit point, keepers, cancel, the background list and
//! recovery after a crash, which calls no decider. `tests/crash.rs` of this crate is the model it must agree with.

mod control;
mod engine;
mod hold;
mod job;
mod journal;
mod keepers;
mod probe;
mod recovery;
mod round;
mod step;
mod unwind;

pub use control::JobControl;
pub use engine::{BackgroundJob, Engine, EngineError, Pace, Request, WrittenJob};
pub use hold::Hold;
pub use keepers::{Keepers, Kept};
pub use probe::{Point, Probe};
pub use recovery::Leftover;
pub use step::{Ending, Look, Nature, Outcome, Owner, Step, StepCall, StepKind, StepSpec, Undone};

use serde::{Deserialize, Serialize};

use crate::held::HeldTable;
use crate::status::Status;
use crate::tree::Tree;

/// A job's id: a random uuid.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub String);

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What became of a step of the last round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Index of the step in its round.
    pub step: u32,
    /// Its outcome.
    pub outcome: Outcome,
}

/// The members of a reply beside `status`.
#[derive(Clone, Debug)]
pub struct Answer {
    /// An object.
    pub members: Tree,
    /// The success message; none: the plane's (`Done`, `OK`).
    pub message: Option<String>,
    /// What `members` holds by name.
    pub held: HeldTable,
}

/// How the steps of a round are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// One after the other; the first failure ends the round.
    InTurn,
    /// All start; each has its own outcome.
    Together,
}

/// A step of a round: one of a room, or one of the engine's own.
#[derive(Clone, Debug)]
pub enum Planned {
    /// A step some room carries out.
    Room(Step),
    /// Answer the caller here; at most once in a job.
    Answer(Answer),
    /// Take a lease beyond the subjects, upwards in the global order.
    Lease {
        /// On what.
        key: crate::lease::LeaseKey,
        /// How.
        access: crate::descriptor::Access,
        /// How long to wait for it.
        wait_ms: u32,
    },
    /// Past this nothing is undone; what follows in this round is carried out even after a crash.
    Commit,
    /// Cancel the job that holds this.
    Cancel(crate::lease::LeaseKey),
}

/// A round to carry out.
#[derive(Clone, Debug)]
pub struct Round {
    /// How.
    pub order: Order,
    /// What, in the order it was planned.
    pub steps: Vec<Planned>,
    /// The note to be called again with; none: this is the last round.
    pub again: Option<Tree>,
}

/// What a decider wants.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Answer, and nothing else.
    Reply(Answer),
    /// Undo what is not past the commit point and answer (or end) with this.
    Refuse(Status),
    /// Carry this out.
    Act(Round),
}

/// Gives a job its rounds: a verb module, or a native plan.
#[async_trait::async_trait]
pub trait Decider: Send {
    /// The next decision, from the outcomes of the last round and the note that came with it. An error (a trap, a budget) ends
    /// the job as a refusal with that status.
    async fn decide(&mut self, facts: Vec<Fact>, note: Option<Tree>) -> Result<Decision, Status>;
}

/// Set when a job is to end. Long steps look at it at their cancel points.
#[derive(Debug, Default)]
pub struct Cancel {
    flag: std::sync::atomic::AtomicBool,
    wake: tokio::sync::Notify,
}

impl Cancel {
    /// Asks the job to end.
    pub fn cancel(&self) {
        self.flag.store(true, std::sync::atomic::Ordering::SeqCst);
        self.wake.notify_waiters();
    }

    /// Whether the job is to end.
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Waits until the job is to end.
    pub async fn cancelled(&self) {
        loop {
            let notified = self.wake.notified();
            if self.is_cancelled() {
                return;
            }
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests;

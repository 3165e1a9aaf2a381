//! The handle on a running job that others may hold: who it is, whether it can still be cancelled, when it has ended.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::{Notify, watch};

use super::{Cancel, JobId};

const OPEN: u8 = 0;
const CANCELLED: u8 = 1;
const COMMITTED: u8 = 2;

/// A running (or recovered) job as others see it.
#[derive(Debug)]
pub struct JobControl {
    id: JobId,
    verb: String,
    cancel: Cancel,
    phase: AtomicU8,
    ended: watch::Sender<bool>,
    hurry: Notify,
}

impl JobControl {
    /// A job that has not begun.
    pub fn new(id: JobId, verb: impl Into<String>) -> JobControl {
        JobControl {
            id,
            verb: verb.into(),
            cancel: Cancel::default(),
            phase: AtomicU8::new(OPEN),
            ended: watch::Sender::new(false),
            hurry: Notify::new(),
        }
    }

    /// The job's id.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// The verb it is of.
    pub fn verb(&self) -> &str {
        &self.verb
    }

    /// Asks it to end: no further step starts, what it did is taken back. Past its commit point this has no effect and says
    /// so with `false`.
    pub fn cancel(&self) -> bool {
        let was = self.phase.compare_exchange(OPEN, CANCELLED, Ordering::SeqCst, Ordering::SeqCst);
        if was == Err(COMMITTED) || *self.ended.borrow() {
            return false;
        }
        self.cancel.cancel();
        true
    }

    /// What steps look at.
    pub fn cancel_signal(&self) -> &Cancel {
        &self.cancel
    }

    /// Whether it is to end. A job past its commit point is not, whatever was asked of it.
    pub fn is_cancelled(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == CANCELLED
    }

    /// Takes the commit point before it is written, so that nobody is told of a cancel that comes too late; false when one was
    /// faster.
    pub(super) fn begin_commit(&self) -> bool {
        self.phase.compare_exchange(OPEN, COMMITTED, Ordering::SeqCst, Ordering::SeqCst) != Err(CANCELLED)
    }

    /// Past the commit point whatever was asked: a step that decides is done.
    pub(super) fn mark_committed(&self) {
        self.phase.store(COMMITTED, Ordering::SeqCst);
    }

    /// The commit could not be written.
    pub(super) fn reopen(&self) {
        self.phase.store(OPEN, Ordering::SeqCst);
    }

    /// Somebody waits for what this job holds: when it waits itself to try again, now is the time.
    pub fn hurry(&self) {
        self.hurry.notify_one();
    }

    pub(super) async fn hurried(&self) {
        self.hurry.notified().await;
    }

    pub(super) fn mark_ended(&self) {
        self.ended.send_replace(true);
    }

    /// Waits until the job has ended, whatever its end.
    pub async fn ended(&self) {
        // The sender lives as long as `self`, so waiting can only end by the value.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }
}

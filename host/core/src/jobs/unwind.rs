//! Taking back: in reverse, bearing repetition, and what cannot be taken back now moves to the background list.

use std::sync::{Arc, PoisonError};

use tokio::task::JoinHandle;

use super::engine::{BackgroundJob, Engine};
use super::job::Job;
use super::journal::{JOBS, JobRecord, Phase};
use super::recovery::Settled;
use super::{Cancel, Ending, JobControl, JobId, Step, StepCall, Undone};
use crate::held::HeldTable;
use crate::status::Status;

impl Job {
    /// Takes back everything of a job that is not past its commit point.
    pub(super) async fn unwind(&mut self, reason: &Status) {
        self.record.phase = Phase::Unwinding;
        self.record.reason = Some(reason.clone());
        self.record.answered = self.is_answered();
        if self.written {
            let record = self.record.clone();
            if let Err(error) = self.engine.store.put(JOBS, &record.id.0.clone(), record).await {
                tracing::error!(job = %self.record.id, %error, "the end of a job could not be written");
            }
        }
        let engine = self.engine.clone();
        engine.undo_all(&mut self.record, &self.held).await;
        if let Some(first) = self.record.undo.first().or(self.record.always.first()) {
            let why = format!("{} cannot be taken back now", first.kind);
            engine.to_background(&self.record, why);
        }
        self.forget().await;
    }

    /// Takes back what failed or cannot be told, though the job goes on.
    pub(super) async fn undo_doubtful(&mut self) {
        self.doubtful.sort_unstable();
        self.doubtful.dedup();
        for index in std::mem::take(&mut self.doubtful).into_iter().rev() {
            if index < self.record.undo.len() {
                let step = self.record.undo.remove(index);
                let engine = self.engine.clone();
                if let Undone::NotNow(why) = engine.undo_step(&self.record, &step, &self.held).await {
                    // It is kept by the job: its end takes it back, and retries.
                    tracing::warn!(job = %self.record.id, step = %step.kind, why, "not taken back yet");
                    self.record.always.push(step);
                }
            }
        }
    }
}

impl Engine {
    /// Undoes every entry of a record in reverse; what is left in it could not be undone now.
    pub(super) async fn undo_all(&self, record: &mut JobRecord, held: &HeldTable) {
        let entries = std::mem::take(&mut record.undo);
        record.undo = self.undo_entries(record, entries, held).await;
        self.undo_always(record, held).await;
    }

    /// Undoes what a job kept for itself, in reverse.
    pub(super) async fn undo_always(&self, record: &mut JobRecord, held: &HeldTable) {
        let entries = std::mem::take(&mut record.always);
        record.always = self.undo_entries(record, entries, held).await;
        if !record.always.is_empty() && record.phase != Phase::Unwinding {
            self.to_background(record, "what the job kept cannot be taken back now".into());
        }
    }

    async fn undo_entries(&self, record: &JobRecord, entries: Vec<Step>, held: &HeldTable) -> Vec<Step> {
        let mut left = Vec::new();
        for step in entries.into_iter().rev() {
            if let Undone::NotNow(why) = self.undo_step(record, &step, held).await {
                tracing::warn!(job = %record.id, verb = %record.verb, step = %step.kind, why, "cannot be taken back now");
                left.push(step);
            }
        }
        left.reverse();
        left
    }

    async fn undo_step(&self, record: &JobRecord, step: &Step, held: &HeldTable) -> Undone {
        let Some(kind) = self.keepers.kind(step) else {
            return Undone::NotNow(format!("step {} version {} is not known here", step.kind, step.version));
        };
        let cancel = Cancel::default();
        let ending = record.reason.as_ref().map(|reason| Ending { answered: record.answered, reason });
        let call = StepCall { job: &record.id, verb: &record.verb, step, held, cancel: &cancel, keepers: &self.keepers, ending };
        match tokio::time::timeout(kind.spec().limit, kind.undo(call)).await {
            Ok(undone) => undone,
            Err(_) => Undone::NotNow("not within its time limit".into()),
        }
    }

    pub(super) fn to_background(&self, record: &JobRecord, why: String) {
        tracing::error!(job = %record.id, verb = %record.verb, why, "the job goes to the background list");
        let entry = BackgroundJob { id: record.id.clone(), verb: record.verb.clone(), why };
        self.background.lock().unwrap_or_else(PoisonError::into_inner).insert(record.id.clone(), entry);
    }

    pub(super) fn keeps_in_background(&self, id: &JobId) -> bool {
        self.background.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// Tries a job of the background list again and again, ever more seldom, until it is settled. Its leases stay with it.
    pub(super) fn retry_later(self: Arc<Self>, mut record: JobRecord, control: Arc<JobControl>, late: Vec<JoinHandle<()>>) {
        tokio::spawn(async move {
            // A step that was left behind is not done beside itself. How it ends is looked at like anything else that is in doubt.
            futures_util::future::join_all(late).await;
            let mut pause = self.pace.background;
            loop {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = control.hurried() => {}
                }
                pause = (pause * 2).min(self.pace.background * 60);
                match self.settle(&mut record).await {
                    Settled::Done => break,
                    Settled::NotYet(why) => tracing::debug!(job = %record.id, why, "still on the background list"),
                }
            }
            self.background.lock().unwrap_or_else(PoisonError::into_inner).remove(&record.id);
            for (key, _) in record.leases.iter().rev() {
                self.leases.release(&control, key);
            }
            control.mark_ended();
            tracing::info!(job = %record.id, verb = %record.verb, "off the background list");
        });
    }
}

//! What subjects keep: undo entries that passed to a VM, a connection or a pool at a job's commit point, and are taken back when
//! that ends, however it ends.

use std::collections::HashMap;
use std::sync::Arc;

use super::journal::{KEPT, KeptRecord};
use super::{Cancel, JobId, Step, StepCall, StepKind, Undone};
use crate::held::HeldTable;
use crate::lease::LeaseKey;
use crate::store::{Store, StoreError, WriteTransaction};

/// The kinds of steps the host knows, by name.
pub(super) type Kinds = HashMap<&'static str, Arc<dyn StepKind>>;

/// Something a subject keeps, for people and tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What keeps it: kind and id, as a lease on it is written.
    pub subject: String,
    /// The kind of the step whose undo takes it back.
    pub step: String,
    /// The job that made it.
    pub job: JobId,
}

/// Reads and takes back what subjects keep. Clones share it.
#[derive(Clone)]
pub struct Keepers {
    store: Store,
    kinds: Arc<Kinds>,
}

impl Keepers {
    pub(super) fn new(store: Store, kinds: Arc<Kinds>) -> Keepers {
        Keepers { store, kinds }
    }

    pub(super) fn kind(&self, step: &Step) -> Option<&Arc<dyn StepKind>> {
        self.kinds.get(step.kind.as_str()).filter(|kind| kind.spec().version == step.version)
    }

    /// Takes back all that `subject` keeps, newest first. What could not be taken back stays kept and is named in the answer; to
    /// be called again.
    pub async fn take_back(&self, subject: &LeaseKey) -> Vec<String> {
        let mut failures = Vec::new();
        let kept = match self.kept(subject) {
            Ok(kept) => kept,
            Err(error) => return vec![error.to_string()],
        };
        for (key, record) in kept.into_iter().rev() {
            match self.undo(&record).await {
                Undone::Gone => {
                    if let Err(error) = self.store.write(move |transaction| transaction.remove(KEPT, &key)).await {
                        failures.push(error.to_string());
                    }
                }
                Undone::NotNow(why) => failures.push(format!("{}: {why}", record.step.kind)),
            }
        }
        failures
    }

    /// All that is kept, of every subject.
    pub fn list(&self) -> Result<Vec<Kept>, StoreError> {
        let kept = self.store.all(KEPT)?.into_iter();
        Ok(kept.map(|(key, record)| Kept { subject: subject(&key), step: record.step.kind, job: record.job }).collect())
    }

    async fn undo(&self, record: &KeptRecord) -> Undone {
        let Some(kind) = self.kind(&record.step) else {
            return Undone::NotNow(format!("version {} of this step is not known here", record.step.version));
        };
        let (held, cancel) = (HeldTable::new(), Cancel::default());
        let call = StepCall {
            job: &record.job,
            verb: &record.verb,
            step: &record.step,
            held: &held,
            cancel: &cancel,
            keepers: self,
            ending: None,
        };
        kind.undo(call).await
    }

    fn kept(&self, subject: &LeaseKey) -> Result<Vec<(String, KeptRecord)>, StoreError> {
        let prefix = prefix(subject);
        Ok(self.store.all(KEPT)?.into_iter().filter(|(key, _)| key.starts_with(&prefix)).collect())
    }

    /// Passes `step` to `subject`, inside the commit of its job.
    pub(super) fn pass(
        transaction: &mut WriteTransaction<'_>,
        subject: &LeaseKey,
        order: usize,
        job: &JobId,
        verb: &str,
        step: &Step,
    ) -> Result<(), StoreError> {
        let record = KeptRecord { job: job.clone(), verb: verb.to_owned(), step: step.clone() };
        // The time keeps later jobs after earlier ones; the order keeps the steps of one.
        transaction.put(KEPT, &format!("{}{:016x}-{order:04x}-{job}", prefix(subject), crate::clock::now()), &record)
    }
}

/// Ids may hold slashes: their length keeps `/srv/x` from being taken for the beginning of `/srv/x/y`.
fn prefix(subject: &LeaseKey) -> String {
    format!("{}/{}/{}/", subject.kind.name(), subject.id.len(), subject.id)
}

/// The subject in a key, for people; a key of another form stands for itself.
fn subject(key: &str) -> String {
    let named = || {
        let (kind, rest) = key.split_once('/')?;
        let (length, rest) = rest.split_once('/')?;
        Some(format!("{kind} {}", rest.get(..length.parse().ok()?)?))
    };
    named().unwrap_or_else(|| key.to_owned())
}

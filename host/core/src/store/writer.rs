//! The one writer: whoever comes first commits for all that wait, in its own thread, so that a change that meets nobody is on the
//! disk without a hand-over.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use redb::Database;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{StoreError, WriteTransaction};

/// Changes that may wait; more callers wait to hand theirs over.
const QUEUE: usize = 256;
/// Changes in one commit at most, so that the first of them is not kept waiting.
const GROUP: usize = 64;

pub(super) type Change = Box<dyn FnOnce(&mut WriteTransaction<'_>) -> Result<(), StoreError> + Send>;

struct Waiting {
    change: Change,
    done: oneshot::Sender<Result<(), StoreError>>,
    _place: Option<OwnedSemaphorePermit>,
}

/// Whether changes still wait.
#[derive(PartialEq, Eq)]
enum Left {
    Nothing,
    /// And nobody has taken it upon itself to commit them.
    Some,
}

pub(super) struct Writer {
    database: Arc<Database>,
    waiting: Mutex<VecDeque<Waiting>>,
    places: Arc<Semaphore>,
    /// Who has this commits. Tables whose version this daemon has seen committed: nobody else writes to the store.
    turn: Mutex<BTreeSet<&'static str>>,
}

impl Writer {
    pub(super) fn new(database: Arc<Database>) -> Arc<Writer> {
        Arc::new(Writer { database, waiting: Mutex::default(), places: Arc::new(Semaphore::new(QUEUE)), turn: Mutex::default() })
    }

    /// Returns once `change` is on the disk. A caller that goes away after it was handed over takes nothing back.
    pub(super) async fn write(self: &Arc<Self>, change: Change) -> Result<(), StoreError> {
        let place = self.places.clone().acquire_owned().await.map_err(|_| StoreError::Lost)?;
        let committed = self.hand_over(change, Some(place));
        let multi = Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        // A runtime of one thread has no other that could go on with its tasks meanwhile.
        if !multi || tokio::task::block_in_place(|| self.commit(1)) == Left::Some {
            let writer = self.clone();
            drop(tokio::task::spawn_blocking(move || writer.commit(usize::MAX)));
        }
        committed.await.map_err(|_| StoreError::Lost)?
    }

    /// The same from a thread that may block.
    pub(super) fn write_blocking(&self, change: Change) -> Result<(), StoreError> {
        let committed = self.hand_over(change, None);
        self.commit(usize::MAX);
        committed.blocking_recv().map_err(|_| StoreError::Lost)?
    }

    fn hand_over(&self, change: Change, place: Option<OwnedSemaphorePermit>) -> oneshot::Receiver<Result<(), StoreError>> {
        let (done, committed) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(Waiting { change, done, _place: place });
        committed
    }

    /// Commits what waits, so many groups at most. Whoever finds the turn taken leaves it to its holder, who looks again after it.
    fn commit(&self, most: usize) -> Left {
        for _ in 0..most {
            let mut known = match self.turn.try_lock() {
                Ok(known) => known,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Left::Nothing,
            };
            let group = self.next_group();
            // Those who wait hear that their change was lost.
            if catch_unwind(AssertUnwindSafe(|| commit_group(&self.database, group, &mut known))).is_err() {
                tracing::error!("a commit panicked");
            }
            drop(known);
            if self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                return Left::Nothing;
            }
        }
        Left::Some
    }

    fn next_group(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let size = waiting.len().min(GROUP);
        waiting.drain(..size).collect()
    }
}

fn commit_group(database: &Database, group: Vec<Waiting>, known: &mut BTreeSet<&'static str>) {
    let mut answers = Vec::with_capacity(group.len());
    let mut touched = Vec::new();
    let committed = (|| -> Result<(), StoreError> {
        if group.is_empty() {
            return Ok(());
        }
        let inner = database.begin_write()?;
        for Waiting { change, done, _place } in group {
            let mut transaction = WriteTransaction { inner: &inner, pending: BTreeMap::new(), known, versions: BTreeMap::new() };
            // Nothing of a change is in the database before it is applied: one that panics leaves nothing, and the others go on.
            let changed = catch_unwind(AssertUnwindSafe(|| change(&mut transaction)));
            let result =
                changed.unwrap_or_else(|_| Err(StoreError::Refused("the change panicked".into()))).and_then(|()| transaction.apply());
            answers.push((done, result.map(|tables| touched.extend(tables))));
        }
        inner.commit()?;
        known.extend(touched);
        Ok(())
    })();
    let failed = committed.err().map(|error| error.to_string());
    for (done, result) in answers {
        let answer = match (&failed, result) {
            (Some(cause), Ok(())) => Err(StoreError::Refused(format!("not committed: {cause}"))),
            (_, result) => result,
        };
        // Nobody waits any more when the receiver is gone; the change stands all the same.
        let _ = done.send(answer);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use crate::store::{Store, StoreError, Table, WriteTransaction};

    const NUMBERS: Table<u32> = Table::new("numbers", 1);

    async fn many_writers() {
        let store = Store::in_memory().unwrap();
        let writers = (0..500_u32).map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.put(NUMBERS, &format!("{number:03}"), number).await })
        });
        for written in futures_util::future::join_all(writers).await {
            written.unwrap().unwrap();
        }
        let all = store.all(NUMBERS).unwrap();
        assert_eq!(all.into_iter().map(|(_, number)| number).collect::<Vec<_>>(), (0..500).collect::<Vec<_>>());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn every_one_of_many_changes_is_committed() {
        many_writers().await;
    }

    #[tokio::test]
    async fn every_one_of_many_changes_is_committed_by_one_thread_too() {
        many_writers().await;
    }

    #[tokio::test]
    async fn a_change_that_panics_is_refused_and_the_store_goes_on() {
        let store = Store::in_memory().unwrap();
        let panics = |_: &mut WriteTransaction<'_>| -> Result<(), StoreError> { panic!("a fault of ours") };
        assert!(matches!(store.write(panics).await, Err(StoreError::Refused(_))));
        store.put(NUMBERS, "one", 1).await.unwrap();
    }

    #[tokio::test]
    async fn a_change_whose_caller_has_gone_stands() {
        let store = Store::in_memory().unwrap();
        let write = store.put(NUMBERS, "one", 1);
        // It is begun and, unless it is there already, not waited for.
        tokio::select! {
            biased;
            _ = write => {}
            () = std::future::ready(()) => {}
        }
        while store.get(NUMBERS, "one").unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    }
}

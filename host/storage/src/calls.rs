//! Where calls on storage run: threads off the runtime's own, since the kernel may keep one for as long as a server is away.
//!
//! A call that hangs holds the turn of its path, so that what asks again for the same path waits without a thread; and all of them
//! together hold a bounded number of threads, so that dead storage leaves the rest of the host its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, Semaphore};
use vdsm_core::status::Status;

use crate::errors::StorageError;

/// Calls on storage at once, the hanging ones included.
const CALLS: usize = 64;
/// How long a call waits for its turn: less than a step may take, so that whoever asks hears why.
const WAITS: Duration = Duration::from_secs(20);

/// The calls of one room; clones share them.
#[derive(Clone)]
pub(crate) struct Calls {
    slots: Arc<Semaphore>,
    turns: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
    waits: Duration,
}

impl Calls {
    pub(crate) fn new() -> Calls {
        Calls { slots: Arc::new(Semaphore::new(CALLS)), turns: Arc::default(), waits: WAITS }
    }

    /// Runs what may block on `path`, when its turn comes within [`WAITS`]. How long it then may take is the caller's to say: a call
    /// that has begun goes on when its caller has gone.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        path: &str,
        work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, Status> {
        let lost = |why: String| Status::new(100, "General Exception", why);
        let waits = async { (self.turn(path).await, self.slots.clone().acquire_owned().await) };
        let (turn, slot) = tokio::time::timeout(self.waits, waits)
            .await
            .map_err(|_| lost(format!("{path}: the storage has not answered calls before this one")))?;
        let slot = slot.map_err(|closed| lost(closed.to_string()))?;
        let call = tokio::task::spawn_blocking(move || {
            let _held_until_it_returns = (turn, slot);
            work()
        });
        call.await.map_err(|error| lost(error.to_string()))?.map_err(|error| error.status())
    }

    async fn turn(&self, path: &str) -> OwnedMutexGuard<()> {
        let mine = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            // What nobody waits for or holds is forgotten.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(path.to_owned()).or_default().clone()
        };
        mine.lock_owned().await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn who_waits_too_long_for_a_turn_hears_why() {
        let calls = Calls { waits: Duration::from_millis(20), ..Calls::new() };
        let _held = calls.turn("/dead").await;
        let refused = calls.run("/dead", || Ok(())).await.unwrap_err();
        assert_eq!((refused.code, refused.text().contains("/dead")), (100, true), "{refused}");
    }

    #[tokio::test]
    async fn a_call_that_hangs_holds_up_its_own_path_and_no_other() {
        let calls = Calls::new();
        let (end, hang) = mpsc::channel::<()>();
        let hanging = tokio::spawn({
            let calls = calls.clone();
            async move { calls.run("/dead", move || Ok(hang.recv().is_ok())).await }
        });
        while calls.slots.available_permits() == CALLS {
            tokio::task::yield_now().await;
        }
        let again = calls.run("/dead", || Ok(()));
        assert!(tokio::time::timeout(Duration::from_millis(50), again).await.is_err(), "it waits for its turn");
        assert_eq!(calls.slots.available_permits(), CALLS - 1, "without a thread");
        assert_eq!(calls.run("/well", || Ok(7)).await, Ok(7));
        end.send(()).unwrap();
        assert_eq!(hanging.await.unwrap(), Ok(true));
        assert_eq!(calls.run("/dead", || Ok(8)).await, Ok(8));
        assert_eq!(calls.turns.lock().unwrap().len(), 1, "other paths are forgotten");
    }
}

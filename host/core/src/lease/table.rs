//! Who holds which lease and who waits for it. Waiting is first come, first served, but for a canceller, who comes next.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::LeaseKey;
use crate::descriptor::{Access, Busy, WhenBusy};
use crate::jobs::JobControl;
use crate::status::Status;

/// A lease a job wants before it begins.
#[derive(Clone, Debug)]
pub struct LeaseWish {
    /// On what.
    pub key: LeaseKey,
    /// How.
    pub access: Access,
    /// What to do when it is held; no rule fits: wait.
    pub busy: Vec<Busy>,
}

/// Why a lease was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A busy rule said so.
    #[error("{0}")]
    Rule(Status),
    /// It was not free in time.
    #[error("{key} is held by {holder}")]
    Busy {
        /// The lease.
        key: LeaseKey,
        /// The verb that holds it.
        holder: String,
    },
    /// The waiting job itself is to end.
    #[error("cancelled while waiting for {0}")]
    Cancelled(LeaseKey),
}

/// A holder of a lease.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The job that holds it.
    pub job: Arc<JobControl>,
    /// How.
    pub access: Access,
}

struct Waiter {
    holder: Holder,
    granted: oneshot::Sender<()>,
}

#[derive(Default)]
struct Entry {
    holders: Vec<Holder>,
    waiting: VecDeque<Waiter>,
}

impl Entry {
    fn admits(&self, key: &LeaseKey, access: Access) -> bool {
        match key.kind.slots() {
            Some(slots) => self.holders.len() < slots as usize,
            None => {
                self.holders.is_empty() || (access == Access::Shared && self.holders.iter().all(|holder| holder.access == Access::Shared))
            }
        }
    }

    /// Hands the lease to whoever is next. A waiter that has gone is skipped.
    fn grant(&mut self, key: &LeaseKey) {
        while let Some(access) = self.waiting.front().map(|next| next.holder.access)
            && self.admits(key, access)
            && let Some(Waiter { holder, granted }) = self.waiting.pop_front()
        {
            if granted.send(()).is_ok() {
                self.holders.push(holder);
            }
        }
    }
}

/// All leases of the host. One owner: the job engine.
#[derive(Default)]
pub struct LeaseTable {
    entries: Mutex<HashMap<LeaseKey, Entry>>,
}

enum Attempt {
    Taken,
    Refused(Refused),
    Wait { granted: oneshot::Receiver<()>, until: Instant, holder: String },
}

impl LeaseTable {
    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a lease for `job` by the busy rules of `wish`, waiting until `deadline` at most.
    pub async fn take(&self, job: &Arc<JobControl>, wish: &LeaseWish, deadline: Instant) -> Result<(), Refused> {
        let (mut granted, until, holder) = match self.attempt(job, wish, deadline) {
            Attempt::Taken => return Ok(()),
            Attempt::Refused(refused) => return Err(refused),
            Attempt::Wait { granted, until, holder } => (granted, until, holder),
        };
        let refused = tokio::select! {
            outcome = &mut granted => match outcome {
                Ok(()) => return Ok(()),
                Err(_) => Refused::Busy { key: wish.key.clone(), holder },
            },
            () = tokio::time::sleep_until(until.into()) => Refused::Busy { key: wish.key.clone(), holder },
            () = job.cancel_signal().cancelled() => Refused::Cancelled(wish.key.clone()),
        };
        // It may have been granted in the same instant: then it must not stay with a job that gave up.
        granted.close();
        if granted.try_recv().is_ok() {
            self.release(job, &wish.key)
        } else {
            self.forget_waiters(&wish.key)
        }
        Err(refused)
    }

    fn attempt(&self, job: &Arc<JobControl>, wish: &LeaseWish, deadline: Instant) -> Attempt {
        let mut entries = self.lock();
        let entry = entries.entry(wish.key.clone()).or_default();
        let holder = Holder { job: job.clone(), access: wish.access };
        if entry.admits(&wish.key, wish.access) && (entry.waiting.is_empty() || wish.key.kind.slots().is_some()) {
            entry.holders.push(holder);
            return Attempt::Taken;
        }
        let mut until = deadline;
        let mut first = false;
        let mut named = String::new();
        for other in &entry.holders {
            named = other.job.verb().to_owned();
            other.job.hurry();
            match wish.busy.iter().find(|rule| rule.holder.is_empty() || rule.holder == named).map(|rule| &rule.then) {
                Some(WhenBusy::Refuse(status)) => return Attempt::Refused(Refused::Rule(status.clone())),
                Some(WhenBusy::Wait(ms)) => until = until.min(Instant::now() + Duration::from_millis(u64::from(*ms))),
                Some(WhenBusy::Cancel) => {
                    // Past its commit point the holder goes on to its end; we wait all the same.
                    other.job.cancel();
                    first = true;
                }
                None => {}
            }
        }
        let (sender, granted) = oneshot::channel();
        let waiter = Waiter { holder, granted: sender };
        if first {
            entry.waiting.push_front(waiter)
        } else {
            entry.waiting.push_back(waiter)
        }
        Attempt::Wait { granted, until, holder: named }
    }

    /// Drops waiters that gave up, so that they hold up nobody.
    fn forget_waiters(&self, key: &LeaseKey) {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(key) else { return };
        entry.waiting.retain(|waiter| !waiter.granted.is_closed());
        entry.grant(key);
        if entry.holders.is_empty() && entry.waiting.is_empty() {
            entries.remove(key);
        }
    }

    /// Takes a lease without asking: what a written job held before a restart.
    pub fn reclaim(&self, job: &Arc<JobControl>, key: &LeaseKey, access: Access) {
        self.lock().entry(key.clone()).or_default().holders.push(Holder { job: job.clone(), access });
    }

    /// Gives one lease back and hands it on.
    pub fn release(&self, job: &Arc<JobControl>, key: &LeaseKey) {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(key) else { return };
        if let Some(at) = entry.holders.iter().position(|holder| Arc::ptr_eq(&holder.job, job)) {
            entry.holders.remove(at);
        }
        drop(entries);
        self.forget_waiters(key);
    }

    /// Who holds `key` now.
    pub fn holders(&self, key: &LeaseKey) -> Vec<Holder> {
        self.lock().get(key).map(|entry| entry.holders.clone()).unwrap_or_default()
    }

    /// Every lease that is held, with the verb and job that hold it, for `vdsm-tool` and tests.
    pub fn list(&self) -> Vec<(LeaseKey, String, String)> {
        let mut all: Vec<_> = self
            .lock()
            .iter()
            .flat_map(|(key, entry)| {
                entry.holders.iter().map(|holder| (key.clone(), holder.job.verb().to_owned(), holder.job.id().to_string()))
            })
            .collect();
        all.sort();
        all
    }
}

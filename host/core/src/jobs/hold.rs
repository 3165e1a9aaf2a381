//! A lease that the host itself holds, outside any job: for what it does by itself to a subject that jobs use too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Engine, JobControl, JobId};
use crate::descriptor::Access;
use crate::lease::{LeaseKey, LeaseWish, Refused};

/// An exclusive lease, given back when this is dropped.
pub struct Hold {
    engine: Arc<Engine>,
    control: Arc<JobControl>,
    key: LeaseKey,
}

impl Engine {
    /// Takes `key` for the host itself, waiting `within` at most. `verb` names what it is for wherever holders are shown, and is what
    /// busy rules of descriptors see.
    pub async fn hold(self: &Arc<Self>, verb: &str, key: LeaseKey, within: Duration) -> Result<Hold, Refused> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let id = JobId(format!("host-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let control = Arc::new(JobControl::new(id, verb));
        let wish = LeaseWish { key: key.clone(), access: Access::Exclusive, busy: Vec::new() };
        self.leases().take(&control, &wish, Instant::now() + within).await?;
        Ok(Hold { engine: self.clone(), control, key })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.engine.leases().release(&self.control, &self.key);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use super::*;
    use crate::jobs::Pace;
    use crate::lease::LeaseKind;
    use crate::store::Store;

    #[tokio::test]
    async fn a_hold_keeps_others_out_until_it_is_dropped() {
        let engine = Engine::new(Store::in_memory().unwrap(), Vec::new(), Pace::default(), None).unwrap();
        let key = || LeaseKey { kind: LeaseKind::Vm, id: "a".into() };
        let first = engine.hold("end", key(), Duration::from_secs(5)).await.unwrap();
        let refused = engine.hold("end", key(), Duration::from_millis(20)).await.err().unwrap();
        assert_eq!(refused.to_string(), "vm a is held by end");
        let second = tokio::spawn({
            let engine = engine.clone();
            async move { engine.hold("end", key(), Duration::from_secs(5)).await.is_ok() }
        });
        drop(first);
        assert!(second.await.unwrap());
        assert!(engine.leases().list().is_empty());
    }
}

//! Takes statistics of all VMs again and again, so that no call ever waits for libvirt to count.
//!
//! The plan is the planner's; here are its effects: two clocks, the questions under way, and the published [`Samples`]. Clocks keep
//! running while questions hang, and a tick that comes too early is counted, not queued.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::error::CallError;
use super::planner::{Answer, Planner, Request};
use super::samples::{SampleSource, Samples};
use super::stats::StatsGroups;

/// How often to ask.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// For states: cheap.
    pub states: Duration,
    /// For everything: each VM's monitor is visited. VDSM's own interval for CPU figures.
    pub full: Duration,
}

impl Default for Intervals {
    fn default() -> Intervals {
        Intervals { states: Duration::from_secs(2), full: Duration::from_secs(15) }
    }
}

/// The running sampler; clones share it, and it ends with the last of them.
#[derive(Clone)]
pub struct Sampler {
    samples: Arc<ArcSwap<Samples>>,
    /// Its receiver is the task's sign to go on, and goes with it.
    alive: Arc<watch::Sender<()>>,
}

impl Sampler {
    /// Begins to ask `source`, within a tokio runtime.
    pub fn start(source: Arc<dyn SampleSource>, intervals: Intervals) -> Sampler {
        let samples = Arc::new(ArcSwap::from_pointee(Samples::default()));
        let (alive, stop) = watch::channel(());
        tokio::spawn(run(source, intervals, Arc::clone(&samples), stop));
        Sampler { samples, alive: Arc::new(alive) }
    }

    /// Returns when nothing is asked any more: never, but for a fault of ours.
    pub async fn ended(&self) {
        self.alive.closed().await;
    }

    /// What is known now; never waits.
    pub fn samples(&self) -> Arc<Samples> {
        self.samples.load_full()
    }
}

async fn run(source: Arc<dyn SampleSource>, intervals: Intervals, samples: Arc<ArcSwap<Samples>>, mut stop: watch::Receiver<()>) {
    let mut planner = Planner::default();
    let mut asked = FuturesUnordered::new();
    let mut states = clock(intervals.states);
    let mut full = clock(intervals.full);
    loop {
        let requests = tokio::select! {
            _ = stop.changed() => return,
            _ = states.tick() => planner.state_tick(),
            _ = full.tick() => planner.full_tick(),
            Some((at, answer)) = asked.next() => planner.answered(at, Instant::now(), answer),
        };
        for request in requests {
            asked.push(ask(Arc::clone(&source), request));
        }
        if let Some(published) = planner.publish() {
            samples.store(published);
        }
    }
}

fn clock(interval: Duration) -> tokio::time::Interval {
    let mut clock = tokio::time::interval(interval);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    clock
}

async fn ask(source: Arc<dyn SampleSource>, request: Request) -> (Instant, Answer) {
    let at = Instant::now();
    let answer = match request {
        Request::States => Answer::States(guarded(source.bulk(StatsGroups::STATE, &[])).await),
        Request::Bulk { except } => Answer::Bulk(guarded(source.bulk(StatsGroups::FULL, &except)).await),
        Request::One(uuid) => {
            let result = guarded(source.one(StatsGroups::FULL, &uuid)).await;
            Answer::One(uuid, result)
        }
    };
    (at, answer)
}

/// A source that panics must not end the sampler unseen.
async fn guarded<T>(question: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
    AssertUnwindSafe(question).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a source of statistics panicked");
        Err(CallError::Lost)
    })
}

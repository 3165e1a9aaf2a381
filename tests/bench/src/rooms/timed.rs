//! The clocks: each stands in for the real thing and passes everything on.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use vdsm_core::jobs::{Decider, Decision, Fact};
use vdsm_core::status::Status;
use vdsm_core::tree::Tree;
use vdsm_hypervisor::domains::{Destroy, Domains};
use vdsm_hypervisor::libvirt::{CallError, DomainInfo, DomainState, Killed, Libvirt, StartMode};
use vdsm_modules::decider::ModuleDecider;
use vdsm_modules::hooks::{ChainOutcome, ChainRequest, HookRunner};
use vdsm_modules::registry::Registry;
use vdsm_modules::shaper::{Samples, ShapeError, Shaper};

/// libvirt, and the time that was spent in it.
pub(crate) struct Timed {
    libvirt: Libvirt,
    micros: AtomicU64,
}

impl Timed {
    pub(super) fn new(libvirt: Libvirt) -> Timed {
        Timed { libvirt, micros: AtomicU64::new(0) }
    }

    /// All of it so far.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    async fn within<T>(&self, call: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let answer = call.await;
        self.micros.fetch_add(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        answer
    }
}

#[async_trait::async_trait]
impl Domains for Timed {
    async fn settled(&self, limit: Duration) -> Result<Vec<DomainInfo>, CallError> {
        self.within(Domains::settled(&self.libvirt, limit)).await
    }

    async fn state(&self, uuid: &str) -> Result<DomainState, CallError> {
        self.within(Domains::state(&self.libvirt, uuid)).await
    }

    async fn document(&self, uuid: &str) -> Result<String, CallError> {
        self.within(Domains::document(&self.libvirt, uuid)).await
    }

    async fn pid(&self, uuid: &str) -> Result<Option<u32>, CallError> {
        self.within(Domains::pid(&self.libvirt, uuid)).await
    }

    async fn ping(&self, uuid: &str) -> Result<(), CallError> {
        self.within(Domains::ping(&self.libvirt, uuid)).await
    }

    async fn create(&self, uuid: &str, document: String, mode: StartMode) -> Result<DomainInfo, CallError> {
        self.within(Domains::create(&self.libvirt, uuid, document, mode)).await
    }

    async fn destroy(&self, uuid: &str, how: Destroy) -> Result<(), CallError> {
        self.within(Domains::destroy(&self.libvirt, uuid, how)).await
    }

    async fn kill(&self, uuid: &str, pid: u32) -> Result<Killed, CallError> {
        self.within(Domains::kill(&self.libvirt, uuid, pid)).await
    }

    async fn suspend(&self, uuid: &str) -> Result<(), CallError> {
        self.within(Domains::suspend(&self.libvirt, uuid)).await
    }

    async fn resume(&self, uuid: &str) -> Result<(), CallError> {
        self.within(Domains::resume(&self.libvirt, uuid)).await
    }

    async fn press_power_button(&self, uuid: &str) -> Result<(), CallError> {
        self.within(Domains::press_power_button(&self.libvirt, uuid)).await
    }

    async fn set_memory(&self, uuid: &str, kib: u64) -> Result<(), CallError> {
        self.within(Domains::set_memory(&self.libvirt, uuid, kib)).await
    }

    async fn set_cpu_shares(&self, uuid: &str, shares: u64) -> Result<(), CallError> {
        self.within(Domains::set_cpu_shares(&self.libvirt, uuid, shares)).await
    }
}

/// How long each round of a call took in its module.
pub(crate) type Rounds = Arc<Mutex<Vec<Duration>>>;

/// A module's decider and the time of its rounds: fresh store, call, and the decision read back.
pub(super) struct TimedDecider {
    inner: ModuleDecider,
    rounds: Rounds,
}

impl TimedDecider {
    pub(super) fn new(inner: ModuleDecider) -> (TimedDecider, Rounds) {
        let rounds = Rounds::default();
        (TimedDecider { inner, rounds: rounds.clone() }, rounds)
    }
}

#[async_trait::async_trait]
impl Decider for TimedDecider {
    async fn decide(&mut self, facts: Vec<Fact>, note: Option<Tree>) -> Result<Decision, Status> {
        let begun = Instant::now();
        let decision = self.inner.decide(facts, note).await;
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).push(begun.elapsed());
        decision
    }
}

/// The registry as the hypervisor room sees it, put in once it is there; counts the calls that shape.
#[derive(Default)]
pub(crate) struct Late {
    registry: OnceLock<Arc<Registry>>,
    shaped: AtomicUsize,
}

impl Late {
    pub(super) fn set(&self, registry: Arc<Registry>) {
        let _ = self.registry.set(registry);
    }

    /// How often a module shaped so far.
    pub(crate) fn shaped(&self) -> usize {
        self.shaped.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl HookRunner for Late {
    async fn run(&self, request: ChainRequest) -> ChainOutcome {
        match self.registry.get() {
            Some(registry) => registry.run(request).await,
            None => ChainOutcome { document: request.document, runs: Vec::new(), failed: Some("no modules yet".into()) },
        }
    }
}

#[async_trait::async_trait]
impl Shaper for Late {
    async fn shape(&self, samples: Samples) -> Result<Tree, ShapeError> {
        let Some(registry) = self.registry.get() else { return Err(ShapeError("no modules yet".into())) };
        self.shaped.fetch_add(1, Ordering::Relaxed);
        registry.shape(samples).await
    }

    fn generation(&self) -> u64 {
        self.registry.get().map_or(0, |registry| registry.current().number)
    }
}

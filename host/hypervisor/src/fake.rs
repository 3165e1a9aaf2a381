//! The room with a libvirt, hooks and a shaper of its own, for tests (rung: mock host).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use vdsm_core::held::{ArrayEncoder, HeldTable};
use vdsm_core::jobs::{Cancel, Ending, Engine, JobId, Look, Outcome, Pace, Step, StepCall, StepKind, Undone};
use vdsm_core::store::Store;
use vdsm_core::tree::{Tree, Value};
use vdsm_modules::hooks::{ChainOutcome, ChainRequest, HookRunner};
use vdsm_modules::shaper::{self, Kind, ShapeError, Shaper};

use crate::domains::{Destroy, Domains};
use crate::libvirt::{CallError, DomainInfo, DomainState, Killed, PausedReason, Samples, ShutoffReason, StartMode};
use crate::ownership::Identity;
use crate::room::{Patience, Room};
use crate::statistics::{Encoder, Figures, Statistics};
use crate::steps;
use crate::vm::record::{Place, Vms};

pub(crate) const VM: &str = "11111111-2222-4333-8444-555555555555";
pub(crate) const BOOT: &str = "this-boot";

/// A document as a module makes it.
pub(crate) fn document() -> String {
    format!("<domain type='qemu'><name>web01</name><uuid>{VM}</uuid><devices><video><alias name='video0'/></video></devices></domain>")
}

/// The configuration of a `create`.
pub(crate) fn conf() -> Tree {
    Tree::object(|conf| {
        conf.text_at("vmId", VM).text_at("vmName", "web01").int_at("memSize", 64).text_at("display", "vnc");
        conf.object_at("custom", |custom| {
            custom.text_at("smbios", "x");
        });
        conf.array_at("devices", |devices| {
            devices.open_object().text_at("type", "video").text_at("device", "cirrus").close();
            devices.open_object().text_at("type", "balloon").object_at("specParams", |parameters| {
                parameters.text_at("model", "virtio");
            });
            devices.close();
        });
    })
}

#[derive(Clone)]
pub(crate) struct FakeDomain {
    pub(crate) document: String,
    pub(crate) state: DomainState,
}

/// A libvirt in memory. Calls are counted by name; the next calls of a name can be made to fail.
#[derive(Default)]
pub(crate) struct FakeLibvirt {
    pub(crate) domains: Mutex<HashMap<String, FakeDomain>>,
    failures: Mutex<HashMap<&'static str, Vec<Option<CallError>>>>,
    calls: Mutex<Vec<String>>,
    /// What the next created domain does at once.
    pub(crate) dies_at_birth: Mutex<bool>,
    pub(crate) pid: Mutex<Option<u32>>,
    /// What stands for QEMU; ends when it is killed.
    qemu: Mutex<Option<std::process::Child>>,
    /// While a test has this, whoever reads a pid waits.
    pub(crate) pid_gate: tokio::sync::Mutex<()>,
}

pub(crate) fn refused(code: u32, message: &str) -> CallError {
    CallError::Libvirt { code, domain: 10, message: message.into() }
}

impl FakeLibvirt {
    pub(crate) fn fail_next(&self, call: &'static str, error: CallError) {
        self.fail_after(call, 0, error);
    }

    /// The call of that name after so many more of it fails.
    pub(crate) fn fail_after(&self, call: &'static str, well: usize, error: CallError) {
        let mut failures = self.failures.lock().unwrap();
        let list = failures.entry(call).or_default();
        list.extend(std::iter::repeat_n(None, well));
        list.push(Some(error));
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// Gives machines to come a process of their own, which nothing but [`Domains::kill`] ends.
    pub(crate) fn with_process(&self) -> u32 {
        let child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = child.id();
        *self.pid.lock().unwrap() = Some(pid);
        *self.qemu.lock().unwrap() = Some(child);
        pid
    }

    pub(crate) fn put(&self, uuid: &str, document: &str) {
        let domain = FakeDomain { document: document.into(), state: DomainState::Running };
        self.domains.lock().unwrap().insert(uuid.into(), domain);
    }

    pub(crate) fn runs(&self, uuid: &str) -> bool {
        self.domains.lock().unwrap().contains_key(uuid)
    }

    fn begin(&self, call: &'static str, detail: &str) -> Result<(), CallError> {
        self.calls.lock().unwrap().push(format!("{call} {detail}").trim().to_owned());
        let mut failures = self.failures.lock().unwrap();
        match failures.get_mut(call).filter(|list| !list.is_empty()).and_then(|list| list.remove(0)) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn with<T>(&self, uuid: &str, change: impl FnOnce(&mut FakeDomain) -> T) -> Result<T, CallError> {
        self.domains.lock().unwrap().get_mut(uuid).map(change).ok_or(CallError::NoDomain)
    }
}

impl Drop for FakeLibvirt {
    fn drop(&mut self) {
        if let Some(mut qemu) = self.qemu.lock().unwrap().take() {
            let _ = (qemu.kill(), qemu.wait());
        }
    }
}

#[async_trait::async_trait]
impl Domains for FakeLibvirt {
    async fn settled(&self, _limit: Duration) -> Result<Vec<DomainInfo>, CallError> {
        self.begin("settled", "")?;
        let domains = self.domains.lock().unwrap();
        let info = |(uuid, domain): (&String, &FakeDomain)| DomainInfo {
            uuid: uuid.clone(),
            name: "web01".into(),
            id: Some(1),
            state: domain.state,
        };
        Ok(domains.iter().map(info).collect())
    }

    async fn state(&self, uuid: &str) -> Result<DomainState, CallError> {
        self.begin("state", "")?;
        self.with(uuid, |domain| domain.state)
    }

    async fn document(&self, uuid: &str) -> Result<String, CallError> {
        self.begin("document", "")?;
        self.with(uuid, |domain| domain.document.clone())
    }

    async fn pid(&self, _uuid: &str) -> Result<Option<u32>, CallError> {
        self.begin("pid", "")?;
        let _open = self.pid_gate.lock().await;
        Ok(*self.pid.lock().unwrap())
    }

    async fn ping(&self, _uuid: &str) -> Result<(), CallError> {
        self.begin("ping", "")
    }

    async fn create(&self, uuid: &str, document: String, mode: StartMode) -> Result<DomainInfo, CallError> {
        self.begin("create", uuid)?;
        let state = match mode {
            StartMode::Running => DomainState::Running,
            StartMode::Paused => DomainState::Paused(PausedReason::User),
        };
        if !std::mem::take(&mut *self.dies_at_birth.lock().unwrap()) {
            self.domains.lock().unwrap().insert(uuid.into(), FakeDomain { document, state });
        }
        Ok(DomainInfo { uuid: uuid.into(), name: "web01".into(), id: Some(1), state })
    }

    async fn destroy(&self, uuid: &str, how: Destroy) -> Result<(), CallError> {
        self.begin("destroy", &format!("{how:?}"))?;
        self.domains.lock().unwrap().remove(uuid).map(drop).ok_or(CallError::NoDomain)
    }

    async fn kill(&self, uuid: &str, pid: u32) -> Result<Killed, CallError> {
        self.begin("kill", &pid.to_string())?;
        self.domains.lock().unwrap().remove(uuid);
        if let Some(mut qemu) = self.qemu.lock().unwrap().take() {
            qemu.kill().unwrap();
            qemu.wait().unwrap();
        }
        Ok(Killed::Sent)
    }

    async fn suspend(&self, uuid: &str) -> Result<(), CallError> {
        self.begin("suspend", "")?;
        self.with(uuid, |domain| domain.state = DomainState::Paused(PausedReason::User))
    }

    async fn resume(&self, uuid: &str) -> Result<(), CallError> {
        self.begin("resume", "")?;
        self.with(uuid, |domain| domain.state = DomainState::Running)
    }

    async fn press_power_button(&self, uuid: &str) -> Result<(), CallError> {
        self.begin("power button", "")?;
        self.with(uuid, |domain| domain.state = DomainState::Shutoff(ShutoffReason::Shutdown))
    }

    async fn set_memory(&self, uuid: &str, kib: u64) -> Result<(), CallError> {
        self.begin("set memory", &kib.to_string())?;
        self.with(uuid, |_| ())
    }

    async fn set_cpu_shares(&self, _uuid: &str, shares: u64) -> Result<(), CallError> {
        self.begin("set cpu shares", &shares.to_string())
    }
}

/// Hooks that do what they are told: an edit, a failure, or nothing.
#[derive(Default)]
pub(crate) struct FakeHooks {
    pub(crate) edit: Mutex<Option<String>>,
    pub(crate) failure: Mutex<Option<String>>,
    pub(crate) asked: Mutex<Vec<ChainRequest>>,
}

#[async_trait::async_trait]
impl HookRunner for FakeHooks {
    async fn run(&self, request: ChainRequest) -> ChainOutcome {
        let document = self.edit.lock().unwrap().clone().unwrap_or_else(|| request.document.clone());
        self.asked.lock().unwrap().push(request);
        ChainOutcome { document, runs: Vec::new(), failed: self.failure.lock().unwrap().clone() }
    }
}

/// A shaper that writes status and number of shaping, and counts what it was asked.
#[derive(Default)]
pub(crate) struct FakeShaper {
    pub(crate) shaped: AtomicUsize,
    pub(crate) generation: AtomicU64,
    pub(crate) broken: Mutex<bool>,
    pub(crate) last: Mutex<shaper::Samples>,
}

#[async_trait::async_trait]
impl Shaper for FakeShaper {
    async fn shape(&self, samples: shaper::Samples) -> Result<Tree, ShapeError> {
        if *self.broken.lock().unwrap() {
            return Err(ShapeError("trap".into()));
        }
        self.shaped.fetch_add(samples.machines(), Ordering::SeqCst);
        self.last.lock().unwrap().clone_from(&samples);
        let text = |row, metric| samples.text(Kind::Machine, row, metric).unwrap_or_default();
        Ok(Tree::array(|out| {
            for row in 0..samples.machines() {
                out.text(&format!("{} {}", text(row, 0), text(row, 1)));
            }
        }))
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

/// Figures that a test sets.
#[derive(Default)]
pub(crate) struct FakeFigures(pub(crate) Mutex<Arc<Samples>>);

impl Figures for FakeFigures {
    fn latest(&self) -> Arc<Samples> {
        self.0.lock().unwrap().clone()
    }
}

/// A room to test in.
pub(crate) struct House {
    /// Where channels of machines would be.
    pub(crate) channels: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) room: Arc<Room>,
    pub(crate) libvirt: Arc<FakeLibvirt>,
    pub(crate) hooks: Arc<FakeHooks>,
    pub(crate) shaper: Arc<FakeShaper>,
    pub(crate) figures: Arc<FakeFigures>,
    pub(crate) statistics: Arc<Statistics>,
    pub(crate) engine: Arc<Engine>,
}

/// Texts back to back.
struct FakeArray<'t> {
    left: Box<dyn Iterator<Item = Value<'t>> + 't>,
    out: Vec<u8>,
}

impl ArrayEncoder for FakeArray<'_> {
    fn next(&mut self) -> Option<Range<usize>> {
        let text = self.left.next()?.as_text()?;
        Some(self.kept(text.as_bytes()))
    }

    fn kept(&mut self, fragment: &[u8]) -> Range<usize> {
        let from = self.out.len();
        self.out.extend_from_slice(fragment);
        from..self.out.len()
    }

    fn finish(self: Box<Self>) -> Option<Bytes> {
        Some(self.out.into())
    }
}

pub(crate) fn encoder() -> Encoder {
    Arc::new(|tree| Box::new(FakeArray { left: Box::new(tree.root().items()), out: Vec::new() }))
}

impl House {
    pub(crate) async fn new() -> House {
        House::over(Store::in_memory().unwrap(), Arc::default(), BOOT).await
    }

    /// The room after a restart of the daemon: the same store and libvirt.
    pub(crate) async fn restarted(&self, boot: &str) -> House {
        House::over(self.store.clone(), self.libvirt.clone(), boot).await
    }

    async fn over(store: Store, libvirt: Arc<FakeLibvirt>, boot: &str) -> House {
        let identity = Identity::open(&store, "test:///default").await.unwrap();
        let place = Place { boot_id: boot.into(), uri: "test:///default".into() };
        let (hooks, shaper, figures) = (Arc::<FakeHooks>::default(), Arc::<FakeShaper>::default(), Arc::<FakeFigures>::default());
        let vms = Vms::load(store.clone()).unwrap();
        let [look_again, at_once, graceful, settle] = [10, 30, 60, 200].map(Duration::from_millis);
        let patience = Patience { graceful, at_once, settle, look_again };
        let domains = libvirt.clone();
        let channels = tempfile::tempdir().unwrap();
        let room = Arc::new(Room {
            vms,
            domains,
            hooks: hooks.clone(),
            identity,
            place,
            patience,
            channels: channels.path().to_owned(),
            engine: OnceLock::new(),
            resync: Notify::new(),
            ending: Mutex::default(),
        });
        let statistics = Arc::new(Statistics::new(room.clone(), figures.clone(), shaper.clone(), encoder()));
        let engine = Engine::new(store.clone(), steps::kinds(&room, &statistics), Pace::default(), None).unwrap();
        let _ = room.engine.set(engine.clone());
        House { channels, store, room, libvirt, hooks, shaper, figures, statistics, engine }
    }

    fn kind(&self, step: &Step) -> Arc<dyn StepKind> {
        steps::kinds(&self.room, &self.statistics).into_iter().find(|kind| kind.spec().name == step.kind).unwrap()
    }

    pub(crate) async fn act(&self, step: &Step) -> Outcome {
        self.act_with(step, &HeldTable::new()).await
    }

    pub(crate) async fn act_with(&self, step: &Step, held: &HeldTable) -> Outcome {
        let (job, cancel) = (JobId("job".into()), Cancel::default());
        self.kind(step).act(self.call(&job, step, held, &cancel, None)).await
    }

    pub(crate) async fn look(&self, step: &Step) -> Look {
        let (job, held, cancel) = (JobId("job".into()), HeldTable::new(), Cancel::default());
        self.kind(step).look(self.call(&job, step, &held, &cancel, None)).await
    }

    pub(crate) async fn undo(&self, step: &Step, job: &str, ending: Option<Ending<'_>>) -> Undone {
        let (job, held, cancel) = (JobId(job.into()), HeldTable::new(), Cancel::default());
        self.kind(step).undo(self.call(&job, step, &held, &cancel, ending)).await
    }

    /// Writes what the commit of the step's round writes.
    pub(crate) async fn record(&self, step: &Step) {
        let (kind, step, keepers) = (self.kind(step), step.clone(), self.engine.keepers().clone());
        self.store
            .write(move |transaction| {
                let (job, held, cancel) = (JobId("job".into()), HeldTable::new(), Cancel::default());
                let call =
                    StepCall { job: &job, verb: "create", step: &step, held: &held, cancel: &cancel, keepers: &keepers, ending: None };
                kind.record(call, transaction)
            })
            .await
            .unwrap();
    }

    fn call<'a>(
        &'a self,
        job: &'a JobId,
        step: &'a Step,
        held: &'a HeldTable,
        cancel: &'a Cancel,
        ending: Option<Ending<'a>>,
    ) -> StepCall<'a> {
        StepCall { job, verb: "create", step, held, cancel, keepers: self.engine.keepers(), ending }
    }

    /// A machine that is written down and waits.
    pub(crate) async fn registered(&self) {
        let step = steps::Register::plan(VM, &conf());
        self.record(&step).await;
        assert_eq!(self.act(&step).await, Outcome::Done(Tree::nil()));
    }

    /// A machine that runs.
    pub(crate) async fn started(&self) {
        self.registered().await;
        let outcome = self.act(&steps::Start::plan(VM, &document(), StartMode::Running)).await;
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }

    /// A member of the machine's configuration as full `list` shows it.
    pub(crate) fn listed(&self, name: &str) -> Option<String> {
        let view = self.room.vms.get(VM)?;
        let text = |value: Value<'_>| crate::vm::listed::scalar_text(value);
        view.listed().root().get(name).and_then(text)
    }
}

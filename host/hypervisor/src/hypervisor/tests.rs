//! Rung: mock host, and test:///default or QEMU (TCG) where a test says so. The room as the daemon runs it: events in, jobs through the
//! engine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::time::Instant;

use vdsm_core::descriptor::Access;
use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{Answer, Decision, Engine, Fact, JobId, Order, Pace, Planned, Request, Round};
use vdsm_core::lease::LeaseWish;
use vdsm_core::status::Status;
use vdsm_core::tree::Tree;
use vdsm_modules::capability::Capability;

use super::*;
use crate::fake::{BOOT, FakeFigures, FakeHooks, FakeLibvirt, FakeShaper, VM, conf, document, encoder};
use crate::libvirt::{IoErrorAction, Libvirt, LibvirtConfig, Lifecycle, StartMode, Started, Stopped, Suspended, WatchdogAction};
use crate::ownership;
use crate::room::lease;
use crate::steps::{Register, Start};
use crate::vm::listed::scalar_text;

const PATIENCE: Duration = Duration::from_secs(30);

struct House {
    _directory: tempfile::TempDir,
    hypervisor: Arc<Hypervisor>,
    engine: Arc<Engine>,
    hooks: Arc<FakeHooks>,
}

impl House {
    async fn open(uri: &str, domains: Arc<dyn Domains>, events: mpsc::Receiver<Event>) -> House {
        House::over(Store::in_memory().unwrap(), uri, domains, events).await
    }

    async fn over(store: Store, uri: &str, domains: Arc<dyn Domains>, events: mpsc::Receiver<Event>) -> House {
        let directory = tempfile::tempdir().unwrap();
        let hooks = Arc::<FakeHooks>::default();
        let parts = Parts {
            store: store.clone(),
            root: Root::at(directory.path()).unwrap(),
            boot_id: BOOT.into(),
            uri: uri.into(),
            domains,
            events,
            hooks: hooks.clone(),
            shaper: Arc::<FakeShaper>::default(),
            encoder: encoder(),
            figures: Arc::<FakeFigures>::default(),
        };
        let hypervisor = Hypervisor::start(parts).await.unwrap();
        let engine = Engine::new(store, hypervisor.capability().steps(), Pace::default(), None).unwrap();
        hypervisor.set_engine(engine.clone());
        House { _directory: directory, hypervisor, engine, hooks }
    }

    /// Carries a round out as a job, as a verb would have it.
    async fn run(&self, id: &str, steps: Vec<Planned>) -> Result<Answer, Status> {
        self.decide(id, Box::new(Once(Some(Round { order: Order::InTurn, steps, again: None })))).await
    }

    async fn decide(&self, id: &str, decider: Box<dyn Decider>) -> Result<Answer, Status> {
        let request = Request {
            id: JobId(id.into()),
            verb: id.into(),
            leases: vec![LeaseWish { key: lease(VM), access: Access::Exclusive, busy: Vec::new() }],
            held: HeldTable::new(),
            arrived: Instant::now(),
            answer_within: PATIENCE,
            default_error: vdsm_core::errors::Code::Unexpected.status(),
        };
        self.engine.run(request, decider).await
    }

    async fn create(&self, document: &str) -> Result<Answer, Status> {
        let answer = Answer { members: Tree::empty_object(), message: None, held: HeldTable::new() };
        let steps = vec![
            Planned::Room(Register::plan(VM, &conf())),
            Planned::Room(Start::plan(VM, document, StartMode::Running)),
            Planned::Answer(answer),
        ];
        self.run("create", steps).await
    }

    fn listed(&self, name: &str) -> Option<String> {
        self.hypervisor.machines().get(VM)?.listed().root().get(name).and_then(scalar_text)
    }

    /// Waits until `name` of the machine is `value`.
    async fn becomes(&self, name: &str, value: Option<&str>) {
        let begin = Instant::now();
        while self.listed(name).as_deref() != value {
            assert!(begin.elapsed() < PATIENCE, "{name} is {:?}, expected {value:?}", self.listed(name));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// One round, then nothing.
struct Once(Option<Round>);

#[async_trait::async_trait]
impl Decider for Once {
    async fn decide(&mut self, _facts: Vec<Fact>, _note: Option<Tree>) -> Result<Decision, Status> {
        let none = || Decision::Refuse(vdsm_core::errors::Code::Unexpected.with("the round failed"));
        Ok(self.0.take().map_or_else(none, Decision::Act))
    }
}

#[tokio::test]
async fn events_reach_the_machine_they_are_about() {
    let libvirt = Arc::<FakeLibvirt>::default();
    let (events, receiver) = mpsc::channel(16);
    let house = House::open("test:///default", libvirt.clone(), receiver).await;
    events.send(Event::Connected { epoch: 1 }).await.unwrap();
    assert!(house.hypervisor.adopted().await);
    house.create(&document()).await.unwrap();
    assert_eq!(house.listed("status").as_deref(), Some("Up"));

    let uuid = || VM.to_owned();
    let error =
        Event::IoError { uuid: uuid(), alias: String::new(), path: String::new(), action: IoErrorAction::Pause, reason: "enospc".into() };
    events.send(error).await.unwrap();
    events.send(Event::Lifecycle { uuid: uuid(), event: Lifecycle::Suspended(Suspended::IoError) }).await.unwrap();
    house.becomes("pauseCode", Some("ENOSPC")).await;
    assert_eq!(house.listed("status").as_deref(), Some("Paused"));

    events.send(Event::RtcChange { uuid: uuid(), offset: 60 }).await.unwrap();
    house.becomes("timeOffset", Some("60")).await;
    events.send(Event::Watchdog { uuid: uuid(), action: WatchdogAction::PowerOff }).await.unwrap();
    events.send(Event::Disconnected { reason: "gone".into() }).await.unwrap();
    let begin = Instant::now();
    while house.hypervisor.machines()[VM].record.machine.unknown_since.is_none() {
        assert!(begin.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(house.hypervisor.machines()[VM].record.machine.watchdog.as_ref().unwrap().action, "destroy");
    assert_eq!(house.listed("status").as_deref(), Some("Paused"));

    events.send(Event::Connected { epoch: 2 }).await.unwrap();
    house.becomes("status", Some("Up")).await;
    assert_eq!(house.hypervisor.machines()[VM].record.machine.unknown_since, None);

    // Old news of a domain that runs, then its end.
    events.send(Event::Lifecycle { uuid: uuid(), event: Lifecycle::Stopped(Stopped::Destroyed) }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(house.listed("status").as_deref(), Some("Up"));
    libvirt.domains.lock().unwrap().clear();
    events.send(Event::Lifecycle { uuid: uuid(), event: Lifecycle::Stopped(Stopped::Shutdown) }).await.unwrap();
    house.becomes("status", Some("Down")).await;
    assert_eq!((house.listed("exitCode").as_deref(), house.listed("exitMessage").as_deref()), (Some("0"), Some("User shut down")));
    house.hypervisor.stop().await;
}

#[tokio::test]
async fn a_domain_of_ours_that_begins_to_run_unasked_is_a_machine_and_one_that_was_reported_down_is_ended() {
    let libvirt = Arc::<FakeLibvirt>::default();
    let (events, receiver) = mpsc::channel(16);
    let house = House::open("test:///default", libvirt.clone(), receiver).await;
    events.send(Event::Connected { epoch: 1 }).await.unwrap();
    assert!(house.hypervisor.adopted().await);
    libvirt.put(VM, &ownership::mark(&document(), house.hypervisor.root_id()).unwrap());
    let started = || Event::Lifecycle { uuid: VM.to_owned(), event: Lifecycle::Started(Started::Booted) };
    events.send(started()).await.unwrap();
    house.becomes("status", Some("Up")).await;

    libvirt.domains.lock().unwrap().clear();
    events.send(Event::Lifecycle { uuid: VM.to_owned(), event: Lifecycle::Stopped(Stopped::Crashed) }).await.unwrap();
    house.becomes("status", Some("Down")).await;
    libvirt.put(VM, &ownership::mark(&document(), house.hypervisor.root_id()).unwrap());
    events.send(started()).await.unwrap();
    let begin = Instant::now();
    while libvirt.runs(VM) {
        assert!(begin.elapsed() < PATIENCE, "it is not ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(house.listed("status").as_deref(), Some("Down"));
    house.hypervisor.stop().await;
}

#[tokio::test]
async fn nothing_is_adopted_before_libvirt_is_there() {
    let (_events, receiver) = mpsc::channel(16);
    let house = House::open("test:///default", Arc::<FakeLibvirt>::default(), receiver).await;
    let waited = tokio::time::timeout(Duration::from_millis(50), house.hypervisor.adopted()).await;
    assert!(waited.is_err());
    house.hypervisor.stop().await;
    assert!(!house.hypervisor.adopted().await, "a room that was stopped adopts nothing");
    house.hypervisor.ended().await;
}

#[tokio::test]
async fn a_room_that_hears_nothing_any_more_says_so() {
    let (events, receiver) = mpsc::channel(16);
    let house = House::open("test:///default", Arc::<FakeLibvirt>::default(), receiver).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), house.hypervisor.ended()).await.is_err());
    drop(events);
    tokio::time::timeout(PATIENCE, house.hypervisor.ended()).await.expect("it says so");
}

#[tokio::test]
async fn a_start_that_fails_before_the_answer_leaves_no_machine() {
    let libvirt = Arc::<FakeLibvirt>::default();
    let (_events, receiver) = mpsc::channel(16);
    let house = House::open("test:///default", libvirt.clone(), receiver).await;
    libvirt.fail_next("create", crate::fake::refused(1, "no"));
    house.create(&document()).await.unwrap_err();
    let begin = Instant::now();
    while !house.hypervisor.machines().is_empty() {
        assert!(begin.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Rung: test:///default.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_lives_and_ends_on_a_real_libvirt() {
    const URI: &str = "test:///default";
    let (events, receiver) = mpsc::channel(64);
    let libvirt = Libvirt::start(LibvirtConfig::new(URI), events).unwrap();
    let house = House::open(URI, Arc::new(libvirt.clone()), receiver).await;
    assert!(tokio::time::timeout(PATIENCE, house.hypervisor.adopted()).await.unwrap());
    assert!(house.hypervisor.machines().is_empty(), "the driver's own domain is not ours");

    let document =
        format!("<domain type='test'><name>web01</name><uuid>{VM}</uuid><memory>65536</memory><os><type>hvm</type></os></domain>");
    house.create(&document).await.unwrap();
    assert_eq!(house.listed("status").as_deref(), Some("Up"));
    let live = house.hypervisor.machines()[VM].record.document.clone().unwrap();
    assert!(ownership::is_ours(&live, house.hypervisor.root_id()));

    house.run("pause", vec![Planned::Room(Control::Pause.plan(VM)), answered()]).await.unwrap();
    assert_eq!(house.listed("status").as_deref(), Some("Paused"));
    house.run("cont", vec![Planned::Room(Control::Cont.plan(VM)), answered()]).await.unwrap();
    assert_eq!(house.listed("status").as_deref(), Some("Up"));
    assert_eq!(house.hypervisor.set_balloon(VM, 32_768).await, Outcome::Done(Tree::nil()));

    // Somebody ends it behind our back.
    libvirt.destroy(VM).await.unwrap();
    house.becomes("status", Some("Down")).await;
    assert_eq!(house.listed("exitMessage").as_deref(), Some("Lost connection with qemu process"));
    let begin = Instant::now();
    while house.hooks.asked.lock().unwrap().is_empty() {
        assert!(begin.elapsed() < PATIENCE, "the last chain did not run");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let answer = house.decide("destroy", house.hypervisor.native_destroy_plan(VM)).await.unwrap();
    assert_eq!(answer.message.as_deref(), Some("Machine destroyed"));
    assert!(house.hypervisor.machines().is_empty());
    let names: Vec<_> = libvirt.domains().await.unwrap().into_iter().map(|domain| domain.name).collect();
    assert_eq!(names, ["test"]);
    house.hypervisor.stop().await;
    libvirt.close().await;
}

fn answered() -> Planned {
    Planned::Answer(Answer { members: Tree::empty_object(), message: None, held: HeldTable::new() })
}

/// Rung: QEMU (TCG). One test only: a process has one embedded root.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_in_qemu_is_read_back_found_again_and_missed() {
    if !vdsm_tests::Rung::Qemu.stands() {
        return;
    }
    let root = tempfile::Builder::new().prefix("e").tempdir_in("/tmp").unwrap();
    let uri = format!("qemu:///embed?root={}", root.path().display());
    let store = Store::in_memory().unwrap();
    let (libvirt, house) = embedded(&store, &uri).await;
    let document = format!(
        "<domain type='qemu'><name>web01</name><uuid>{VM}</uuid><memory unit='MiB'>32</memory>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os><devices><video><model type='cirrus'/></video>\
         <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'/><memballoon model='virtio'/></devices></domain>"
    );
    house.create(&document).await.unwrap();
    let process = house.hypervisor.machines()[VM].record.process.expect("its process is known");
    let leftover = Leftover(process.pid);
    let text = |name| house.listed(name).unwrap_or_default();
    assert_eq!((text("status"), text("pid")), ("Up".into(), process.pid.to_string()));
    assert!(text("displayPort").parse::<u16>().is_ok_and(|port| port >= 5900), "{}", text("displayPort"));
    let conf = house.hypervisor.machines()[VM].listed().clone();
    let video = conf.root().get("devices").unwrap().item(0).unwrap();
    assert_eq!(video.get("alias").unwrap().as_text(), Some("video0"));
    house.hypervisor.stop().await;
    libvirt.close().await;
    drop((house, libvirt));

    // The daemon is there again.
    let (libvirt, house) = embedded(&store, &uri).await;
    assert_eq!(*house.hypervisor.machines()[VM].listed(), conf);
    drop(leftover);
    house.becomes("status", Some("Down")).await;
    assert_eq!(house.listed("exitMessage").as_deref(), Some("Lost connection with qemu process"));
    house.decide("destroy", house.hypervisor.native_destroy_plan(VM)).await.unwrap();
    assert!(libvirt.domains().await.unwrap().is_empty() && house.hypervisor.machines().is_empty());

    // A QEMU that stands still answers nobody, and yet its machine is destroyed while a manager waits.
    house.create(&document).await.unwrap();
    let process = house.hypervisor.machines()[VM].record.process.expect("its process is known");
    let _leftover = Leftover(process.pid);
    let pid = rustix::process::Pid::from_raw(process.pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let begin = Instant::now();
    house.decide("destroy", house.hypervisor.native_destroy_plan(VM)).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert!(!process.is_alive() && libvirt.domains().await.unwrap().is_empty() && house.hypervisor.machines().is_empty());
    house.hypervisor.stop().await;
    libvirt.close().await;
}

async fn embedded(store: &Store, uri: &str) -> (Libvirt, House) {
    let (events, receiver) = mpsc::channel(256);
    let libvirt = Libvirt::start(LibvirtConfig::new(uri), events).unwrap();
    let house = House::over(store.clone(), uri, Arc::new(libvirt.clone()), receiver).await;
    assert!(tokio::time::timeout(3 * PATIENCE, house.hypervisor.adopted()).await.unwrap());
    (libvirt, house)
}

/// Ends a QEMU, also one that a failed test would leave behind.
struct Leftover(u32);

impl Drop for Leftover {
    fn drop(&mut self) {
        let command = std::fs::read(format!("/proc/{}/cmdline", self.0)).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(VM) {
            let _ =
                rustix::process::kill_process(rustix::process::Pid::from_raw(self.0.cast_signed()).unwrap(), rustix::process::Signal::KILL);
        }
    }
}

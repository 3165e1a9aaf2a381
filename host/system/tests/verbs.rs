//! The host's verbs over this machine: the real component, grants from the packaged manifest. Rung: mock host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod fixture;

use std::path::Path;
use std::sync::Arc;

use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{Decider, Decision, JobId};
use vdsm_core::root::Root;
use vdsm_core::store::Store;
use vdsm_core::tree::{Kind, Tree};
use vdsm_modules::capability::{Capability, Offer};
use vdsm_modules::decider::ModuleDecider;
use vdsm_modules::engine::Runtime;
use vdsm_modules::registry::Registry;
use vdsm_modules::state::{CallFacts, Client};
use vdsm_system::network::Visibility;
use vdsm_system::{Board, HostCapability, HypervisorFacts, HypervisorView, MachineLoad, Settings};
use vdsm_tests::{Rung, source};

const MODULE: &str = "verbs-host";

struct Machines;

impl HypervisorView for Machines {
    fn facts(&self) -> Arc<HypervisorFacts> {
        Arc::new(HypervisorFacts { machines: vec!["pc".into(), "q35".into()], models: vec!["Opteron_G1".into()] })
    }

    fn load(&self) -> MachineLoad {
        MachineLoad { count: 2, active: 1, migrating: 0, committed_mib: 1000, resident_mib: 100, policies: 1 }
    }
}

fn setting(name: &str) -> Option<String> {
    let known = [("compat.machine_aliases", "pc-1.0=pc,rhel6.4.0=pc"), ("vars.host_mem_reserve", "256")];
    known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

async fn registry(directory: &Path) -> Option<Registry> {
    let built = source::component(Rung::MockHost, MODULE)?;
    let root = Root::at(directory).unwrap();
    for made in [root.manifests(), root.packaged_modules(), root.state()] {
        std::fs::create_dir_all(made).unwrap();
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/modules.d/verbs-host.toml");
    std::fs::copy(manifest, root.manifests().join("verbs-host.toml")).unwrap();
    std::fs::copy(built, root.packaged_modules().join(format!("{MODULE}.wasm"))).unwrap();
    let board = Arc::new(Board::new(fixture::host(&directory.join("fixture")), Visibility::default()));
    let settings = Settings::new(setting, |name| name.contains('.'));
    let room: Arc<dyn Capability> = Arc::new(HostCapability::new(board, Arc::new(Machines), settings, "boot"));
    let registry = Registry::new(Runtime::new().unwrap().into(), &root, Store::in_memory().unwrap(), Offer::new(vec![room])).unwrap();
    let generation = registry.load_all().await.unwrap();
    assert!(generation.refused().is_empty(), "{:?}", generation.refused());
    Some(registry)
}

async fn call(registry: &Registry, verb: &str) -> Tree {
    let verb = registry.current().verb(verb).unwrap().clone();
    let facts = CallFacts {
        descriptor: Some(verb.descriptor.clone()),
        arguments: Arc::new(Tree::array(|_| {})),
        subjects: Vec::new(),
        job: JobId("job".into()),
        time: 1_378_036_800_000,
        seed: 0,
        client: Client { peer: "192.0.2.1".into(), local: "127.0.0.1".into() },
    };
    match ModuleDecider::new(verb, Arc::new(facts), HeldTable::new()).decide(Vec::new(), None).await.unwrap() {
        Decision::Reply(answer) => answer.members,
        other => panic!("{other:?}"),
    }
}

/// VDSM's wire cannot carry these: one of them anywhere turns the whole reply into a fault.
#[track_caller]
fn travels(value: vdsm_core::tree::Value<'_>) {
    assert!(!matches!(value.kind(), Kind::Nil | Kind::Int64 | Kind::Bytes | Kind::Time | Kind::Held), "{value:?}");
    value.items().for_each(travels);
}

#[tokio::test]
async fn the_verbs_answer_from_what_the_host_knows() {
    let directory = tempfile::tempdir().unwrap();
    let Some(registry) = registry(directory.path()).await else { return };
    assert!(call(&registry, "ping").await.root().is_empty());

    let reply = call(&registry, "getVdsCapabilities").await;
    let info = reply.root().get("info").unwrap();
    travels(info);
    let text = |key: &str| info.get(key).unwrap_or_else(|| panic!("{key}")).as_text().unwrap().to_owned();
    assert_eq!(text("cpuCores"), "2");
    assert_eq!(text("cpuFlags"), "fpu,nx,svm,lm,model_Opteron_G1");
    assert_eq!(text("lastClient"), "192.0.2.1");
    assert_eq!(text("lastClientIface"), "lo");
    let machines: Vec<_> = info.get("emulatedMachines").unwrap().items().filter_map(|machine| machine.as_text()).collect();
    assert_eq!(machines, ["pc", "q35", "pc-1.0", "rhel6.4.0"]);
    assert_eq!(info.get("nics").and_then(|nics| nics.get("em1")?.get("speed")?.as_int()), Some(10_000));
    let kernel = info.get("packages2").and_then(|packages| packages.get("kernel")).unwrap();
    assert_eq!(kernel.get("buildtime").unwrap().as_double(), Some(1_385_090_109.0));

    let reply = call(&registry, "getVdsStats").await;
    let info = reply.root().get("info").unwrap();
    travels(info);
    assert_eq!(info.get("memAvailable").unwrap().as_int(), Some(7812 + 100 - 1000 - 256));
    assert_eq!(info.get("vmCount").unwrap().as_int(), Some(2));
    assert_eq!(info.get("dateTime").unwrap().as_text(), Some("2013-09-01T12:00:00 GMT"));

    let reply = call(&registry, "getVdsHardwareInfo").await;
    assert_eq!(reply.root().get("info").and_then(|info| info.get("systemManufacturer")?.as_text()), Some("Maker"));
}

//! Local connections as a manager sees them and as they lie in the repository: the real component, grants from the packaged
//! manifest, the real job engine, a root in a temporary directory. Rung: mock host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{Engine, JobId, Pace, Request};
use vdsm_core::lease::{LeaseKey, LeaseKind, LeaseWish};
use vdsm_core::root::Root;
use vdsm_core::status::Status;
use vdsm_core::store::Store;
use vdsm_core::tree::Tree;
use vdsm_modules::capability::{Capability, Offer};
use vdsm_modules::decider::ModuleDecider;
use vdsm_modules::engine::Runtime;
use vdsm_modules::registry::Registry;
use vdsm_modules::state::{CallFacts, Client, SubjectItem};
use vdsm_storage::StorageCapability;
use vdsm_tests::{Rung, source};

const MODULE: &str = "verbs-storage";

/// The component; none: skipped, and said so.
fn component() -> Option<PathBuf> {
    source::component(Rung::MockHost, MODULE)
}

struct Host {
    root: Root,
    registry: Registry,
    engine: Arc<Engine>,
    _directory: tempfile::TempDir,
}

impl Host {
    async fn new(component: &Path) -> Host {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path()).unwrap();
        for made in [root.manifests(), root.packaged_modules(), root.state()] {
            std::fs::create_dir_all(made).unwrap();
        }
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/modules.d/verbs-storage.toml");
        std::fs::copy(manifest, root.manifests().join("verbs-storage.toml")).unwrap();
        std::fs::copy(component, root.packaged_modules().join(format!("{MODULE}.wasm"))).unwrap();
        let room: Arc<dyn Capability> = Arc::new(StorageCapability::new(&root));
        let store = Store::in_memory().unwrap();
        let engine = Engine::new(store.clone(), room.steps(), Pace::default(), None).unwrap();
        let registry = Registry::new(Runtime::new().unwrap().into(), &root, store, Offer::new(vec![room])).unwrap();
        let generation = registry.load_all().await.unwrap();
        assert!(generation.refused().is_empty(), "{:?}", generation.refused());
        Host { root, registry, engine, _directory: directory }
    }

    /// Calls a verb as the daemon does: subjects and leases from its descriptor.
    async fn call(&self, verb: &str, kind: &str, connections: &[(&str, &str)]) -> Result<Vec<(String, i32)>, Status> {
        let arguments = arguments(kind, connections);
        let verb = self.registry.current().verb(verb).unwrap().clone();
        let items = |path: &vdsm_core::descriptor::ArgumentPath| -> Vec<SubjectItem> {
            let found = path.find(arguments.root()).into_iter().filter_map(|value| value.as_text().map(str::to_owned));
            let key = |id: &str| LeaseKey { kind: LeaseKind::Connection, id: id.to_owned() };
            found.map(|id| SubjectItem { kind: "connection".into(), lease: Some(key(&id)), id }).collect()
        };
        let subjects: Vec<_> = verb.descriptor.subjects.iter().map(|subject| items(&subject.path)).collect();
        let access = verb.descriptor.subjects[0].access.unwrap();
        let leases = subjects.iter().flatten().filter_map(|item| item.lease.clone());
        let leases = leases.map(|key| LeaseWish { key, access, busy: Vec::new() }).collect();
        let held = HeldTable::new();
        let request = Request {
            id: JobId("job".into()),
            verb: verb.descriptor.name.clone(),
            leases,
            held: held.clone(),
            arrived: Instant::now(),
            answer_within: Duration::from_secs(30),
            default_error: verb.descriptor.default_error.clone(),
        };
        let facts = CallFacts {
            descriptor: Some(verb.descriptor.clone()),
            arguments: Arc::new(arguments.clone()),
            subjects,
            job: request.id.clone(),
            time: 0,
            seed: 0,
            client: Client::default(),
        };
        let answer = self.engine.run(request, Box::new(ModuleDecider::new(verb, Arc::new(facts), held))).await?;
        let list = answer.members.root().get("statuslist").expect("a statuslist");
        let entry = |entry: vdsm_core::tree::Value<'_>| {
            (entry.get("id").unwrap().as_text().unwrap().to_owned(), entry.get("status").unwrap().as_int().expect("an int"))
        };
        Ok(list.items().map(entry).collect())
    }

    fn links(&self) -> Vec<(String, String)> {
        let Ok(entries) = std::fs::read_dir(self.root.repository().join("mnt")) else { return Vec::new() };
        let entries = entries.map(|entry| entry.unwrap());
        let mut links: Vec<_> = entries
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read_link(entry.path()).unwrap().to_str().unwrap().to_owned()))
            .collect();
        links.sort();
        links
    }
}

fn arguments(kind: &str, connections: &[(&str, &str)]) -> Tree {
    Tree::array(|array| {
        array.text(kind).text("00000000-0000-0000-0000-000000000000").open_array();
        for (id, address) in connections {
            array.open_object().text_at("id", id).text_at("connection", address).text_at("password", "").close();
        }
        array.close();
    })
}

#[tokio::test]
async fn each_connection_is_made_by_itself_and_taken_away_again() {
    let Some(component) = component() else { return };
    let host = Host::new(&component).await;
    let good = tempfile::Builder::new().prefix("local_data").tempdir().unwrap();
    let good = good.path().to_str().unwrap();
    let file = host.root.path().join("file");
    std::fs::write(&file, "").unwrap();
    let long = format!("/{}", "x".repeat(300));
    let entries = [("a", good), ("b", "/no/such/directory"), ("c", file.to_str().unwrap()), ("d", ".."), ("e", ""), ("f", &long)];

    let statuses = host.call("connectStorageServer", "4", &entries).await.unwrap();
    let failed = ["b", "c", "d", "e", "f"].map(|id| (id.to_owned(), 469));
    assert_eq!(statuses, [&[("a".into(), 0)], &failed[..]].concat());
    assert!(host.engine.background().is_empty(), "nothing is left to be taken back");
    let name = good.replace('_', "__").replace('/', "_");
    assert_eq!(host.links(), [(name, good.to_owned())]);

    let again = host.call("connectStorageServer", "4", &[("a", good), ("same", good)]).await.unwrap();
    assert_eq!(again, [("a".into(), 0), ("same".into(), 0)]);
    assert_eq!(host.links().len(), 1);

    let gone = host.call("disconnectStorageServer", "4", &[("a", good), ("b", "/no/such/directory")]).await.unwrap();
    assert_eq!(gone, [("a".into(), 0), ("b".into(), 0)], "one that is not connected is disconnected already");
    assert!(host.links().is_empty());
    assert!(Path::new(good).is_dir());
}

#[tokio::test]
async fn what_is_not_served_or_not_there_answers_a_list() {
    let Some(component) = component() else { return };
    let host = Host::new(&component).await;
    assert_eq!(host.call("connectStorageServer", "1", &[("n", "server:/export")]).await.unwrap(), [("n".into(), 451)]);
    assert_eq!(host.call("connectStorageServer", "4", &[]).await.unwrap(), []);
    assert_eq!(host.call("disconnectStorageServer", "2", &[]).await.unwrap(), []);
    assert_eq!(host.call("connectStorageServer", "5", &[("n", "x")]).await.unwrap_err().code, 451);
    assert!(host.links().is_empty());
}

#[tokio::test]
async fn what_is_not_ours_in_the_repository_is_left_alone() {
    let Some(component) = component() else { return };
    let host = Host::new(&component).await;
    let target = tempfile::tempdir().unwrap();
    let address = target.path().to_str().unwrap();
    let in_the_way = host.root.repository().join("mnt").join(address.replace('_', "__").replace('/', "_"));
    std::fs::create_dir_all(in_the_way.join("inside")).unwrap();
    for verb in ["connectStorageServer", "disconnectStorageServer"] {
        assert_eq!(host.call(verb, "4", &[("a", address)]).await.unwrap(), [("a".into(), 100)]);
    }
    assert!(in_the_way.join("inside").is_dir());
}

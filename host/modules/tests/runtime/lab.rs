//! A house for tests: a root with manifests and components, a registry over it, and a room whose capability does nothing.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use vdsm_core::descriptor::Descriptor;
use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{Decision, JobId, Owner, Step, StepKind};
use vdsm_core::root::Root;
use vdsm_core::store::Store;
use vdsm_core::tree::Tree;
use vdsm_modules::CallFailure;
use vdsm_modules::capability::{Capability, Offer};
use vdsm_modules::components::{ComponentDigest, Components};
use vdsm_modules::decider::ModuleDecider;
use vdsm_modules::engine::Runtime;
use vdsm_modules::generation::{Generation, ServedVerb};
use vdsm_modules::grant::{FunctionSpec, ScopeRule};
use vdsm_modules::manifest::Manifest;
use vdsm_modules::module::{LoadError, Module};
use vdsm_modules::registry::Registry;
use vdsm_modules::state::{CallFacts, CallState, SubjectItem};
use vdsm_modules::wire::types;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};

const ASK: &str = "test:lab/ask";
const PLAN: &str = "test:lab/plan";
const FUNCTIONS: &[FunctionSpec] = &[
    FunctionSpec { interface: ASK, name: "open", rule: ScopeRule::Flag, step: None },
    FunctionSpec { interface: ASK, name: "name", rule: ScopeRule::Flag, step: None },
    FunctionSpec { interface: ASK, name: "mine", rule: ScopeRule::SubjectsOrAll, step: None },
    FunctionSpec { interface: PLAN, name: "touch", rule: ScopeRule::SubjectsOrAll, step: Some("lab.touch") },
    FunctionSpec { interface: PLAN, name: "put", rule: ScopeRule::Flag, step: Some("lab.put") },
];

/// The room.
struct Lab;

/// What the room makes handles of.
struct Tube;

fn step(kind: &str, parameters: Tree) -> Step {
    Step { kind: kind.into(), version: 1, parameters, needs: None, owner: Owner::Job }
}

impl Capability for Lab {
    fn package(&self) -> &'static str {
        "test:lab"
    }

    fn functions(&self) -> &'static [FunctionSpec] {
        FUNCTIONS
    }

    fn subject_kinds(&self) -> &'static [&'static str] {
        &["tube"]
    }

    fn link(&self, interface: &str, linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        let mut instance = linker.instance(&format!("{interface}@0.1.0"))?;
        if interface == ASK {
            let is_dropped = |mut store: StoreContextMut<'_, CallState>, handle| {
                store.data_mut().table().delete(Resource::<Tube>::new_own(handle))?;
                Ok(())
            };
            instance.resource("tube", ResourceType::host::<Tube>(), is_dropped)?;
            instance.func_wrap("open", |mut store: StoreContextMut<'_, CallState>, (): ()| Ok((store.data_mut().table().push(Tube)?,)))?;
            instance.func_wrap("name", |_: StoreContextMut<'_, CallState>, (): ()| Ok((String::from("lab"),)))?;
            return instance.func_wrap("mine", |store: StoreContextMut<'_, CallState>, (id,): (String,)| {
                store.data().allow(ASK, "mine", "tube", &id)?;
                Ok((0_u32,))
            });
        }
        instance.func_wrap("touch", |mut store: StoreContextMut<'_, CallState>, (id,): (String,)| {
            store.data().allow(PLAN, "touch", "tube", &id)?;
            Ok((store.data_mut().plan(step("lab.touch", Tree::text(id)))?,))
        })?;
        instance.func_wrap("put", |mut store: StoreContextMut<'_, CallState>, (value,): (types::Tree,)| {
            Ok((store.data_mut().plan(step("lab.put", value.try_into()?))?,))
        })
    }

    fn snapshot(&self, _call: &CallFacts) -> Box<dyn Any + Send> {
        Box::new(())
    }

    fn steps(&self) -> Vec<Arc<dyn StepKind>> {
        Vec::new()
    }
}

pub(crate) fn offer() -> Offer {
    Offer::new(vec![Arc::new(Lab)])
}

/// A root, a store on its disk and a registry.
pub(crate) struct House {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) root: Root,
    pub(crate) store: Store,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) registry: Arc<Registry>,
}

impl House {
    pub(crate) fn new() -> House {
        House::at(tempfile::tempdir().unwrap())
    }

    /// A house over what lies in `directory` already.
    pub(crate) fn at(directory: tempfile::TempDir) -> House {
        let root = Root::at(directory.path()).unwrap();
        for path in [root.manifests(), root.packaged_modules(), root.state()] {
            std::fs::create_dir_all(path).unwrap();
        }
        let store = open(&root.state().join("store.redb"));
        let runtime = Arc::new(Runtime::new().unwrap());
        let registry = Arc::new(Registry::new(runtime.clone(), &root, store.clone(), offer()).unwrap());
        House { directory, root, store, runtime, registry }
    }

    /// The same root after a restart.
    pub(crate) fn restarted(self) -> House {
        let House { directory, root: _, store, runtime, registry } = self;
        drop((store, runtime, registry));
        House::at(directory)
    }

    /// Writes a manifest and its component.
    pub(crate) fn install(&self, name: &str, manifest: &str, component: &[u8]) -> &House {
        std::fs::write(self.root.manifests().join(format!("{name}.toml")), manifest).unwrap();
        std::fs::write(self.root.packaged_modules().join(format!("{name}.wasm")), component).unwrap();
        self
    }

    pub(crate) async fn load(&self) -> Arc<Generation> {
        self.registry.load_all().await.unwrap()
    }
}

/// The writer of a store that was just dropped may still be closing it.
fn open(path: &Path) -> Store {
    for _ in 0..100 {
        match Store::open(path) {
            Ok(store) => return store,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    }
    Store::open(path).unwrap()
}

/// The manifest of a verb module that serves `ping`.
pub(crate) fn verb(name: &str, more: &str) -> String {
    format!("name = \"{name}\"\nkind = \"verb\"\ncomponent = \"{name}.wasm\"\n[verb]\nserves = [\"ping\"]\n{more}\n")
}

/// The manifest of a hook.
pub(crate) fn hook(name: &str, order: i32, points: &str, edit: &str, on_failure: &str) -> String {
    format!(
        "name = \"{name}\"\nkind = \"hook\"\ncomponent = \"{name}.wasm\"\norder = {order}\n[hook]\npoints = [{points}]\nedit = [{edit}]\n\
         on-failure = \"{on_failure}\"\n"
    )
}

/// Loads a component under a manifest, with nothing else around.
pub(crate) async fn load(manifest: &str, component: &[u8]) -> Result<Arc<Module>, LoadError> {
    let directory = tempfile::tempdir().unwrap();
    let components = Components::open(directory.path().to_owned(), Store::in_memory().unwrap()).unwrap();
    let digest: ComponentDigest = components.keep(component).unwrap();
    let name = manifest.split('"').nth(1).unwrap();
    let manifest = Manifest::parse(Path::new(&format!("{name}.toml")), manifest, &offer()).unwrap();
    let runtime = Arc::new(Runtime::new().unwrap());
    Module::load(runtime, &components, &offer(), manifest, digest).await.map(Arc::new)
}

/// The facts of a call about these tubes.
pub(crate) fn facts(descriptor: Option<Arc<Descriptor>>, tubes: &[&str]) -> Arc<CallFacts> {
    let items = tubes.iter().map(|id| SubjectItem { kind: "tube".into(), id: (*id).into(), lease: None }).collect();
    Arc::new(CallFacts {
        descriptor,
        arguments: Arc::new(Tree::array(|_| {})),
        subjects: vec![items],
        job: JobId("6b0a1f5e-0000-4000-8000-000000000000".into()),
        time: 1,
        seed: 2,
        client: Default::default(),
    })
}

/// Calls `ping` of a module.
pub(crate) async fn decide(module: &Arc<Module>, held: HeldTable) -> Result<Decision, CallFailure> {
    let verb = ServedVerb { module: module.clone(), descriptor: module.descriptors[0].clone() };
    let facts = facts(Some(verb.descriptor.clone()), &["mine"]);
    ModuleDecider::new(verb, facts, held).attempt(Vec::new(), None).await
}

/// The `version` a reply of [`crate::build::ping`] carries.
pub(crate) fn version(decision: &Decision) -> i32 {
    match decision {
        Decision::Reply(answer) => answer.members.root().get("version").and_then(|value| value.as_int()).unwrap(),
        other => panic!("no reply: {other:?}"),
    }
}

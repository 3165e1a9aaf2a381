//! The registry: loads manifests, keeps the current generation, swaps and rolls back, and remembers both over restarts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use vdsm_core::clock::{self, Millis};
use vdsm_core::root::Root;
use vdsm_core::store::{Store, StoreError, Table};

use crate::capability::Offer;
use crate::chain::RecentChains;
use crate::components::{ComponentDigest, ComponentError, Components};
use crate::engine::Runtime;
use crate::generation::{Generation, RefusedModule};
use crate::manifest::{self, Kind, Manifest, ManifestError};
use crate::module::{LoadError, Module};
use crate::proof::Proof;

const MODULES: Table<ModuleHistory> = Table::new("modules", 1);
/// Versions remembered of a module.
const MAX_HISTORY: usize = 20;

/// What is remembered of a module over restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleHistory {
    /// The version the operator chose; none: the packaged file.
    pub pin: Option<ComponentDigest>,
    /// What was active, newest last.
    pub versions: Vec<Version>,
}

/// A version that was or is active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Which component.
    pub digest: ComponentDigest,
    /// Since when.
    pub since: Millis,
    /// Who made it so: `package`, or the uid of the operator.
    pub by: String,
}

/// Why a change of modules is refused. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No manifest of that name.
    #[error("no module is called `{0}`")]
    Unknown(String),
    /// There is no version to go back to.
    #[error("module `{0}` has no earlier version")]
    NoEarlier(String),
    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The component is wrong.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It conflicts with another module.
    #[error("{0}")]
    Conflict(String),
    /// It cannot be read or kept.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// It cannot be remembered.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The modules of this daemon.
pub struct Registry {
    runtime: Arc<Runtime>,
    components: Components,
    offer: Offer,
    store: Store,
    manifests: PathBuf,
    packaged: PathBuf,
    current: ArcSwap<Generation>,
    changing: Mutex<()>,
    pub(crate) recent: RecentChains,
}

impl Registry {
    /// A registry without modules over the trees of `root`.
    pub fn new(runtime: Arc<Runtime>, root: &Root, store: Store, offer: Offer) -> Result<Registry, ComponentError> {
        let components = Components::open(root.state().join("modules"), store.clone())?;
        Ok(Registry {
            runtime,
            components,
            offer,
            store,
            manifests: root.manifests(),
            packaged: root.packaged_modules(),
            current: ArcSwap::default(),
            changing: Mutex::default(),
            recent: RecentChains::default(),
        })
    }

    /// The generation a call should stay on.
    pub fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Loads every manifest. What cannot be served is refused with its reason; the rest serves.
    pub async fn load_all(&self) -> std::io::Result<Arc<Generation>> {
        let _changing = self.changing.lock().await;
        let mut files: Vec<PathBuf> = match std::fs::read_dir(&self.manifests) {
            Ok(entries) => entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        let loaded = futures_util::future::join_all(files.iter().map(|file| self.load_packaged(file))).await;
        let mut modules = Vec::new();
        let mut refused = Vec::new();
        for outcome in loaded {
            match outcome {
                Ok(module) => modules.push(module),
                Err(error) => refused.push(error),
            }
        }
        let next = Arc::new(Generation::build(self.current().number + 1, modules, refused));
        for refused in next.refused() {
            tracing::error!(module = %refused.name, reason = %refused.reason, "module refused; the rest serves");
        }
        self.current.store(next.clone());
        if let Err(error) = self.prune().await {
            tracing::warn!(%error, "components that nobody remembers stay");
        }
        Ok(next)
    }

    async fn prune(&self) -> Result<(), ChangeError> {
        let histories = self.store.all(MODULES)?;
        let remembered = histories.into_iter().flat_map(|(_, history)| history.versions).map(|version| version.digest).collect();
        let components = self.components.clone();
        let pruned = blocking(move || components.prune(&remembered)).await?;
        pruned.map_err(|cause| ComponentError::File { path: self.components.directory().to_owned(), cause }.into())
    }

    async fn load_packaged(&self, file: &Path) -> Result<Arc<Module>, RefusedModule> {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let refused = |reason: String, serves: Vec<String>| RefusedModule { name: name.clone(), file: file.to_owned(), reason, serves };
        let manifest = Manifest::read(file, &self.offer).map_err(|error| refused(error.to_string(), serves_loosely(file)))?;
        let serves = match &manifest.kind {
            Kind::Verb(section) => section.serves.clone(),
            Kind::Hook(_) | Kind::Policy(_) => Vec::new(),
        };
        let reason = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let digest = self.choose(&manifest).await.map_err(|error| refused(reason(&error), serves.clone()))?;
        let loaded = Module::load(self.runtime.clone(), &self.components, &self.offer, manifest, digest).await;
        loaded.map(Arc::new).map_err(|error| refused(reason(&error), serves))
    }

    /// The version to run: the operator's pin, else the packaged file. An upgrade under a pin is logged, not applied.
    async fn choose(&self, manifest: &Manifest) -> Result<ComponentDigest, ChangeError> {
        let history = self.store.get(MODULES, &manifest.name)?.unwrap_or_default();
        let (components, file) = (self.components.clone(), self.packaged.join(&manifest.component));
        let packaged = blocking(move || Components::read_file(&file).and_then(|bytes| components.keep(&bytes))).await?;
        let Some(pin) = history.pin.clone() else {
            let digest = packaged?;
            if history.versions.last().is_none_or(|version| version.digest != digest) {
                self.remember(&manifest.name, history, digest.clone(), None, "package").await?;
            }
            return Ok(digest);
        };
        if let Ok(packaged) = packaged
            && packaged != pin
            && !history.versions.iter().any(|version| version.digest == packaged)
        {
            let (module, pin, packaged) = (&manifest.name, pin.short(), packaged.short());
            tracing::warn!(module, pin, packaged, "an upgrade is held back by the operator's pin");
        }
        Ok(pin)
    }

    async fn remember(
        &self,
        name: &str,
        mut history: ModuleHistory,
        digest: ComponentDigest,
        pin: Option<ComponentDigest>,
        by: &str,
    ) -> Result<(), StoreError> {
        history.pin = pin;
        history.versions.push(Version { digest, since: clock::now(), by: by.to_owned() });
        let surplus = history.versions.len().saturating_sub(MAX_HISTORY);
        history.versions.drain(..surplus);
        self.store.put(MODULES, name, history).await
    }

    /// What is remembered of a module.
    pub fn history(&self, name: &str) -> Result<ModuleHistory, StoreError> {
        Ok(self.store.get(MODULES, name)?.unwrap_or_default())
    }

    /// Makes `bytes` the active version of module `name`: everything is prepared aside, written down, then it is one store. Calls
    /// in flight end on the version they began with.
    pub async fn swap(&self, name: &str, bytes: &[u8], by: &str) -> Result<Arc<Module>, ChangeError> {
        let _changing = self.changing.lock().await;
        let (components, bytes) = (self.components.clone(), bytes.to_owned());
        let digest = blocking(move || components.keep(&bytes)).await??;
        self.activate(name, digest.clone(), Some(digest), by).await
    }

    /// Goes back to the version that was active before, in one step.
    pub async fn rollback(&self, name: &str, by: &str) -> Result<Arc<Module>, ChangeError> {
        let _changing = self.changing.lock().await;
        self.manifest_of(name)?;
        let history = self.history(name)?;
        let active = history.versions.last().map(|version| &version.digest);
        let earlier = history.versions.iter().rev().map(|version| &version.digest).find(|digest| Some(*digest) != active);
        let digest = earlier.cloned().ok_or_else(|| ChangeError::NoEarlier(name.to_owned()))?;
        self.activate(name, digest.clone(), Some(digest), by).await
    }

    /// Takes the operator's pin away: the packaged file is active again, and upgrades of it are followed.
    pub async fn unpin(&self, name: &str, by: &str) -> Result<Arc<Module>, ChangeError> {
        let _changing = self.changing.lock().await;
        let manifest = Manifest::read(&self.manifest_of(name)?, &self.offer)?;
        let (components, file) = (self.components.clone(), self.packaged.join(&manifest.component));
        let digest = blocking(move || Components::read_file(&file).and_then(|bytes| components.keep(&bytes))).await??;
        self.activate(name, digest, None, by).await
    }

    /// The file of module `name`, when there is one.
    fn manifest_of(&self, name: &str) -> Result<PathBuf, ChangeError> {
        let file = self.manifests.join(format!("{name}.toml"));
        if manifest::is_name(name) && file.exists() { Ok(file) } else { Err(ChangeError::Unknown(name.to_owned())) }
    }

    async fn activate(
        &self,
        name: &str,
        digest: ComponentDigest,
        pin: Option<ComponentDigest>,
        by: &str,
    ) -> Result<Arc<Module>, ChangeError> {
        let current = self.current();
        let manifest = Manifest::read(&self.manifest_of(name)?, &self.offer)?;
        let module = Arc::new(Module::load(self.runtime.clone(), &self.components, &self.offer, manifest, digest.clone()).await?);
        let others = current.modules().filter(|module| module.manifest.name != name).cloned();
        let refused = current.refused().iter().filter(|refused| refused.name != name).cloned().collect();
        let next = Generation::build(current.number + 1, others.chain([module.clone()]), refused);
        if let Some(conflict) = next.refused().iter().find(|refused| refused.name == name) {
            return Err(ChangeError::Conflict(conflict.reason.clone()));
        }
        self.remember(name, self.history(name)?, digest, pin, by).await?;
        self.current.store(Arc::new(next));
        tracing::info!(module = name, digest = module.digest.short(), by, "module is active");
        Ok(module)
    }

    /// What a manifest says, and the static proof of a component against it, without loading anything.
    pub async fn check(&self, manifest: &Path, bytes: Vec<u8>) -> Result<(Manifest, Proof), ChangeError> {
        let manifest = Manifest::read(manifest, &self.offer)?;
        let runtime = self.runtime.clone();
        let compiled = blocking(move || {
            let component = wasmtime::component::Component::new(runtime.engine(), bytes).map_err(ComponentError::Compile)?;
            Ok::<_, ComponentError>((runtime, component))
        });
        let (runtime, component) = compiled.await??;
        let proof = Proof::of(runtime.engine(), &component, &manifest.grant, &self.offer);
        Ok((manifest, proof))
    }
}

/// Runs what reads, writes or compiles files beside the runtime's own threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ChangeError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ChangeError::Conflict(format!("it ended unexpectedly: {error}")))
}

/// The verbs a manifest lists although something else in it is wrong, so that their callers hear which module is missing.
fn serves_loosely(file: &Path) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    let Some(table) = table_loosely(&text) else { return Vec::new() };
    let serves = table.get("verb").and_then(|verb| verb.get("serves")).and_then(toml::Value::as_array);
    serves.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The table of a text, without the line that is no TOML if there is one.
fn table_loosely(text: &str) -> Option<toml::Table> {
    let error = match text.parse::<toml::Table>() {
        Ok(table) => return Some(table),
        Err(error) => error,
    };
    let wrong = text.get(..error.span()?.start)?.matches('\n').count();
    let rest: Vec<&str> = text.lines().enumerate().filter(|(number, _)| *number != wrong).map(|(_, line)| line).collect();
    rest.join("\n").parse().ok()
}

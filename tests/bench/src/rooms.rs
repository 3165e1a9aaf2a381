//! The rooms in this process, put together as the daemon does over a root of their own, with clocks where no port shows the time:
//! around each round of a module, around libvirt, and a count of the calls that shape.

mod call;
mod timed;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, ensure};
use tokio::sync::mpsc;
use vdsm_core::clock;
use vdsm_core::config::{Config, is_known};
use vdsm_core::jobs::{Engine, Pace};
use vdsm_core::root::Root;
use vdsm_core::store::Store;
use vdsm_hypervisor::libvirt::sampler::{Intervals, Sampler};
use vdsm_hypervisor::libvirt::synthetic::SyntheticSource;
use vdsm_hypervisor::libvirt::{Libvirt, LibvirtConfig};
use vdsm_hypervisor::{Hypervisor, Parts};
use vdsm_modules::capability::{Capability, Offer};
use vdsm_modules::engine::Runtime;
use vdsm_modules::registry::Registry;
use vdsm_storage::StorageCapability;
use vdsm_system::facts::Places;
use vdsm_system::network::Visibility;
use vdsm_system::{Board, HostCapability, HostFs, HypervisorFacts, HypervisorView, MachineLoad, Settings};

use crate::server;
use timed::{Late, Timed};

/// Events of libvirt that may wait.
const EVENTS: usize = 1024;

/// All rooms over libvirt's test driver.
pub(crate) struct Rooms {
    pub(crate) registry: Arc<Registry>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) hypervisor: Arc<Hypervisor>,
    /// The time within libvirt.
    pub(crate) libvirt: Arc<Timed>,
    /// The calls that shaped.
    pub(crate) late: Arc<Late>,
    /// Samples figures as long as it lives.
    _host_sampler: vdsm_system::Sampler,
}

/// Makes `directory` a root with the modules that are installed in `installed`, of which only those in `names` are taken; all when it
/// is empty.
pub(crate) fn furnish(directory: &Path, installed: &Path, names: &[&str]) -> anyhow::Result<Root> {
    let _ = std::fs::remove_dir_all(directory);
    std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let (root, from) = (Root::at(directory)?, Root::at(installed)?);
    for path in [root.manifests(), root.packaged_modules(), root.state(), root.run(), root.channels()] {
        std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
    }
    for (from, to) in [(from.manifests(), root.manifests()), (from.packaged_modules(), root.packaged_modules())] {
        for entry in std::fs::read_dir(&from).with_context(|| from.display().to_string())? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if names.is_empty() || names.contains(&stem) {
                std::fs::copy(&path, to.join(path.file_name().unwrap_or_default()))?;
            }
        }
    }
    server::configure(directory)?;
    Ok(root)
}

/// A registry over `root` whose modules need no room.
pub(crate) async fn modules(root: &Root) -> anyhow::Result<Registry> {
    let store = Store::open(&root.state().join("vdsmd.redb"))?;
    let registry = Registry::new(Arc::new(Runtime::new()?), root, store, Offer::default())?;
    load(&registry).await?;
    Ok(registry)
}

async fn load(registry: &Registry) -> anyhow::Result<()> {
    let generation = registry.load_all().await?;
    ensure!(generation.refused().is_empty(), "refused: {:?}", generation.refused());
    Ok(())
}

impl Rooms {
    /// All of them, once libvirt's test driver has answered; `sampled` synthetic machines have figures.
    pub(crate) async fn open(root: &Root, sampled: usize) -> anyhow::Result<Rooms> {
        let config = Arc::new(Config::load(&root.configuration())?);
        let store = Store::open(&root.state().join("vdsmd.redb"))?;
        let uri = config.libvirt.uri.as_str().to_owned();
        let (events, heard) = mpsc::channel(EVENTS);
        let libvirt = Arc::new(Timed::new(Libvirt::start(LibvirtConfig::new(uri.clone()), events)?));
        let late = Arc::new(Late::default());
        let hypervisor = Hypervisor::start(Parts {
            store: store.clone(),
            root: root.clone(),
            boot_id: clock::boot_id().context("the identity of this boot")?,
            uri,
            domains: libvirt.clone(),
            events: heard,
            hooks: late.clone(),
            shaper: late.clone(),
            encoder: Arc::new(|array| Box::new(vdsm_xmlrpc::ArrayWriter::new(array))),
            figures: Arc::new(Sampler::start(Arc::new(SyntheticSource::new(sampled)), Intervals::default())),
        })
        .await?;
        let (host, board) = host_room(root, &config)?;
        let capabilities: Vec<Arc<dyn Capability>> =
            vec![Arc::new(hypervisor.capability()), Arc::new(StorageCapability::new(root)), Arc::new(host)];
        let steps = capabilities.iter().flat_map(|capability| capability.steps());
        let engine = Engine::new(store.clone(), steps, Pace::default(), None)?;
        let registry = Arc::new(Registry::new(Arc::new(Runtime::new()?), root, store, Offer::new(capabilities))?);
        late.set(registry.clone());
        load(&registry).await?;
        hypervisor.set_engine(engine.clone());
        ensure!(hypervisor.adopted().await, "libvirt's test driver was never there");
        let host_sampler = vdsm_system::Sampler::start(board)?;
        Ok(Rooms { registry, engine, hypervisor, libvirt, late, _host_sampler: host_sampler })
    }
}

fn host_room(root: &Root, config: &Arc<Config>) -> anyhow::Result<(HostCapability, Arc<Board>)> {
    let values = config.clone();
    let settings = Settings::new(move |name| values.get(name), is_known);
    let places = Places { host: HostFs::at("/"), own: HostFs::at(root.path()) };
    let board = Arc::new(Board::new(places, Visibility::of(&settings)));
    let boot = clock::boot_id().context("the identity of this boot")?;
    Ok((HostCapability::new(board.clone(), Arc::new(Unseen::default()), settings, &boot), board))
}

/// Machines as the host room sees them: not at all, no verb that is measured here asks.
#[derive(Default)]
struct Unseen(OnceLock<Arc<HypervisorFacts>>);

impl HypervisorView for Unseen {
    fn facts(&self) -> Arc<HypervisorFacts> {
        self.0.get_or_init(Arc::default).clone()
    }

    fn load(&self) -> MachineLoad {
        MachineLoad::default()
    }
}

//! Start and stop: configuration, store, rooms, modules, leases of written jobs, the port, then libvirt and its machines.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::select_all;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch as told};
use vdsm_core::clock;
use vdsm_core::config::{Config, is_known};
use vdsm_core::jobs::{Engine, Leftover, Pace};
use vdsm_core::logging::{Echo, LogConfig, LogHandle};
use vdsm_core::root::Root;
use vdsm_core::store::Store;
use vdsm_hypervisor::libvirt::sampler::{Intervals, Sampler};
use vdsm_hypervisor::libvirt::synthetic::SyntheticSource;
use vdsm_hypervisor::libvirt::{Libvirt, LibvirtConfig, SampleSource};
use vdsm_hypervisor::{Hypervisor, Parts};
use vdsm_modules::capability::{Capability, Offer};
use vdsm_modules::engine::Runtime;
use vdsm_modules::generation::RefusedModule;
use vdsm_modules::registry::Registry;
use vdsm_storage::StorageCapability;
use vdsm_system::facts::Places;
use vdsm_system::network::Visibility;
use vdsm_system::{Board, HostCapability, HostFs, Settings};
use vdsm_xmlrpc::{Limits, Listener, serve};

use super::control::Control;
use super::dispatch::{Dispatch, NativeVerb};
use super::late::Modules;
use super::native::Destroy;
use super::view::MachinesView;
use super::watch::Calls;
use super::{policy, probe, watch};

/// Events of libvirt that may wait; beyond that the room resyncs.
const EVENTS: usize = 1024;
/// How long the end of 99 waits for jobs of an earlier run, and for what libvirt says of the host.
const SETTLE: Duration = Duration::from_secs(10);
/// How long stopping may take for each part.
const STOP: Duration = Duration::from_secs(10);

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// The root of all our trees.
    pub root: PathBuf,
    /// Log levels in `tracing`'s notation.
    pub log_level: String,
    /// Whether the log is shown on stderr as well.
    pub echo: Echo,
    /// Statistics of so many made-up machines instead of libvirt's, for benchmarks.
    pub synthetic_samples: Option<usize>,
}

/// Everything that lives as long as the daemon.
struct Daemon {
    root: Root,
    config: Arc<Config>,
    registry: Arc<Registry>,
    engine: Arc<Engine>,
    dispatch: Arc<Dispatch>,
    hypervisor: Arc<Hypervisor>,
    libvirt: Libvirt,
    sampler: Sampler,
    board: Arc<Board>,
    host_sampler: vdsm_system::Sampler,
    view: Arc<MachinesView>,
    leftover: Leftover,
}

/// Runs the daemon until it is told to stop. Errors are reasons not to start.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let root = Root::at(&options.root).with_context(|| format!("the root {}", options.root.display()))?;
    let config = Arc::new(configuration(&root)?);
    directories(&root)?;
    let log = vdsm_core::logging::init(&LogConfig { directory: root.log(), level: options.log_level.clone(), echo: options.echo })?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let daemon = assemble(root, config, &options).await?;
    daemon.serve(log).await
}

fn configuration(root: &Root) -> anyhow::Result<Config> {
    let config = Config::load(&root.configuration())?;
    if config.vars.ssl {
        bail!("{}: ssl = true, but this version serves no TLS: write `ssl = false` in section [vars]", config.place("vars.ssl"));
    }
    Ok(config)
}

fn directories(root: &Root) -> anyhow::Result<()> {
    for (directory, mode) in [
        (root.state(), 0o755),
        (root.run(), 0o755),
        (root.log(), 0o755),
        (root.repository(), 0o755),
        (root.sockets(), 0o755),
        (root.channels(), 0o755),
    ] {
        let made = std::fs::DirBuilder::new().recursive(true).mode(mode).create(&directory);
        made.with_context(|| format!("the directory {}", directory.display()))?;
    }
    Ok(())
}

async fn assemble(root: Root, config: Arc<Config>, options: &Options) -> anyhow::Result<Daemon> {
    let store = Store::open(&root.state().join("vdsmd.redb"))?;
    let uri = config.libvirt.uri.as_str().to_owned();
    let (events, heard) = mpsc::channel(EVENTS);
    let libvirt = Libvirt::start(LibvirtConfig::new(uri.clone()), events)?;
    let source: Arc<dyn SampleSource> = match options.synthetic_samples {
        Some(count) => Arc::new(SyntheticSource::new(count)),
        None => Arc::new(libvirt.clone()),
    };
    let sampler = Sampler::start(source, Intervals::default());
    let modules = Arc::new(Modules::default());
    let hypervisor = Hypervisor::start(Parts {
        store: store.clone(),
        root: root.clone(),
        boot_id: clock::boot_id().context("the identity of this boot")?,
        uri,
        domains: Arc::new(libvirt.clone()),
        events: heard,
        hooks: modules.clone(),
        shaper: modules.clone(),
        encoder: Arc::new(|array| Box::new(vdsm_xmlrpc::ArrayWriter::new(array))),
        figures: Arc::new(sampler.clone()),
    })
    .await?;
    let view = Arc::new(MachinesView::new(config.vars.guest_ram_overhead));
    view.set(hypervisor.clone());
    let (host, board) = host_room(&root, &config, view.clone())?;
    let capabilities: Vec<Arc<dyn Capability>> =
        vec![Arc::new(hypervisor.capability()), Arc::new(StorageCapability::new(&root)), Arc::new(host)];
    let steps = capabilities.iter().flat_map(|capability| capability.steps());
    let engine = Engine::new(store.clone(), steps, Pace::default(), probe::from_environment())?;
    let leftover = engine.reclaim()?;
    let registry = Arc::new(Registry::new(Arc::new(Runtime::new()?), &root, store, Offer::new(capabilities))?);
    modules.set(registry.clone());
    view.set_modules(registry.clone());
    let generation = registry.load_all().await.context("the manifests")?;
    tracing::info!(modules = generation.modules().count(), refused = generation.refused().len(), "modules are loaded");
    generation.refused().iter().for_each(say_refused);
    // Opens adoption: from here on the room may run hooks and take back what machines keep.
    hypervisor.set_engine(engine.clone());
    let native: Vec<Arc<dyn NativeVerb>> = vec![Arc::new(Destroy::new(hypervisor.clone())?)];
    let dispatch = Arc::new(Dispatch::new(registry.clone(), engine.clone(), native, libvirt.status()));
    let host_sampler = vdsm_system::Sampler::start(board.clone()).context("the host sampler")?;
    Ok(Daemon { root, config, registry, engine, dispatch, hypervisor, libvirt, sampler, board, host_sampler, view, leftover })
}

fn host_room(root: &Root, config: &Arc<Config>, view: Arc<MachinesView>) -> anyhow::Result<(HostCapability, Arc<Board>)> {
    let values = config.clone();
    let settings = Settings::new(move |name| values.get(name), is_known);
    let places = Places { host: HostFs::at("/"), own: HostFs::at(root.path()) };
    let board = Arc::new(Board::new(places, Visibility::of(&settings)));
    let boot = clock::boot_id().context("the identity of this boot")?;
    Ok((HostCapability::new(board.clone(), view, settings, &boot), board))
}

impl Daemon {
    async fn serve(self, log: LogHandle) -> anyhow::Result<()> {
        let (stop, stopped) = told::channel(false);
        let address = (self.config.addresses.management_ip.to_string(), self.config.addresses.management_port);
        let port = TcpListener::bind(address.clone()).await.with_context(|| format!("the port {}:{}", address.0, address.1))?;
        let local = port.local_addr().context("the port")?;
        let control = self.control_listener()?;
        let control_service = Arc::new(Control::new(self.registry.clone(), self.engine.clone(), self.dispatch.clone()));
        let mut servers = [
            tokio::spawn(serve(Listener::from(port), self.dispatch.clone(), Limits::default(), until(stopped.clone()))),
            tokio::spawn(serve(Listener::from(control), control_service, Limits::default(), until(stopped))),
        ];
        announce(local);
        tracing::info!(address = %local, root = %self.root.path().display(), "listening");
        let Daemon { root, config, registry, engine, dispatch, hypervisor, libvirt, sampler, board, host_sampler, view, leftover } = self;
        let mut policies = tokio::spawn(policy::tick(registry, hypervisor.clone(), board, dispatch.clone()));
        let mut facts = tokio::spawn(view.clone().follow(libvirt.clone()));
        let mut recovery = tokio::spawn(recover(engine, dispatch, hypervisor.clone(), view, leftover));
        let calls = if config.libvirt.uri.is_embedded() { Calls::Embedded } else { Calls::Remote };
        // No loop may end unseen: what would be half a daemon ends whole, and is started again.
        let reason = tokio::select! {
            told = told_to_stop() => told.map(|()| None)?,
            _ = select_all(&mut servers) => Some("a port is not served any more"),
            () = watch::panicked(&mut recovery) => Some("recovery broke off"),
            () = sampler.ended() => Some("nothing takes statistics any more"),
            why = watch::threads(&libvirt, calls, &host_sampler) => Some(why),
            _ = &mut policies => Some("the clock of policies has ended"),
            _ = &mut facts => Some("nothing follows libvirt's facts any more"),
            () = hypervisor.ended() => Some("nothing follows libvirt's events any more"),
        };
        tracing::info!(reason = reason.unwrap_or("told to"), "stopping; machines run on");
        stop.send_replace(true);
        recovery.abort();
        policies.abort();
        facts.abort();
        for server in servers.into_iter().filter(|server| !server.is_finished()) {
            // It ended or it did not in time; either way the port is closed with the process.
            let _ = tokio::time::timeout(STOP, server).await;
        }
        hypervisor.stop().await;
        // A libvirt that hangs is left to the end of the process.
        let _ = tokio::time::timeout(STOP, libvirt.close()).await;
        host_sampler.stop();
        leave(&root);
        log.shutdown(STOP).context("the log")?;
        reason.map_or(Ok(()), |reason| Err(anyhow::anyhow!(reason)))
    }

    /// The control socket: ours alone, and gone with its last owner.
    fn control_listener(&self) -> anyhow::Result<UnixListener> {
        let path = self.root.control_socket();
        // What lies there belongs to a daemon that has gone: the store, which only one can have open, is ours.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).context(path.display().to_string()),
            _ => {}
        }
        let listener = UnixListener::bind(&path).with_context(|| format!("the control socket {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).context("the control socket")?;
        Ok(listener)
    }
}

/// Takes the control socket away, and the directories of our sockets when no machine has one in them.
fn leave(root: &Root) {
    // What is not there or not empty stays as it is.
    let _ = std::fs::remove_file(root.control_socket());
    if !root.is_system() {
        let _ = std::fs::remove_dir(root.channels());
        let _ = std::fs::remove_dir(root.sockets());
    }
}

/// What is refused keeps only itself from serving; whoever starts the daemon is told, since a hook that is missing forbids nothing.
#[allow(clippy::print_stderr)]
fn say_refused(module: &RefusedModule) {
    eprintln!("vdsmd: module {} is refused and does not serve: {}", module.name, module.reason);
}

/// The first line on standard output: where to call.
#[allow(clippy::print_stdout)]
fn announce(local: std::net::SocketAddr) {
    println!("listening on http://{local}/");
}

async fn until(mut stopped: told::Receiver<bool>) {
    // An error means that the daemon is gone: then it is time as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn told_to_stop() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Storage first, it waits for nobody; then the machines, once libvirt answers; then 99 ends. A job that takes its time holds what it
/// holds, and nobody else up.
async fn recover(engine: Arc<Engine>, dispatch: Arc<Dispatch>, hypervisor: Arc<Hypervisor>, view: Arc<MachinesView>, leftover: Leftover) {
    let leftover = engine.settle_leftover(leftover, |kind| kind.starts_with("storage."), SETTLE).await;
    if !hypervisor.adopted().await {
        return;
    }
    engine.settle_leftover(leftover, |_| true, SETTLE).await;
    hypervisor.concluded(SETTLE).await;
    if tokio::time::timeout(SETTLE, view.known()).await.is_err() {
        tracing::warn!("libvirt does not tell yet what this host can do; it is served without");
    }
    dispatch.recovered();
    tracing::info!(machines = hypervisor.machines().len(), "recovered");
}

//! libvirt: the connection, its events, and every call we make, each where it can delay nobody else.
//!
//! [`Libvirt`] is the one handle. What libvirt says unasked arrives as [`Event`]s in a bounded channel; what is asked of it runs in
//! [`lanes`] with deadlines; what is measured again and again is taken by the [`sampler`] and read from memory. Nothing here knows
//! what a VM of ours is: that is the VM room's.

mod calls;
mod config;
mod connection;
mod cpu_models;
mod domain;
mod embed;
mod error;
mod event;
mod event_loop;
mod ffi;
pub mod lanes;
mod machines;
mod pid;
mod planner;
pub mod sampler;
mod samples;
mod sink;
mod stats;
mod supervisor;
pub mod synthetic;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use config::{Deadlines, LibvirtConfig, StartError};
pub use domain::{DomainInfo, DomainState, Killed, PausedReason, ShutoffReason, StartMode};
pub use error::CallError;
pub use event::{
    BlockJobKind, BlockJobStatus, Event, GraphicsPhase, IoErrorAction, Lifecycle, Resumed, Shutdown, Started, Stopped, Suspended,
    WatchdogAction,
};
pub use samples::{Sample, SampleSource, Samples, VmSamples};
pub use stats::{BalloonStats, BlockStats, CpuTimes, DomainStats, InterfaceStats, Requests, StatsGroups, Traffic, VcpuStats};
pub use supervisor::Status;

use connection::Connection;
use lanes::{LaneStats, Lanes};
use sink::EventSink;
use supervisor::Supervisor;

/// libvirt, as the rest of the program calls it. Clones share one connection; when the last is gone it is given up.
#[derive(Clone)]
pub struct Libvirt(Arc<Inner>);

/// CPU models with the epoch of the connection that said so.
type CpuModelCache = tokio::sync::Mutex<Option<(u64, Arc<[String]>)>>;

struct Inner {
    config: LibvirtConfig,
    lanes: Lanes,
    current: Arc<ArcSwapOption<Connection>>,
    status: watch::Receiver<Status>,
    stop: watch::Sender<bool>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    cpu_models: CpuModelCache,
    /// The epoch in which libvirt was seen to know the host's capabilities.
    warm: tokio::sync::Mutex<u64>,
}

/// How libvirt does, for people and for the daemon's own decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Threads and calls.
    pub lanes: LaneStats,
    /// How long ago the event loop last showed that it runs; well under two seconds when all is well.
    pub event_loop_age: Duration,
}

/// What came of [`silence_log`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSilence {
    /// libvirt prints nothing in this process.
    Silent,
    /// The operator has said where libvirt's log is to go; it goes there.
    AsConfigured,
    /// Other threads run already: libvirt prints warnings of drivers within this process to stderr.
    TooLate,
}

/// Keeps libvirt's own log off stderr; to be called first of all in `main`, before any thread begins.
///
/// Errors are values here and need no log. What is left are warnings of the embedded driver, which only `LIBVIRT_LOG_OUTPUTS` in the
/// environment can direct elsewhere, and libvirt reads that once.
pub fn silence_log() -> LogSilence {
    const OUTPUTS: &str = "LIBVIRT_LOG_OUTPUTS";
    if std::env::var_os(OUTPUTS).is_some() {
        LogSilence::AsConfigured
    } else if ffi::set_variable_alone(OUTPUTS, "4:file:/dev/null") {
        LogSilence::Silent
    } else {
        LogSilence::TooLate
    }
}

impl Libvirt {
    /// Begins to connect as `config` says, within a tokio runtime. Events, the connection's own too, go to `events`; a receiver that
    /// falls behind gets [`Event::Lost`] in the place of those that found no room.
    pub fn start(config: LibvirtConfig, events: mpsc::Sender<Event>) -> Result<Libvirt, StartError> {
        check_uri(&config.uri)?;
        let runtime = tokio::runtime::Handle::try_current().map_err(StartError::Runtime)?;
        event_loop::ensure()?;

        let begin = Status::Connecting { since: Instant::now(), reason: "not connected yet".to_owned() };
        let (status, status_seen) = watch::channel(begin);
        let (stop, stopped) = watch::channel(false);
        let (lanes, current, sink) = (Lanes::new(), Arc::new(ArcSwapOption::empty()), EventSink::new(events));
        let supervisor = Supervisor {
            config: config.clone(),
            lanes: lanes.clone(),
            events: Arc::clone(&sink),
            current: Arc::clone(&current),
            status,
            stop: stopped,
        };
        let supervisor = Mutex::new(Some(runtime.spawn(async move {
            tokio::select! {
                () = supervisor.run() => {}
                () = sink.report_losses() => {}
            }
        })));
        let (cpu_models, warm) = (CpuModelCache::default(), tokio::sync::Mutex::new(0));
        Ok(Libvirt(Arc::new(Inner { config, lanes, current, status: status_seen, stop, supervisor, cpu_models, warm })))
    }

    /// Whether libvirt can be called, and each change of it.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.0.status.clone()
    }

    /// How libvirt does.
    pub fn health(&self) -> Health {
        Health { lanes: self.0.lanes.stats(), event_loop_age: event_loop::age() }
    }

    /// The URI, as configured.
    pub fn uri(&self) -> &str {
        &self.0.config.uri
    }

    /// Gives the connection up: no further events, every later call answers [`CallError::Disconnected`].
    pub async fn close(&self) {
        self.0.stop.send_replace(true);
        let supervisor = self.0.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = supervisor
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the libvirt connection's task did not end well");
        }
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.0.lanes
    }

    fn deadlines(&self) -> &Deadlines {
        &self.0.config.deadlines
    }

    fn cpu_model_cache(&self) -> &CpuModelCache {
        &self.0.cpu_models
    }

    fn warm_epoch(&self) -> &tokio::sync::Mutex<u64> {
        &self.0.warm
    }

    fn connection(&self) -> Result<Arc<Connection>, CallError> {
        self.0.current.load_full().ok_or_else(|| {
            CallError::Disconnected(match &*self.0.status.borrow() {
                Status::Connecting { reason, .. } => reason.clone(),
                Status::Up { .. } => "the connection is being changed".to_owned(),
            })
        })
    }
}

fn check_uri(uri: &str) -> Result<(), StartError> {
    if uri.is_empty() {
        return Err(StartError::Uri("empty: libvirt would guess one".to_owned()));
    }
    if uri.contains('\0') {
        return Err(StartError::Uri("a zero byte within".to_owned()));
    }
    if embed::root(uri).is_some_and(|root| !root.is_absolute()) {
        return Err(StartError::Uri(format!("{uri}: root is to be an absolute directory")));
    }
    Ok(())
}

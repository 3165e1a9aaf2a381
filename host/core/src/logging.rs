//! The log that people read: VDSM's line format, from `tracing`, without ever making anybody wait.
//!
//! A line is `thread::LEVEL::time::module::line::logger::(span) message field=value [span field=value]`, time in UTC. Each sink has a
//! bounded queue and a thread of its own. A full queue loses its least important lines first, and says so in one line once it can
//! write again; a warning that repeats is written once an interval, with a count. The file is followed when logrotate moves it.

mod line;
mod queue;
mod repeat;
mod sink;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use line::LogLayer;
pub use sink::{FileSink, Sink, StderrSink};

use queue::Queue;

/// The name of the log in its directory; VDSM's.
pub const FILE_NAME: &str = "vdsm.log";

/// Whether the log is shown on stderr as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// Only the file.
    Off,
    /// Stderr too, as in the foreground.
    Stderr,
}

/// What to log, and where.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// The directory of [`FILE_NAME`]; made when it is not there.
    pub directory: PathBuf,
    /// Levels in `tracing`'s notation: `info`, `info,vdsm_core=debug`.
    pub level: String,
    /// Whether to show it on stderr as well.
    pub echo: Echo,
}

/// What the log may hold at most, and its rhythm.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Lines that wait for one sink.
    pub lines: usize,
    /// Bytes that wait for one sink.
    pub bytes: usize,
    /// How long equal warnings are counted instead of written.
    pub repeat: Duration,
    /// How long to leave a sink alone that refused.
    pub retry: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { lines: 8192, bytes: 4 << 20, repeat: Duration::from_secs(60), retry: Duration::from_secs(1) }
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The directory or file cannot be made.
    #[error("the log {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The levels cannot be read.
    #[error("log level `{level}`: {source}")]
    Level {
        /// As given.
        level: String,
        /// What is wrong.
        source: ParseError,
    },
    /// The kernel gave no thread.
    #[error("the log has no thread to write: {0}")]
    Thread(#[source] std::io::Error),
    /// The process logs elsewhere already.
    #[error(transparent)]
    Installed(#[from] TryInitError),
}

/// Lines that were not written in time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} lines of the log were not written in time")]
pub struct Unwritten(pub usize);

/// Ends the log. Dropping it ends nothing: lines go on being written.
#[derive(Debug)]
pub struct LogHandle {
    queues: Vec<Arc<Queue>>,
}

impl LogHandle {
    /// Waits, at most `limit`, until what was logged before is written.
    pub fn flush(&self, limit: Duration) -> Result<(), Unwritten> {
        let until = Instant::now() + limit;
        let left: usize = self.queues.iter().map(|queue| queue.wait_until_written(until)).sum();
        if left == 0 { Ok(()) } else { Err(Unwritten(left)) }
    }

    /// Writes what is left, at most for `limit`; nothing is logged after it.
    pub fn shutdown(self, limit: Duration) -> Result<(), Unwritten> {
        for queue in &self.queues {
            queue.close();
        }
        self.flush(limit)
    }
}

/// A layer that writes to `sinks`, each through a queue and a thread of its own.
pub fn layer(sinks: Vec<Box<dyn Sink>>, limits: Limits) -> Result<(LogLayer, LogHandle), LoggingError> {
    let mut queues = Vec::new();
    for sink in sinks {
        let queue = Arc::new(Queue::new(limits));
        writer::start(queue.clone(), sink, limits.retry).map_err(LoggingError::Thread)?;
        queues.push(queue);
    }
    Ok((LogLayer::new(queues.clone()), LogHandle { queues }))
}

/// Makes this the log of the process.
pub fn init(config: &LogConfig) -> Result<LogHandle, LoggingError> {
    let filter = EnvFilter::builder().parse(&config.level).map_err(|source| LoggingError::Level { level: config.level.clone(), source })?;
    let path = config.directory.join(FILE_NAME);
    let open = || {
        std::fs::create_dir_all(&config.directory)?;
        FileSink::open(&path)
    };
    let file = open().map_err(|source| LoggingError::Open { path: path.clone(), source })?;
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(file)];
    if config.echo == Echo::Stderr {
        sinks.push(Box::new(StderrSink));
    }
    let (layer, handle) = layer(sinks, Limits::default())?;
    tracing_subscriber::registry().with(filter).with(layer).try_init()?;
    Ok(handle)
}

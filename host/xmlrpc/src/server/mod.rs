//! The HTTP server: who may ask, how much and how long, and the one way from a request to its reply.
//!
//! What a method does is the [`Service`]'s. TLS has its seam in `listen::admit`: a handshake between accepting a stream and
//! handing it to `connection::run`, which takes any `AsyncRead + AsyncWrite`.

mod connection;
mod dispatch;
mod listen;
mod request;
mod stall;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use vdsm_core::descriptor::ArgumentPath;
use vdsm_core::held::HeldTable;
use vdsm_core::tree::Tree;

use crate::decode::MAX_BODY;
use crate::fault::Fault;

pub use listen::serve;

/// Who speaks to us over a unix socket, as the kernel vouches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User id of the peer.
    pub uid: u32,
    /// Process id of the peer, where the system tells.
    pub pid: Option<i32>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Address of the peer without a port, an IPv4 one always in its own form; `unix` over a unix socket.
    pub peer: String,
    /// Our address that the peer spoke to, without a port; `unix` over a unix socket.
    pub local: String,
    /// The `FlowID` header: a correlation id of the manager.
    pub flow_id: Option<String>,
    /// Over a unix socket only.
    pub credentials: Option<Credentials>,
}

/// A call to be answered.
#[derive(Debug)]
pub struct MethodCall {
    /// The method's name as sent.
    pub method: String,
    /// One array of the positional arguments.
    pub arguments: Tree,
    /// The secrets among them; reply and call share one table.
    pub held: HeldTable,
    /// Who calls.
    pub caller: Caller,
    /// When the request had arrived whole.
    pub arrived: Instant,
}

/// What is answered.
#[derive(Debug)]
pub struct Reply {
    /// The whole struct, `status` included.
    pub value: Tree,
    /// Where its held values are.
    pub held: HeldTable,
}

/// What answers calls.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Paths of the secret arguments of `method`; none for a method that is not known.
    fn secrets(&self, method: &str) -> Arc<[ArgumentPath]>;

    /// Each well-formed request passes here before it is dispatched: the connectivity check of a network change waits for one.
    fn seen(&self, caller: &Caller);

    /// Answers. It runs to its end even when the caller is gone.
    async fn call(&self, call: MethodCall) -> Result<Reply, Fault>;
}

/// Where to listen. The unix socket's file (its directory, mode and removal) belongs to who bound it.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A unix socket; callers have [`Credentials`].
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Listener {
        Listener::Unix(listener)
    }
}

/// What a listener grants its clients.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest request body in bytes; [`MAX_BODY`] at most.
    pub body: usize,
    /// Open connections; more wait in the kernel's queue.
    pub connections: usize,
    /// Calls being answered; more wait.
    pub requests: usize,
    /// Memory for bodies above 64 KiB that are being read or wait to be decoded, in bytes, all connections together; more wait.
    pub buffered: usize,
    /// From the end of one reply (or the start of the connection) to the end of the next request's headers.
    pub headers: Duration,
    /// Between two pieces of a body.
    pub body_idle: Duration,
    /// For a whole body.
    pub body_total: Duration,
    /// While the client takes nothing of a reply.
    pub write_stall: Duration,
    /// How long what a refused client still sends is read and thrown away, so that it sees the refusal.
    pub linger: Duration,
    /// How long a shutdown waits for calls being answered.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body: MAX_BODY,
            connections: 512,
            requests: 128,
            buffered: 256 << 20,
            headers: Duration::from_secs(60),
            body_idle: Duration::from_secs(20),
            body_total: Duration::from_secs(120),
            write_stall: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            drain: Duration::from_secs(10),
        }
    }
}

/// What all connections of a listener share.
struct Shared {
    service: Arc<dyn Service>,
    limits: Limits,
    /// One permit a call being answered.
    requests: Arc<Semaphore>,
    /// One permit a KiB of large bodies.
    buffers: Arc<Semaphore>,
}

/// Bytes a permit of [`Shared::buffers`] stands for.
const BUFFER_UNIT: usize = 1024;

impl Shared {
    fn new(service: Arc<dyn Service>, mut limits: Limits) -> Shared {
        limits.body = limits.body.min(MAX_BODY);
        // A body that fits the limit must fit the memory, or it would wait for ever.
        limits.buffered = limits.buffered.max(limits.body);
        limits.requests = limits.requests.clamp(1, Semaphore::MAX_PERMITS);
        limits.connections = limits.connections.clamp(1, Semaphore::MAX_PERMITS);
        let units = limits.buffered.div_ceil(BUFFER_UNIT).min(Semaphore::MAX_PERMITS);
        Shared { service, requests: Arc::new(Semaphore::new(limits.requests)), buffers: Arc::new(Semaphore::new(units)), limits }
    }
}

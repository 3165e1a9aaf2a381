//! The client: one call, one reply, over a connection that is kept for the next call.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use vdsm_core::tree::Tree;

use crate::decode::{Answer, DecodeError, MAX_BODY, decode_response};
use crate::encode::{EncodeError, encode_request};
use crate::fault::Fault;

/// Connections kept open between calls.
const KEPT: usize = 8;

/// How long a client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// From the request to the end of its reply.
    pub reply: Duration,
}

impl Default for Timeouts {
    /// What a manager of VDSM's age allows: 2 s and 180 s.
    fn default() -> Timeouts {
        Timeouts { connect: Duration::from_secs(2), reply: Duration::from_secs(180) }
    }
}

/// Why a call has no value.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no connection; nothing was asked.
    #[error("cannot connect to {address}")]
    Connect {
        /// Who was to be asked.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Nothing came in time: of a connection (then nothing was asked) or of a reply (then it is not known what came of the call).
    #[error("no {what} within {} s", .after.as_secs_f64())]
    Timeout {
        /// `connection` or `reply`.
        what: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The connection broke; whether the call was carried out is not known.
    #[error("the connection broke")]
    Http(#[from] hyper::Error),
    /// An answer that is no XML-RPC.
    #[error("the server answered HTTP {status}: {text}")]
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// The start of the body.
        text: String,
    },
    /// The reply is larger than [`MAX_BODY`].
    #[error("the reply is larger than {MAX_BODY} bytes")]
    TooLarge,
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The reply is not understood.
    #[error("the reply is not understood")]
    Decode(#[from] DecodeError),
    /// The arguments cannot be sent.
    #[error("the arguments cannot be sent")]
    Encode(#[from] EncodeError),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp(host, port) => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Calls one server. Calls may run at once, each over a connection of its own.
#[derive(Debug)]
pub struct Client {
    address: Address,
    timeouts: Timeouts,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Client {
    /// A client of a TCP port; connects with the first call.
    pub fn tcp(host: impl Into<String>, port: u16) -> Client {
        Client::new(Address::Tcp(host.into(), port))
    }

    /// A client of a unix socket; connects with the first call.
    pub fn unix(path: impl Into<PathBuf>) -> Client {
        Client::new(Address::Unix(path.into()))
    }

    fn new(address: Address) -> Client {
        Client { address, timeouts: Timeouts::default(), idle: Mutex::default() }
    }

    /// The same client with other timeouts.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Client {
        Client { timeouts, ..self }
    }

    /// Calls `method` with `arguments`, one array of the positional arguments, and gives the returned value.
    pub async fn call(&self, method: &str, arguments: &Tree) -> Result<Tree, CallError> {
        let body = Bytes::from(encode_request(method, arguments)?);
        let (connection, response) = self.send(body).await?;
        let status = response.status();
        let document = self.in_time(receive(response)).await??;
        if status != StatusCode::OK {
            let text = String::from_utf8_lossy(document.get(..document.len().min(200)).unwrap_or(&[])).into_owned();
            return Err(CallError::Status { status, text });
        }
        self.keep(connection);
        match decode_response(&document)? {
            Answer::Value(value) => Ok(value),
            Answer::Fault(fault) => Err(fault.into()),
        }
    }

    /// Sends over a kept connection, or a new one when that turns out to be closed before anything was sent.
    async fn send(&self, body: Bytes) -> Result<(SendRequest<Full<Bytes>>, Response<Incoming>), CallError> {
        while let Some(mut kept) = self.take_kept() {
            match self.in_time(kept.try_send_request(self.request(body.clone()))).await? {
                Ok(response) => return Ok((kept, response)),
                Err(error) if error.message().is_some() => {}
                Err(error) => return Err(error.into_error().into()),
            }
        }
        let mut fresh = self.connect().await?;
        let response = self.in_time(fresh.send_request(self.request(body))).await??;
        Ok((fresh, response))
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static("/RPC2");
        let host = match &self.address {
            Address::Tcp(..) => HeaderValue::try_from(self.address.to_string()).ok(),
            Address::Unix(_) => None,
        };
        request.headers_mut().insert(HOST, host.unwrap_or(HeaderValue::from_static("localhost")));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        request
    }

    async fn in_time<T>(&self, reply: impl Future<Output = T>) -> Result<T, CallError> {
        let after = self.timeouts.reply;
        timeout(after, reply).await.map_err(|_| CallError::Timeout { what: "reply", after })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, CallError> {
        let after = self.timeouts.connect;
        timeout(after, self.open()).await.map_err(|_| CallError::Timeout { what: "connection", after })?
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, CallError> {
        let failed = |source| CallError::Connect { address: self.address.to_string(), source };
        match &self.address {
            Address::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
                stream.set_nodelay(true).map_err(failed)?;
                handshake(stream).await
            }
            Address::Unix(path) => handshake(UnixStream::connect(path).await.map_err(failed)?).await,
        }
    }

    fn take_kept(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.is_closed());
        idle.pop()
    }

    fn keep(&self, connection: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT && !connection.is_closed() {
            idle.push(connection);
        }
    }
}

/// TLS would wrap `stream` before this.
async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, CallError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new().title_case_headers(true).handshake(TokioIo::new(stream)).await?;
    // It ends with the sender; what goes wrong is told to the call that waits.
    tokio::spawn(connection);
    Ok(sender)
}

async fn receive(response: Response<Incoming>) -> Result<Bytes, CallError> {
    let mut body = response.into_body();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if all.len().saturating_add(data.len()) > MAX_BODY {
            return Err(CallError::TooLarge);
        }
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}

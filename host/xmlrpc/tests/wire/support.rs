//! A service with a little of everything, a server around it, and raw HTTP to say what no proper client says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use vdsm_core::descriptor::ArgumentPath;
use vdsm_core::held::HeldTable;
use vdsm_core::tree::Tree;
use vdsm_xmlrpc::{Caller, Fault, Limits, Listener, MethodCall, Reply, Service, serve};

/// Answers `echo`, `big`, `nil`, `panic`, `wait` (until [`Sampler::go`]) and refuses the rest.
#[derive(Default)]
pub(crate) struct Sampler {
    pub(crate) seen: Mutex<Vec<Caller>>,
    pub(crate) go: Notify,
    pub(crate) began: Notify,
    pub(crate) finished: AtomicUsize,
}

#[async_trait]
impl Service for Sampler {
    fn secrets(&self, method: &str) -> Arc<[ArgumentPath]> {
        if method == "secret" { Arc::from([ArgumentPath::parse("0").unwrap()]) } else { Arc::from([]) }
    }

    fn seen(&self, caller: &Caller) {
        self.seen.lock().unwrap().push(caller.clone());
    }

    async fn call(&self, call: MethodCall) -> Result<Reply, Fault> {
        let value = match call.method.as_str() {
            "echo" => call.arguments,
            "secret" => Tree::int(i32::from(call.arguments.root().item(0).unwrap().as_held().is_some())),
            "big" => Tree::text("x".repeat(20 << 20)),
            "nil" => Tree::nil(),
            "panic" => panic!("as the test asked"),
            "wait" => {
                self.began.notify_one();
                self.go.notified().await;
                self.finished.fetch_add(1, Ordering::SeqCst);
                Tree::int(1)
            }
            other => return Err(Fault::not_supported(other)),
        };
        Ok(Reply { value, held: HeldTable::new() })
    }
}

pub(crate) struct Running {
    pub(crate) service: Arc<Sampler>,
    pub(crate) port: u16,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) ended: JoinHandle<()>,
}

pub(crate) async fn start(limits: Limits) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = Arc::new(Sampler::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let shared = Arc::clone(&service) as Arc<dyn Service>;
    let ended = tokio::spawn(serve(Listener::from(listener), shared, limits, async { _ = stopped.await }));
    Running { service, port, stop, ended }
}

impl Running {
    pub(crate) async fn connect(&self) -> Raw {
        Raw { stream: TcpStream::connect(("127.0.0.1", self.port)).await.unwrap() }
    }
}

/// One connection spoken to by hand.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn post(&mut self, page: &str, headers: &str, body: &str) -> (u16, String, String) {
        self.send(&format!("POST {page} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())).await;
        self.answer().await
    }

    /// Status, head and body of the next response.
    pub(crate) async fn answer(&mut self) -> (u16, String, String) {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.more(&mut bytes).await > 0, "closed within the head: {:?}", String::from_utf8_lossy(&bytes));
        };
        let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
        let length: usize = field(&text, "content-length").expect("a content-length").parse().unwrap();
        while bytes.len() < head + length {
            assert!(self.more(&mut bytes).await > 0, "closed within the body");
        }
        let status = text[9..12].parse().unwrap();
        (status, text, String::from_utf8(bytes[head..].to_vec()).unwrap())
    }

    async fn more(&mut self, bytes: &mut Vec<u8>) -> usize {
        tokio::time::timeout(Duration::from_secs(10), self.stream.read_buf(bytes)).await.expect("an answer in time").unwrap()
    }

    /// Whether the server closes within `limit`.
    pub(crate) async fn closes_within(&mut self, limit: Duration) -> bool {
        let mut bytes = Vec::new();
        tokio::time::timeout(limit, async { while matches!(self.stream.read_buf(&mut bytes).await, Ok(1..)) {} }).await.is_ok()
    }
}

pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().filter_map(|line| line.split_once(": ")).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

pub(crate) fn call(method: &str) -> String {
    format!("<methodCall><methodName>{method}</methodName><params><param><value>a</value></param></params></methodCall>")
}

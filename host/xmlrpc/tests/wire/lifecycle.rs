//! Clients that go away, limits on how many, and the orderly end. Rung: mock host.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use vdsm_xmlrpc::Limits;

use crate::support::{Running, call, start};

async fn within<T>(limit: Duration, what: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, what).await.expect("in time")
}

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_thousand_aborted_connections_do_not_end_the_listener() {
    let server = start(Limits::default()).await;
    for number in 0..1000 {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        match number % 3 {
            0 => {}
            1 => stream.write_all(b"POST / HTTP/1.1\r\nContent-Le").await.unwrap(),
            _ => stream.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n<methodCall>").await.unwrap(),
        }
        // Closing with a reset, as a client that dies does.
        stream.set_zero_linger().unwrap();
    }
    let (status, ..) = within(SOON, async { server.connect().await.post("/", "", &call("echo")).await }).await;
    assert_eq!(status, 200);
}

/// Sends a call that waits and hangs up once it is being answered.
async fn hang_up_during_a_call(server: &Running) {
    let mut client = server.connect().await;
    let body = call("wait");
    client.send(&format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
    within(SOON, server.service.began.notified()).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_nothing() {
    let server = start(Limits::default()).await;
    hang_up_during_a_call(&server).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.service.go.notify_one();
    within(SOON, async {
        while server.service.finished.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_and_hanging_up_makes_no_room() {
    let server = Arc::new(start(Limits { requests: 1, ..Limits::default() }).await);
    hang_up_during_a_call(&server).await;
    let mut client = server.connect().await;
    let echo = call("echo");
    let waiting = client.post("/", "", &echo);
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    server.service.go.notify_one();
    assert_eq!(within(SOON, waiting).await.0, 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_slot() {
    let server = start(Limits { connections: 2, ..Limits::default() }).await;
    let (first, _second) = (server.connect().await, server.connect().await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut third = server.connect().await;
    let echo = call("echo");
    let waiting = third.post("/", "", &echo);
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    drop(first);
    assert_eq!(within(SOON, waiting).await.0, 200);
}

#[tokio::test]
async fn large_bodies_share_the_memory_for_them() {
    // Enough for one body of 100 KiB at a time, and small ones need none of it.
    let server = start(Limits { buffered: 100 << 10, body: 100 << 10, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 102400\r\n\r\n<").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.connect().await.post("/", "", &call("echo")).await.0, 200);
    let mut second = server.connect().await;
    let long = format!("{}{}", call("echo"), " ".repeat(90 << 10));
    let waiting = second.post("/", "", &long);
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    drop(first);
    assert_eq!(within(SOON, waiting).await.0, 200);
}

#[tokio::test]
async fn shutdown_lets_calls_end_and_closes_the_rest() {
    let server = start(Limits::default()).await;
    let mut idle = server.connect().await;
    assert_eq!(idle.post("/", "", &call("echo")).await.0, 200);
    let mut busy = server.connect().await;
    let body = call("wait");
    busy.send(&format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
    within(SOON, server.service.began.notified()).await;
    server.stop.send(()).unwrap();
    assert!(idle.closes_within(SOON).await);
    assert!(TcpStream::connect(("127.0.0.1", server.port)).await.is_err());
    assert!(!server.ended.is_finished());
    server.service.go.notify_one();
    assert_eq!(busy.answer().await.0, 200);
    within(SOON, server.ended).await.unwrap();
}

#[tokio::test]
async fn shutdown_waits_for_the_call_of_a_client_that_hung_up_but_not_for_ever() {
    let server = start(Limits { drain: Duration::from_millis(400), ..Limits::default() }).await;
    hang_up_during_a_call(&server).await;
    server.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!server.ended.is_finished());
    within(SOON, server.ended).await.unwrap();
}

/// Set in the process that [`running_out_of_file_handles_does_not_end_the_listener`] starts for itself.
const FEW_HANDLES: &str = "VDSM_TEST_FEW_HANDLES";

#[test]
fn running_out_of_file_handles_does_not_end_the_listener() {
    if std::env::var_os(FEW_HANDLES).is_some() {
        return tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(run_out_of_handles());
    }
    // The limit is the whole process's, so the test has one of its own.
    let own = ["--exact", "lifecycle::running_out_of_file_handles_does_not_end_the_listener"];
    let output = std::process::Command::new(std::env::current_exe().unwrap()).args(own).env(FEW_HANDLES, "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

async fn run_out_of_handles() {
    let server = start(Limits::default()).await;
    let few = rustix::process::Rlimit { current: Some(64), maximum: Some(64) };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, few).unwrap();
    // Each connection takes two handles, one at either end; the kernel goes on connecting those that are not accepted.
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect(("127.0.0.1", server.port)).await {
        clients.push(client);
    }
    assert!(clients.len() > 16, "{} connections", clients.len());
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(clients);
    let echo = async {
        loop {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", server.port)).await {
                return crate::support::Raw { stream }.post("/", "", &call("echo")).await.0;
            }
        }
    };
    assert_eq!(within(SOON, echo).await, 200);
}

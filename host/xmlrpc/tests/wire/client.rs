//! The client against the server: values, errors told apart, connections kept, unix sockets. Rung: mock host.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use vdsm_core::tree::Tree;
use vdsm_xmlrpc::{CallError, Client, Limits, Listener, Service, Timeouts, serve};

use crate::support::{Sampler, start};

fn arguments() -> Tree {
    Tree::array(|out| _ = out.text("ž<&>\r\n").int(-1).boolean(false).double(0.25))
}

#[tokio::test]
async fn calls_return_values_and_use_one_connection() {
    // With one slot a second connection would never be served.
    let server = start(Limits { connections: 1, ..Limits::default() }).await;
    let client = Client::tcp("127.0.0.1", server.port);
    for _ in 0..3 {
        assert_eq!(client.call("echo", &arguments()).await.unwrap(), arguments());
    }
}

#[tokio::test]
async fn calls_run_at_once() {
    let server = start(Limits::default()).await;
    let client = Arc::new(Client::tcp("127.0.0.1", server.port));
    let waiting = tokio::spawn({
        let client = Arc::clone(&client);
        async move { client.call("wait", &arguments()).await }
    });
    server.service.began.notified().await;
    client.call("echo", &arguments()).await.unwrap();
    server.service.go.notify_one();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn errors_are_told_apart() {
    let server = start(Limits::default()).await;
    let client = Client::tcp("127.0.0.1", server.port);
    assert!(matches!(client.call("unheard", &arguments()).await, Err(CallError::Fault(fault)) if fault.code == 1));
    assert!(matches!(client.call("echo", &Tree::array(|out| _ = out.nil())).await, Err(CallError::Encode(_))));
    let hasty = Client::tcp("127.0.0.1", server.port).with_timeouts(Timeouts { reply: Duration::from_millis(100), ..Timeouts::default() });
    assert!(matches!(hasty.call("wait", &arguments()).await, Err(CallError::Timeout { what: "reply", .. })));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    match Client::tcp("127.0.0.1", closed).call("echo", &arguments()).await {
        Err(CallError::Connect { address, source }) => {
            assert_eq!(address, format!("127.0.0.1:{closed}"));
            assert_eq!(source.kind(), std::io::ErrorKind::ConnectionRefused);
        }
        other => panic!("{other:?}"),
    }
}

/// A server that answers every connection with `response` and closes it.
async fn canned(response: &'static str) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(response.as_bytes()).await;
        }
    });
    Client::tcp("127.0.0.1", port)
}

#[tokio::test]
async fn foreign_answers_are_understood_or_named() {
    let old = canned("HTTP/1.0 200 OK\r\nContent-type: text/xml\r\n\r\n<methodResponse><params><param><value>x</value></param></params></methodResponse>").await;
    for _ in 0..2 {
        assert_eq!(old.call("m", &arguments()).await.unwrap(), Tree::text("x"));
    }
    let page = canned("HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\nNo such page").await;
    assert!(
        matches!(page.call("m", &arguments()).await, Err(CallError::Status { status, text }) if status == 404 && text == "No such page")
    );
    let html = canned("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html/>").await;
    assert!(matches!(html.call("m", &arguments()).await, Err(CallError::Decode(_))));
    let broken = canned("HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n<").await;
    assert!(matches!(broken.call("m", &arguments()).await, Err(CallError::Http(_))));
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced() {
    let server = start(Limits { headers: Duration::from_millis(50), ..Limits::default() }).await;
    let client = Client::tcp("127.0.0.1", server.port);
    for _ in 0..2 {
        client.call("echo", &arguments()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_unix_socket_tells_who_calls() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let service = Arc::new(Sampler::default());
    let listener = Listener::from(UnixListener::bind(&path).unwrap());
    tokio::spawn(serve(listener, Arc::clone(&service) as Arc<dyn Service>, Limits::default(), std::future::pending()));
    let client = Client::unix(&path);
    assert_eq!(client.call("echo", &arguments()).await.unwrap(), arguments());
    let caller = service.seen.lock().unwrap()[0].clone();
    let credentials = caller.credentials.unwrap();
    assert_eq!(credentials.pid, Some(i32::try_from(std::process::id()).unwrap()));
    assert_eq!(credentials.uid, rustix::process::getuid().as_raw());
    assert_eq!((caller.peer.as_str(), caller.local.as_str()), ("unix", "unix"));
}

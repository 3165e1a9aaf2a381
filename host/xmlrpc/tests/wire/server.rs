//! The rules of the HTTP side, spoken by hand over loopback. Rung: mock host.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use vdsm_xmlrpc::{Limits, MAX_BODY};

use crate::support::{call, field, start};

#[tokio::test]
async fn both_pages_answer_over_one_connection_that_is_kept() {
    let server = start(Limits::default()).await;
    let mut client = server.connect().await;
    for page in ["/", "/RPC2", "/"] {
        let (status, head, body) = client.post(page, "FlowID: 1a2b\r\n", &call("echo")).await;
        assert_eq!((status, field(&head, "content-type")), (200, Some("text/xml")));
        assert!(body.contains("<value><string>a</string></value>"), "{body}");
    }
    let seen = server.service.seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert_eq!((seen[0].peer.as_str(), seen[0].local.as_str()), ("127.0.0.1", "127.0.0.1"));
    assert_eq!((seen[0].flow_id.as_deref(), seen[0].credentials), (Some("1a2b"), None));
}

#[tokio::test]
async fn malformed_xml_is_a_fault_and_the_connection_goes_on() {
    let server = start(Limits::default()).await;
    let mut client = server.connect().await;
    for broken in ["", "no xml", "<methodCall><methodName>echo</methodCall>", "<!DOCTYPE x><methodCall/>"] {
        let (status, _, body) = client.post("/", "", broken).await;
        assert_eq!(status, 200);
        assert!(body.contains("<name>faultCode</name>\n<value><int>1</int></value>"), "{body}");
    }
    assert!(server.service.seen.lock().unwrap().is_empty());
    assert_eq!(client.post("/", "", &call("echo")).await.0, 200);
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_fault_and_the_connection_goes_on() {
    let server = start(Limits::default()).await;
    let mut client = server.connect().await;
    for (method, text) in [
        ("unheard", "&lt;type 'exceptions.Exception'&gt;:method \"unheard\" is not supported"),
        ("nil", "&lt;type 'exceptions.TypeError'&gt;:cannot marshal None unless allow_none is enabled"),
        ("panic", "&lt;type 'exceptions.RuntimeError'&gt;:internal error"),
    ] {
        let (status, _, body) = client.post("/", "", &call(method)).await;
        assert_eq!(status, 200);
        assert!(body.contains(text), "{body}");
    }
    assert_eq!(client.post("/", "", &call("echo")).await.0, 200);
}

#[tokio::test]
async fn secrets_arrive_held() {
    let server = start(Limits::default()).await;
    let (_, _, body) = server.connect().await.post("/", "", &call("secret")).await;
    assert!(body.contains("<int>1</int>"), "{body}");
}

#[tokio::test]
async fn each_broken_rule_has_its_status() {
    let server = start(Limits::default()).await;
    let mut client = server.connect().await;
    let (status, head, body) = client.post("/elsewhere", "", "x").await;
    assert_eq!((status, body.as_str(), field(&head, "connection")), (404, "No such page", Some("close")));
    assert!(client.closes_within(Duration::from_secs(5)).await);
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: h\r\n\r\n", 411),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Encoding: gzip\r\n\r\nx", 415),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400),
    ] {
        let mut client = server.connect().await;
        client.send(request).await;
        assert_eq!(client.answer().await.0, expected, "{request}");
    }
}

#[tokio::test]
async fn too_large_is_refused_before_the_body_and_the_refusal_arrives_while_it_is_sent() {
    let server = start(Limits::default()).await;
    let mut patient = server.connect().await;
    patient.send(&format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", MAX_BODY + 1)).await;
    assert_eq!(patient.answer().await.0, 413);
    let mut hasty = server.connect().await;
    hasty.send(&format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", MAX_BODY + 1)).await;
    // Slowly, so that the server has refused long before the client stops sending.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        hasty.stream.write_all(&[b' '; 64 << 10]).await.expect("nobody hung up");
    }
    assert_eq!(hasty.answer().await.0, 413);
}

#[tokio::test]
async fn a_body_of_several_pieces_and_of_many_is_put_together() {
    let server = start(Limits::default()).await;
    let mut client = server.connect().await;
    let body = call("echo");
    client.send(&format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    for piece in body.as_bytes().chunks(40) {
        client.stream.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(client.answer().await.0, 200);
    let long = format!(
        "<methodCall><methodName>echo</methodName><params><param><value>{}</value></param></params></methodCall>",
        "y".repeat(1 << 20)
    );
    let (status, _, reply) = client.post("/", "", &long).await;
    assert_eq!(status, 200);
    assert!(reply.len() > 1 << 20);
}

#[tokio::test]
async fn slow_clients_are_closed() {
    let short = Duration::from_millis(200);
    let limits = Limits { headers: short, body_idle: short, body_total: 3 * short, linger: short, ..Limits::default() };
    let server = start(limits).await;
    let mut silent = server.connect().await;
    let mut headers = server.connect().await;
    headers.send("POST / HTTP/1.1\r\nHost: h\r\n").await;
    let mut body = server.connect().await;
    body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n<").await;
    let mut drip = server.connect().await;
    drip.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n").await;
    let drips = async {
        while drip.stream.write_all(b"<").await.is_ok() {
            tokio::time::sleep(short / 4).await;
        }
    };
    let limit = Duration::from_secs(5);
    let (silent, headers, body, drip) = tokio::join!(
        silent.closes_within(limit),
        headers.closes_within(limit),
        body.closes_within(limit),
        tokio::time::timeout(limit, drips)
    );
    assert!(silent && headers && body && drip.is_ok());
    assert_eq!(server.connect().await.post("/", "", &call("echo")).await.0, 200);
}

#[tokio::test]
async fn a_reply_that_nobody_reads_is_not_kept() {
    let server = start(Limits { write_stall: Duration::from_millis(300), connections: 1, ..Limits::default() }).await;
    let mut deaf = server.connect().await;
    let body = call("big");
    deaf.send(&format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
    // The only slot is free again only when the server gave up on the first client.
    let other = async { server.connect().await.post("/", "", &call("echo")).await.0 };
    assert_eq!(tokio::time::timeout(Duration::from_secs(8), other).await.expect("a slot"), 200);
    drop(deaf);
}

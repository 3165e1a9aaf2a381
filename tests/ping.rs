//! `ping` through a component over HTTP: the whole way of a call, without effects.
//! Rung: test:///default.

use std::io::{Read, Write};
use std::net::TcpStream;

use vdsm_tests::{Daemon, Host, Rung};

fn serving() -> Option<(Host, Daemon)> {
    Rung::TestDriver.stands().then(|| {
        let host = Host::on_test_driver();
        let daemon = host.start();
        daemon.wait_until_serving();
        (host, daemon)
    })
}

#[test]
fn ping_answers_done() {
    let Some((_host, daemon)) = serving() else { return };
    let reply = daemon.call("ping", |_| {});
    assert_eq!((reply.code(), reply.message()), (0, "Done"));
}

#[test]
fn ping_answers_again_after_kill_9() {
    let Some((host, daemon)) = serving() else { return };
    assert_eq!(daemon.call("ping", |_| {}).code(), 0);
    daemon.kill();
    let again = host.start();
    again.wait_until_serving();
    assert_eq!(again.call("ping", |_| {}).code(), 0);
}

#[test]
fn an_argument_too_many_is_a_status_that_says_so() {
    let Some((_host, daemon)) = serving() else { return };
    let reply = daemon.call("ping", |arguments| {
        arguments.text("too much");
    });
    assert_eq!(reply.code(), 16);
}

#[test]
fn malformed_xml_is_a_fault_and_the_connection_survives() {
    let Some((_host, daemon)) = serving() else { return };
    let mut connection = TcpStream::connect(daemon.address()).unwrap();
    assert!(post(&mut connection, "<methodCall><oops").contains("<fault>"));
    let good = "<?xml version='1.0'?><methodCall><methodName>ping</methodName><params></params></methodCall>";
    assert!(post(&mut connection, good).contains("Done"));
}

/// One request over an open connection, and the body of its answer.
fn post(connection: &mut TcpStream, body: &str) -> String {
    let head = format!("POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut received = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = connection.read(&mut chunk).unwrap();
        assert_ne!(read, 0, "the connection was closed after {:?}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&chunk[..read]);
        if let Some(answer) = whole_body(&received) {
            return answer;
        }
    }
}

fn whole_body(received: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(received).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    (body.len() >= length).then(|| body.to_owned())
}

//! The load: clients that call one verb over and over, each on a connection it keeps.
//!
//! Standard library and threads only, so that the client costs little and the same for every server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// How long a server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a server that speaks XML-RPC over HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    request: Vec<u8>,
}

impl Client {
    /// Connects, to call `method` without arguments.
    pub(crate) fn connect(address: SocketAddr, method: &str) -> anyhow::Result<Client> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let body = format!("<?xml version='1.0'?>\n<methodCall>\n<methodName>{method}</methodName>\n<params>\n</params>\n</methodCall>\n");
        let head = format!("POST /RPC2 HTTP/1.1\r\nHost: {address}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", body.len());
        Ok(Client { stream, buffer: Vec::new(), request: [head, body].concat().into_bytes() })
    }

    /// Calls, and gives the body of the answer.
    pub(crate) fn call(&mut self) -> anyhow::Result<&[u8]> {
        self.stream.write_all(&self.request)?;
        self.buffer.clear();
        let (body, length) = loop {
            self.read_some(16 * 1024)?;
            if let Some(body) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break (body + 4, length_of(self.buffer.get(..body).unwrap_or_default())?);
            }
        };
        while self.buffer.len() < body + length {
            self.read_some((body + length - self.buffer.len()).min(1 << 20))?;
        }
        let answer = self.buffer.get(body..body + length).unwrap_or_default();
        ensure!(
            !answer.get(..answer.len().min(200)).unwrap_or_default().windows(7).any(|word| word == b"<fault>"),
            "the server answers a fault"
        );
        Ok(answer)
    }

    fn read_some(&mut self, most: usize) -> anyhow::Result<()> {
        let start = self.buffer.len();
        self.buffer.resize(start + most, 0);
        let read = self.stream.read(self.buffer.get_mut(start..).unwrap_or_default())?;
        self.buffer.truncate(start + read);
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

fn length_of(head: &[u8]) -> anyhow::Result<usize> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    ensure!(status.split(' ').nth(1) == Some("200"), "the server answers {status}");
    let Some(length) = lines.find_map(|line| line.strip_prefix("content-length:")) else { bail!("an answer without a length") };
    Ok(length.trim().parse()?)
}

/// What a run of load showed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Answers a second of all clients together.
    pub(crate) rate: f64,
    /// Half of the answers came within so many milliseconds.
    pub(crate) median_ms: f64,
    /// Ninety-nine of a hundred came within so many milliseconds.
    pub(crate) slow_ms: f64,
}

impl Load {
    /// The one with more answers.
    pub(crate) fn better(self, other: Load) -> Load {
        if other.rate > self.rate { other } else { self }
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}/s (p50 {:.2} ms, p99 {:.2} ms)", self.rate, self.median_ms, self.slow_ms)
    }
}

/// Lets `clients` call `method` for `span`, after a tenth of it to warm up. Any failed call fails the run.
pub(crate) fn run(address: SocketAddr, method: &str, clients: usize, span: Duration) -> anyhow::Result<Load> {
    let start = Instant::now() + span / 10;
    let until = start + span;
    let took = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(move || calls(address, method, start, until))).collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a client died")));
        joined.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let mut took: Vec<Duration> = took.into_iter().flatten().collect();
    took.sort_unstable();
    let at = |part: usize| took.get(took.len() * part / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    Ok(Load { rate: took.len() as f64 / span.as_secs_f64(), median_ms: at(50), slow_ms: at(99) })
}

fn calls(address: SocketAddr, method: &str, start: Instant, until: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut client = Client::connect(address, method)?;
    let mut took = Vec::new();
    loop {
        let before = Instant::now();
        client.call()?;
        let after = Instant::now();
        if after >= until {
            return Ok(took);
        }
        if before >= start {
            took.push(after - before);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::length_of;

    #[test]
    fn only_whole_good_answers_count() {
        assert_eq!(length_of(b"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 12").unwrap(), 12);
        assert!(length_of(b"HTTP/1.1 500 Oops\r\nContent-Length: 12").is_err());
        assert!(length_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked").is_err());
    }
}

//! The load: clients that call one verb over and over, each on a connection it keeps.
//!
//! Standard library and threads only, so that the client costs little and the same for every server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use vdsm_core::tree::Tree;
use vdsm_xmlrpc::encode_request;

/// How long a server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that the buffer grows by.
const GROWTH: usize = 64 << 10;

/// A connection to a server that speaks XML-RPC over HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    /// Grows to the largest answer and stays, so that no call pays for clearing it.
    buffer: Vec<u8>,
    request: Vec<u8>,
}

impl Client {
    /// Connects, to call `method` without arguments.
    pub(crate) fn connect(address: SocketAddr, method: &str) -> anyhow::Result<Client> {
        Client::with(address, method, &Tree::array(|_| {}))
    }

    /// Connects, to call `method` with the same positional `arguments` each time.
    pub(crate) fn with(address: SocketAddr, method: &str, arguments: &Tree) -> anyhow::Result<Client> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let body = encode_request(method, arguments)?;
        let head = format!("POST /RPC2 HTTP/1.1\r\nHost: {address}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", body.len());
        Ok(Client { stream, buffer: vec![0; GROWTH], request: [head.into_bytes(), body].concat() })
    }

    /// Calls, and gives the body of the answer. A fault or another HTTP status than 200 is an error.
    pub(crate) fn call(&mut self) -> anyhow::Result<&[u8]> {
        self.stream.write_all(&self.request)?;
        let mut filled = 0;
        let (body, length) = loop {
            filled += self.read_into(filled)?;
            let got = self.buffer.get(..filled).unwrap_or_default();
            if let Some(body) = got.windows(4).position(|window| window == b"\r\n\r\n") {
                break (body + 4, length_of(got.get(..body).unwrap_or_default())?);
            }
        };
        while filled < body + length {
            filled += self.read_into(filled)?;
        }
        let answer = self.buffer.get(body..body + length).unwrap_or_default();
        let start = answer.get(..answer.len().min(200)).unwrap_or_default();
        ensure!(!start.windows(7).any(|word| word == b"<fault>"), "the server answers a fault");
        Ok(answer)
    }

    /// Calls, and wants status 0.
    pub(crate) fn call_well(&mut self) -> anyhow::Result<&[u8]> {
        let answer = self.call()?;
        ensure!(is_good(answer), "the server answers {}", String::from_utf8_lossy(answer.get(..answer.len().min(600)).unwrap_or_default()));
        Ok(answer)
    }

    fn read_into(&mut self, filled: usize) -> anyhow::Result<usize> {
        if self.buffer.len() < filled + GROWTH / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self.stream.read(self.buffer.get_mut(filled..).unwrap_or_default())?;
        ensure!(read > 0, "the server closed the connection");
        Ok(read)
    }
}

/// Whether an answer begins with status code 0, as every good one does.
fn is_good(answer: &[u8]) -> bool {
    let start = answer.get(..answer.len().min(400)).unwrap_or_default();
    start.windows(12).any(|word| word == b"<int>0</int>") || start.windows(10).any(|word| word == b"<i4>0</i4>")
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

/// What became of calls that went on while something else happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// How many were made.
    pub(crate) calls: usize,
    /// How many had no answer, or another status than 0.
    pub(crate) failed: usize,
    /// The longest.
    pub(crate) slowest: Duration,
}

/// Lets `clients` call `method` while `meanwhile` runs. Failed calls are counted; each goes on with a connection of its own.
pub(crate) fn during<T>(
    address: SocketAddr,
    method: &str,
    clients: usize,
    meanwhile: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(Tally, T)> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(|| tally(address, method, &done))).collect();
        let outcome = meanwhile();
        done.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for thread in threads {
            let Ok(one) = thread.join() else { bail!("a client died") };
            all.calls += one.calls;
            all.failed += one.failed;
            all.slowest = all.slowest.max(one.slowest);
        }
        Ok((all, outcome?))
    })
}

fn tally(address: SocketAddr, method: &str, done: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    while !done.load(Ordering::Relaxed) {
        let before = Instant::now();
        let answered = connection.take().map_or_else(|| Client::connect(address, method), Ok).and_then(|mut client: Client| {
            client.call_well()?;
            Ok(client)
        });
        tally.calls += 1;
        tally.slowest = tally.slowest.max(before.elapsed());
        match answered {
            Ok(client) => connection = Some(client),
            Err(_) => tally.failed += 1,
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    //! Rung: pure.
    #![allow(clippy::unwrap_used)]

    use super::{is_good, length_of};

    #[test]
    fn only_whole_good_answers_count() {
        assert_eq!(length_of(b"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 12").unwrap(), 12);
        assert!(length_of(b"HTTP/1.1 500 Oops\r\nContent-Length: 12").is_err());
        assert!(length_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked").is_err());
    }

    #[test]
    fn a_good_answer_says_zero() {
        assert!(is_good(b"<member><name>code</name><value><int>0</int></value></member>"));
        assert!(!is_good(b"<member><name>code</name><value><int>99</int></value></member>"));
    }
}

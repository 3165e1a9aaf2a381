//! Accepting: connections within the limit, errors that never end the listener, and the orderly end.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection;
use super::{Caller, Credentials, Limits, Listener, Service, Shared};

/// Serves `listener` until `shutdown` is done; then no new connection is taken, calls being answered get their replies out within
/// [`Limits::drain`], and what is left is cut. Calls themselves are never cancelled.
pub async fn serve(listener: Listener, service: Arc<dyn Service>, limits: Limits, shutdown: impl Future<Output = ()>) {
    let shared = Arc::new(Shared::new(service, limits));
    let slots = Arc::new(Semaphore::new(shared.limits.connections));
    let (stop, stopping) = watch::channel(false);
    let mut open = JoinSet::new();
    let mut trouble = Trouble::default();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = open.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection ended by a fault of ours");
                }
                continue;
            }
            accepted = next(&listener, &slots, trouble.until) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                trouble.over();
                let (shared, stopping) = (Arc::clone(&shared), stopping.clone());
                open.spawn(async move {
                    admit(stream, shared, stopping).await;
                    drop(slot);
                });
            }
            Err(error) => trouble.happened(&error),
        }
    }
    drop(listener);
    stop.send_replace(true);
    drain(&shared, open).await;
}

/// Waits for what is being answered, callers that hung up included.
async fn drain(shared: &Shared, mut open: JoinSet<()>) {
    let all = u32::try_from(shared.limits.requests).unwrap_or(u32::MAX);
    let ended = async {
        while open.join_next().await.is_some() {}
        // The semaphore is never closed.
        let _ = shared.requests.acquire_many(all).await;
    };
    if tokio::time::timeout(shared.limits.drain, ended).await.is_err() {
        let calls = shared.limits.requests.saturating_sub(shared.requests.available_permits());
        tracing::warn!(calls, "shutdown did not wait longer for calls being answered");
    }
    open.shutdown().await;
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The next connection, not before `until` and not before there is a slot for it.
async fn next(listener: &Listener, slots: &Arc<Semaphore>, until: Option<Instant>) -> io::Result<(Stream, OwnedSemaphorePermit)> {
    if let Some(until) = until {
        tokio::time::sleep_until(until).await;
    }
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let stream = match listener {
        Listener::Tcp(listener) => Stream::Tcp(listener.accept().await?.0),
        Listener::Unix(listener) => Stream::Unix(listener.accept().await?.0),
    };
    Ok((stream, slot))
}

/// Names the caller and runs the connection. A TLS handshake, under a time limit of its own, belongs between the two.
async fn admit(stream: Stream, shared: Arc<Shared>, stopping: watch::Receiver<bool>) {
    match stream {
        Stream::Tcp(stream) => match tcp_caller(&stream) {
            Ok(caller) => connection::run(stream, caller, shared, stopping).await,
            Err(error) => tracing::debug!(%error, "a connection was gone before it began"),
        },
        Stream::Unix(stream) => match unix_caller(&stream) {
            Ok(caller) => connection::run(stream, caller, shared, stopping).await,
            Err(error) => tracing::debug!(%error, "a connection was gone before it began"),
        },
    }
}

fn tcp_caller(stream: &TcpStream) -> io::Result<Caller> {
    stream.set_nodelay(true)?;
    let plain = |address: IpAddr| address.to_canonical().to_string();
    let (peer, local) = (plain(stream.peer_addr()?.ip()), plain(stream.local_addr()?.ip()));
    Ok(Caller { peer, local, flow_id: None, credentials: None })
}

fn unix_caller(stream: &UnixStream) -> io::Result<Caller> {
    let vouched = stream.peer_cred()?;
    let credentials = Credentials { uid: vouched.uid(), pid: vouched.pid() };
    Ok(Caller { peer: "unix".into(), local: "unix".into(), flow_id: None, credentials: Some(credentials) })
}

/// Accept errors in a row. The listener outlives them all: most are the peer's (it hung up), the rest pass (no file handles).
#[derive(Default)]
struct Trouble {
    count: u32,
    until: Option<Instant>,
}

impl Trouble {
    fn happened(&mut self, error: &io::Error) {
        self.count = self.count.saturating_add(1);
        self.until = delay(error.kind(), self.count).map(|delay| Instant::now() + delay);
        // One line when it starts, then one each time the count has doubled.
        if self.count.is_power_of_two() {
            tracing::warn!(%error, in_a_row = self.count, "cannot accept a connection");
        }
    }

    fn over(&mut self) {
        if self.count > 1 {
            tracing::info!(errors = self.count, "accepting connections again");
        }
        *self = Trouble::default();
    }
}

/// How long to wait after error number `count` in a row: not at all when only the peer is gone, else up to a second.
fn delay(kind: io::ErrorKind, count: u32) -> Option<Duration> {
    match kind {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted => None,
        _ => Some(Duration::from_millis(10 << count.min(7)).min(Duration::from_secs(1))),
    }
}

#[cfg(test)]
mod tests {
    //! Rung: pure.
    use super::*;

    #[test]
    fn a_peer_that_is_gone_costs_nothing_and_other_errors_wait_ever_longer_up_to_a_second() {
        assert_eq!(delay(io::ErrorKind::ConnectionAborted, 1000), None);
        let waits: Vec<u128> = (1..10).filter_map(|count| delay(io::ErrorKind::Other, count)).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
    }
}

//! Keeps one connection to libvirt: opens it, notices its end, opens the next.
//!
//! The URI never changes: when it does not answer, it is tried again with growing pauses, and the status says since when and why.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::config::LibvirtConfig;
use super::connection::Connection;
use super::error::CallError;
use super::event::Event;
use super::lanes::{Lane, Lanes};
use super::sink::{ConnectionSink, EventSink};

/// Whether libvirt can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not now; nothing is known of the domains.
    Connecting {
        /// When the last connection ended, or we began.
        since: Instant,
        /// What the last attempt met.
        reason: String,
    },
    /// Yes.
    Up {
        /// Counts connections of this process, from 1.
        epoch: u64,
    },
}

/// How often a connection is looked at, for drivers and breaks that no callback reports.
const LOOK: Duration = Duration::from_secs(2);
/// A connection that held so long was a good one: the next pause starts small again.
const HELD: Duration = Duration::from_secs(10);

/// The task's state.
pub(crate) struct Supervisor {
    pub(crate) config: LibvirtConfig,
    pub(crate) lanes: Lanes,
    pub(crate) events: Arc<EventSink>,
    pub(crate) current: Arc<ArcSwapOption<Connection>>,
    pub(crate) status: watch::Sender<Status>,
    /// Turns true, or loses its sender, when the connection is to be given up.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Supervisor {
    /// Runs until it is stopped.
    pub(crate) async fn run(self) {
        let mut epoch = 0;
        let mut pause = self.config.reconnect_first;
        loop {
            let opened = tokio::select! {
                // An opening under way goes on in its lane; what it gives is dropped there.
                () = stopped(self.stop.clone()) => return,
                opened = self.open(epoch + 1) => opened,
            };
            match opened {
                Ok((connection, closed)) => {
                    epoch += 1;
                    let began = Instant::now();
                    let ended = self.serve(connection, closed).await;
                    if began.elapsed() >= HELD {
                        pause = self.config.reconnect_first;
                    }
                    if ended == Ended::Stopped {
                        return;
                    }
                }
                Err(error) => self.say_why(&error),
            }
            tokio::select! {
                () = stopped(self.stop.clone()) => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(self.config.reconnect_longest),
            }
        }
    }

    async fn open(&self, epoch: u64) -> Result<(Arc<Connection>, watch::Receiver<Option<String>>), CallError> {
        let sink = ConnectionSink::new(Arc::clone(&self.events));
        let closed = sink.closed.subscribe();
        let uri = self.config.uri.clone();
        let open = move || Connection::open(&uri, epoch, &sink).map(Arc::new);
        let connection = self.lanes.run(Lane::Connection, "open", self.config.deadlines.open, open).await?;
        Ok((connection, closed))
    }

    /// Publishes the connection and stays until it ends.
    async fn serve(&self, connection: Arc<Connection>, mut closed: watch::Receiver<Option<String>>) -> Ended {
        let epoch = connection.epoch;
        self.current.store(Some(Arc::clone(&connection)));
        self.status.send_replace(Status::Up { epoch });
        tracing::info!(uri = self.config.uri, epoch, "connected to libvirt");
        self.events.deliver(Event::Connected { epoch });

        let (ended, reason) = tokio::select! {
            () = stopped(self.stop.clone()) => (Ended::Stopped, "the connection was given up".to_owned()),
            reason = broken(&connection, &mut closed) => (Ended::Broken, reason),
        };
        self.current.store(None);
        self.status.send_replace(Status::Connecting { since: Instant::now(), reason: reason.clone() });
        if ended == Ended::Broken {
            tracing::warn!(uri = self.config.uri, epoch, reason, "lost the connection to libvirt");
        }
        self.events.deliver(Event::Disconnected { reason });
        self.retire(connection).await;
        ended
    }

    async fn retire(&self, connection: Arc<Connection>) {
        let retire = move || {
            connection.retire();
            Ok(())
        };
        // When libvirt does not answer even now, the callbacks stay with the dead connection; their sink is its own.
        if let Err(error) = self.lanes.run(Lane::Connection, "close", self.config.deadlines.read, retire).await {
            tracing::debug!(%error, "the old connection's events were not taken back");
        }
    }

    fn say_why(&self, error: &CallError) {
        let reason = error.to_string();
        self.status.send_if_modified(|status| match status {
            Status::Connecting { reason: known, .. } if *known != reason => {
                tracing::warn!(uri = self.config.uri, reason, "libvirt cannot be reached; it is tried again");
                *known = reason;
                true
            }
            Status::Connecting { .. } | Status::Up { .. } => false,
        });
    }
}

/// Why a connection is no longer served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Broken,
    Stopped,
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Waits for the connection's end, by libvirt's word or by looking.
async fn broken(connection: &Connection, closed: &mut watch::Receiver<Option<String>>) -> String {
    loop {
        tokio::select! {
            reason = closed.wait_for(Option::is_some) => {
                return reason.ok().and_then(|reason| reason.clone()).unwrap_or_else(|| "libvirt dropped the connection".to_owned());
            }
            () = tokio::time::sleep(LOOK) => {
                if !connection.is_alive() {
                    return "the connection to libvirt is dead".to_owned();
                }
            }
        }
    }
}

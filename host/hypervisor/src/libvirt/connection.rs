//! One connection: opened with its events subscribed, closed with them taken back.
//!
//! Everything here waits for libvirt and runs on a lane's thread.

use std::sync::{Arc, Mutex, PoisonError};

use virt::connect::Connect;
use virt::domain::Domain;

use super::embed;
use super::error::CallError;
use super::ffi::{self, Subscription};
use super::sink::ConnectionSink;

/// Seconds between keep-alive messages, and how many may stay unanswered before the connection counts as broken.
const KEEP_ALIVE: (i32, u32) = (5, 3);

/// Who is at the other end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// libvirtd, which can go away.
    Daemon,
    /// Nobody: the driver is within this process.
    None,
}

/// An open connection. Calls hold it while they run, so it is freed by the last of them.
pub(crate) struct Connection {
    connect: Connect,
    subscription: Mutex<Option<Subscription>>,
    /// Counts connections of this process, from 1.
    pub(crate) epoch: u64,
}

impl Connection {
    /// Opens `uri` and subscribes `sink`.
    pub(crate) fn open(uri: &str, epoch: u64, sink: &Arc<ConnectionSink>) -> Result<Connection, CallError> {
        if let Some(root) = embed::root(uri) {
            embed::prepare(&root).map_err(|error| CallError::Argument(format!("{}: {error}", root.display())))?;
            if epoch == 1 {
                embed::forget_unborn(&root);
            }
        }
        let connect = Connect::open(Some(uri))?;
        let peer = match connect.set_keep_alive(KEEP_ALIVE.0, KEEP_ALIVE.1).map_err(CallError::from) {
            Ok(_) => Peer::Daemon,
            Err(error) if error.is_unsupported() => Peer::None,
            Err(error) => return Err(error),
        };
        let subscription = ffi::subscribe(&connect, sink, peer)?;
        Ok(Connection { connect, subscription: Mutex::new(Some(subscription)), epoch })
    }

    /// Takes the events back. The connection itself is freed with the last call that holds it.
    pub(crate) fn retire(&self) {
        let subscription = self.subscription.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(subscription) = subscription {
            ffi::unsubscribe(&self.connect, &subscription);
        }
    }

    /// libvirt's handle.
    pub(crate) fn connect(&self) -> &Connect {
        &self.connect
    }

    /// The domain `uuid`.
    pub(crate) fn domain(&self, uuid: &str) -> Result<Domain, CallError> {
        check_text("uuid", uuid)?;
        Ok(Domain::lookup_by_uuid_string(&self.connect, uuid)?)
    }

    /// Whether libvirt still holds the connection for usable; asks nobody.
    pub(crate) fn is_alive(&self) -> bool {
        self.connect.is_alive().unwrap_or(false)
    }
}

impl Drop for Connection {
    /// A connection that was opened too late to be used: what its callbacks hold would never be freed.
    fn drop(&mut self) {
        self.retire();
    }
}

/// C texts end at a zero byte: one within would silently cut the rest off.
pub(crate) fn check_text(what: &str, text: &str) -> Result<(), CallError> {
    match text.find('\0') {
        Some(position) => Err(CallError::Argument(format!("{what}: a zero byte at position {position}"))),
        None => Ok(()),
    }
}

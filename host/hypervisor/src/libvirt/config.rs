//! What an operator decides about the connection, and the times a call may take.

use std::time::Duration;

/// How to reach libvirt.
#[derive(Clone, Debug)]
pub struct LibvirtConfig {
    /// The connection's URI, as written in the configuration. There is no fall-back to another.
    pub uri: String,
    /// How long a call may take before its caller is told [`super::CallError::Deadline`].
    pub deadlines: Deadlines,
    /// The pause before the second attempt to connect; doubled for each further one.
    pub reconnect_first: Duration,
    /// The longest pause between two attempts.
    pub reconnect_longest: Duration,
}

impl LibvirtConfig {
    /// The defaults for `uri`.
    pub fn new(uri: impl Into<String>) -> LibvirtConfig {
        LibvirtConfig {
            uri: uri.into(),
            deadlines: Deadlines::default(),
            reconnect_first: Duration::from_millis(200),
            reconnect_longest: Duration::from_secs(5),
        }
    }
}

/// Times by kind of call.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Opening the connection. The embedded driver asks QEMU what it can do here.
    pub open: Duration,
    /// What libvirt answers from its own memory.
    pub read: Duration,
    /// Changes of a running domain.
    pub change: Duration,
    /// Starting a domain: on a host whose QEMU libvirt has not asked yet this takes most of a minute.
    pub create: Duration,
    /// Graceful destroy: libvirt waits ten seconds for the process.
    pub destroy_gracefully: Duration,
    /// Destroy by force.
    pub destroy: Duration,
}

impl Default for Deadlines {
    fn default() -> Deadlines {
        Deadlines {
            open: Duration::from_secs(20),
            read: Duration::from_secs(5),
            change: Duration::from_secs(30),
            create: Duration::from_secs(180),
            destroy_gracefully: Duration::from_secs(20),
            destroy: Duration::from_secs(30),
        }
    }
}

/// Why there is no libvirt handle.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The URI is not one that can be kept: empty would let libvirt guess.
    #[error("[libvirt] uri: {0}")]
    Uri(String),
    /// libvirt's event loop cannot be set up in this process.
    #[error("libvirt's event loop cannot start: {0}")]
    EventLoop(String),
    /// A thread cannot be started.
    #[error("a thread for libvirt cannot start")]
    Thread(#[source] std::io::Error),
    /// `start` was called outside a tokio runtime.
    #[error("libvirt needs a running tokio runtime")]
    Runtime(#[source] tokio::runtime::TryCurrentError),
}

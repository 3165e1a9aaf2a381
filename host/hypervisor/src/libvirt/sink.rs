//! Where libvirt's callbacks put what happened: a bounded channel that never makes the event loop wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, watch};

use super::event::Event;

/// The way to the one receiver of events.
pub(crate) struct EventSink {
    sender: mpsc::Sender<Event>,
    lost: AtomicBool,
    overflowed: Notify,
}

impl EventSink {
    pub(crate) fn new(sender: mpsc::Sender<Event>) -> Arc<EventSink> {
        Arc::new(EventSink { sender, lost: AtomicBool::new(false), overflowed: Notify::new() })
    }

    /// Hands `event` over at once or remembers that events were lost.
    pub(crate) fn deliver(&self, event: Event) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(event)
            && !self.lost.swap(true, Ordering::AcqRel)
        {
            self.overflowed.notify_one();
        }
    }

    /// Says [`Event::Lost`] after each overflow, as soon as the receiver has room. Never ends: without a receiver there is nobody to tell.
    pub(crate) async fn report_losses(&self) {
        loop {
            self.overflowed.notified().await;
            let Ok(permit) = self.sender.reserve().await else { continue };
            // Cleared first: what is lost from here on is lost after this report.
            self.lost.store(false, Ordering::Release);
            tracing::warn!("libvirt events were lost because their receiver was behind; everything is looked at again");
            permit.send(Event::Lost);
        }
    }
}

/// What the callbacks of one connection write to.
pub(crate) struct ConnectionSink {
    pub(crate) events: Arc<EventSink>,
    /// Why the connection ended, once it has.
    pub(crate) closed: watch::Sender<Option<String>>,
}

impl ConnectionSink {
    pub(crate) fn new(events: Arc<EventSink>) -> Arc<ConnectionSink> {
        Arc::new(ConnectionSink { events, closed: watch::Sender::new(None) })
    }
}

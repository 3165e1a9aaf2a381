//! What shows that a part of the daemon has stopped working unseen. What would be half a daemon ends whole, and is started again;
//! machines live on.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use vdsm_hypervisor::libvirt::Libvirt;

/// How often threads are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long a call past its deadline may be stuck in a libvirt within this process.
const STUCK: Duration = Duration::from_secs(60);
/// How old the last sign of libvirt's event loop may be; it gives one every second.
const SILENT: Duration = Duration::from_secs(60);

/// Where libvirt's calls are carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    /// In this process: one that never ends can only be ended with it.
    Embedded,
    /// In libvirtd: the lanes bound what a stuck one costs.
    Remote,
}

/// Returns when `task` has ended by a panic; one that ended well ends nothing.
pub(super) async fn panicked(task: &mut JoinHandle<()>) {
    if task.await.is_ok() {
        std::future::pending::<()>().await;
    }
}

/// Returns why, when a thread does not do its work any more.
pub(super) async fn threads(libvirt: &Libvirt, calls: Calls, host_sampler: &vdsm_system::Sampler) -> &'static str {
    let (mut stuck_since, mut was_silent) = (None, false);
    loop {
        tokio::time::sleep(LOOK).await;
        let health = libvirt.health();
        if calls == Calls::Remote || health.lanes.stuck == 0 {
            stuck_since = None;
        } else if stuck_since.get_or_insert_with(Instant::now).elapsed() > STUCK {
            return "a call of the embedded libvirt never ends";
        }
        // Twice in a row: a process that was stopped for a while finds its own threads silent at first.
        let is_silent = health.event_loop_age > SILENT;
        if is_silent && was_silent {
            return "libvirt's event loop stands still";
        }
        was_silent = is_silent;
        if host_sampler.has_ended() {
            return "nothing samples the host any more";
        }
    }
}

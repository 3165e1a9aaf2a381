//! What the sampler knows of each VM, and where it comes from.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::domain::DomainState;
use super::error::CallError;
use super::stats::{DomainStats, StatsGroups};

/// Where statistics come from: libvirt, or a synthetic host for benchmarks.
#[async_trait::async_trait]
pub trait SampleSource: Send + Sync + 'static {
    /// All running VMs but `except`, in one call.
    async fn bulk(&self, groups: StatsGroups, except: &[Arc<str>]) -> Result<Vec<(Arc<str>, DomainStats)>, CallError>;

    /// One VM by itself; must not wait behind others.
    async fn one(&self, groups: StatsGroups, uuid: &Arc<str>) -> Result<DomainStats, CallError>;
}

/// One reading of one VM.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When it was asked for.
    pub at: Instant,
    /// What was answered.
    pub stats: DomainStats,
}

/// What is known of one VM. It changes only with a new sample or state, so the same `Arc` means the same figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VmSamples {
    /// The newest full sample.
    pub last: Option<Arc<Sample>>,
    /// The one before it: rates are taken between the two.
    pub previous: Option<Arc<Sample>>,
    /// The newest state, from whichever sample gave it.
    pub state: Option<DomainState>,
    /// Since when the VM does not answer although libvirt does; none while it answers.
    pub silent_since: Option<Instant>,
}

impl VmSamples {
    /// How old the newest full sample is; none before the first.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        self.last.as_ref().map(|sample| now.saturating_duration_since(sample.at))
    }
}

/// What is known of all VMs at one moment.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Counts publications: the same number means the same figures.
    pub sequence: u64,
    /// By uuid.
    pub vms: HashMap<Arc<str>, Arc<VmSamples>>,
    /// Since when libvirt itself gives no statistics; none while it does.
    pub silent_since: Option<Instant>,
    /// Ticks that were skipped because the sample before them was still under way.
    pub skipped: u64,
}

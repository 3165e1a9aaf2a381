//! The sampler over made-up hosts: figures change, a hanging source delays only what it hangs on.
//!
//! Rung: mock host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use vdsm_hypervisor::libvirt::sampler::{Intervals, Sampler};
use vdsm_hypervisor::libvirt::synthetic::SyntheticSource;
use vdsm_hypervisor::libvirt::{CallError, DomainStats, SampleSource, Samples, StatsGroups};

const INTERVALS: Intervals = Intervals { states: Duration::from_millis(20), full: Duration::from_millis(60) };

async fn until(sampler: &Sampler, what: &str, met: impl Fn(&Samples) -> bool) -> Arc<Samples> {
    let begin = Instant::now();
    loop {
        let samples = sampler.samples();
        if met(&samples) {
            return samples;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn three_hundred_vms_have_the_full_key_set_and_every_counter_grows() {
    let source = Arc::new(SyntheticSource::new(300));
    let sampler = Sampler::start(source.clone(), INTERVALS);
    let complete = |samples: &Samples| samples.vms.len() == 300 && samples.vms.values().all(|vm| vm.previous.is_some());
    let samples = until(&sampler, "two samples of each", complete).await;
    for uuid in source.uuids() {
        let vm = &samples.vms[uuid];
        let (old, new) = (&vm.previous.as_ref().unwrap().stats, &vm.last.as_ref().unwrap().stats);
        assert!(new.cpu.time > old.cpu.time && new.cpu.user > old.cpu.user && new.cpu.system > old.cpu.system);
        assert_ne!(new.balloon.current_kib, old.balloon.current_kib);
        assert!(new.interfaces[1].rx.bytes > old.interfaces[1].rx.bytes && new.interfaces[0].tx.packets > old.interfaces[0].tx.packets);
        assert!(new.blocks[1].write.time > old.blocks[1].write.time && new.blocks[0].read.bytes > old.blocks[0].read.bytes);
        assert!(new.blocks.iter().all(|block| block.capacity.is_some() && block.name.is_some() && block.path.is_some()));
        assert!(new.vcpus.iter().zip(&old.vcpus).all(|(new, old)| new.time > old.time));
    }
}

#[tokio::test]
async fn the_same_number_means_the_same_figures() {
    let quiet = Intervals { states: Duration::from_millis(10), full: Duration::from_secs(3600) };
    let sampler = Sampler::start(Arc::new(SyntheticSource::new(3)), quiet);
    let first = until(&sampler, "a sample", |samples| samples.vms.len() == 3 && samples.vms.values().all(|vm| vm.last.is_some())).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(sampler.samples().sequence, first.sequence);
}

/// A host on which everything but states hangs or panics.
struct Broken {
    healthy: SyntheticSource,
    panics: bool,
}

#[async_trait::async_trait]
impl SampleSource for Broken {
    async fn bulk(&self, groups: StatsGroups, except: &[Arc<str>]) -> Result<Vec<(Arc<str>, DomainStats)>, CallError> {
        match groups {
            StatsGroups::STATE => self.healthy.bulk(groups, except).await,
            _ if self.panics => panic!("a test's own"),
            _ => std::future::pending().await,
        }
    }

    async fn one(&self, _: StatsGroups, _: &Arc<str>) -> Result<DomainStats, CallError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn states_go_on_while_everything_else_hangs_and_skipped_ticks_are_counted() {
    let sampler = Sampler::start(Arc::new(Broken { healthy: SyntheticSource::new(2), panics: false }), INTERVALS);
    let samples = until(&sampler, "ticks are skipped", |samples| samples.skipped >= 3).await;
    assert_eq!(samples.vms.len(), 2);
    assert!(samples.vms.values().all(|vm| vm.state.is_some() && vm.last.is_none() && vm.silent_since.is_none()));
    assert_eq!(samples.silent_since, None);
}

#[tokio::test]
async fn a_source_that_panics_does_not_end_the_sampler() {
    let sampler = Sampler::start(Arc::new(Broken { healthy: SyntheticSource::new(2), panics: true }), INTERVALS);
    let first = until(&sampler, "the panic is an error", |samples| samples.silent_since.is_some()).await;
    until(&sampler, "and it goes on", |samples| samples.sequence > first.sequence + 2).await;
}

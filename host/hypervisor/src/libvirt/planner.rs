//! What to ask next when statistics are taken, and what the answers mean: the sampler without its effects.
//!
//! All VMs are asked in one call, since that is cheap. One VM whose QEMU stands still holds that call up without saying which it is:
//! then each is asked by itself, and one that gives no answer is left out of the common call from there on and asked alone, until
//! it answers. States come from libvirt's own memory and hold nothing up: when not even they come, it is libvirt that stands still,
//! and no VM is blamed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::error::CallError;
use super::samples::{Sample, Samples, VmSamples};
use super::stats::DomainStats;

/// VMs that are asked by themselves at the same time.
const AT_ONCE: usize = 4;
/// After so many silent VMs one search ends: each costs a thread, and the next round goes on.
const FOUND_AT_MOST: usize = 8;

/// What is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The states of all running VMs.
    States,
    /// Everything about all running VMs but these.
    Bulk {
        /// Left out.
        except: Vec<Arc<str>>,
    },
    /// Everything about one.
    One(Arc<str>),
}

/// What came of a request.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a few a second, each moved twice; a box would cost more than it saves")]
pub(crate) enum Answer {
    States(Result<Vec<(Arc<str>, DomainStats)>, CallError>),
    Bulk(Result<Vec<(Arc<str>, DomainStats)>, CallError>),
    One(Arc<str>, Result<DomainStats, CallError>),
}

/// The sampler's memory.
#[derive(Debug, Default)]
pub(crate) struct Planner {
    known: Samples,
    changed: bool,
    asking_states: bool,
    asking_bulk: bool,
    /// Asked by themselves now.
    asking: HashSet<Arc<str>>,
    /// To be asked by themselves, to find out who holds the common call up.
    search: VecDeque<Arc<str>>,
    found: usize,
    /// Left out of the common call.
    silent: HashSet<Arc<str>>,
}

impl Planner {
    /// It is time for states.
    pub(crate) fn state_tick(&mut self) -> Vec<Request> {
        if self.asking_states {
            self.skip();
            return Vec::new();
        }
        self.asking_states = true;
        vec![Request::States]
    }

    /// It is time for everything.
    pub(crate) fn full_tick(&mut self) -> Vec<Request> {
        if self.asking_bulk || !self.search.is_empty() {
            self.skip();
            return Vec::new();
        }
        self.asking_bulk = true;
        let mut except: Vec<Arc<str>> = self.silent.union(&self.asking).cloned().collect();
        except.sort();
        let alone: Vec<Arc<str>> = except.iter().filter(|uuid| self.asking.insert(Arc::clone(uuid))).cloned().collect();
        std::iter::once(Request::Bulk { except }).chain(alone.into_iter().map(Request::One)).collect()
    }

    /// What was asked at `asked` is answered.
    pub(crate) fn answered(&mut self, asked: Instant, now: Instant, answer: Answer) -> Vec<Request> {
        match answer {
            Answer::States(result) => {
                self.asking_states = false;
                self.take_states(now, result)
            }
            Answer::Bulk(result) => {
                self.asking_bulk = false;
                self.take_bulk(asked, now, result)
            }
            Answer::One(uuid, result) => {
                self.asking.remove(&uuid);
                self.take_one(asked, now, &uuid, result);
                self.go_on_searching()
            }
        }
    }

    /// What is known, if it is not what was published before.
    pub(crate) fn publish(&mut self) -> Option<Arc<Samples>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        self.known.sequence += 1;
        Some(Arc::new(self.known.clone()))
    }

    fn skip(&mut self) {
        self.known.skipped += 1;
        self.changed = true;
    }

    fn take_states(&mut self, now: Instant, result: Result<Vec<(Arc<str>, DomainStats)>, CallError>) -> Vec<Request> {
        let states = match result {
            Ok(states) => states,
            Err(error) => return self.libvirt_is_silent(now, &error),
        };
        if self.known.silent_since.take().is_some() {
            tracing::info!("libvirt gives statistics again");
            self.changed = true;
        }
        let running: HashMap<Arc<str>, DomainStats> = states.into_iter().collect();
        let gone: Vec<Arc<str>> = self.known.vms.keys().filter(|uuid| !running.contains_key(*uuid)).cloned().collect();
        for uuid in gone {
            self.forget(&uuid);
        }
        let mut fresh = Vec::new();
        for (uuid, stats) in running {
            let vm = self.known.vms.entry(Arc::clone(&uuid)).or_insert_with(|| {
                self.changed = true;
                fresh.push(uuid);
                Arc::default()
            });
            if stats.state.is_some() && vm.state != stats.state {
                *vm = Arc::new(VmSamples { state: stats.state, ..(**vm).clone() });
                self.changed = true;
            }
        }
        self.first_look(fresh)
    }

    /// A VM that has just begun is asked at once, unless all are being asked anyway.
    fn first_look(&mut self, mut fresh: Vec<Arc<str>>) -> Vec<Request> {
        if self.asking_bulk || !self.search.is_empty() {
            return Vec::new();
        }
        fresh.retain(|uuid| !self.asking.contains(uuid));
        fresh.truncate(AT_ONCE.saturating_sub(self.asking.len()));
        self.asking.extend(fresh.iter().cloned());
        fresh.into_iter().map(Request::One).collect()
    }

    fn take_bulk(&mut self, asked: Instant, now: Instant, result: Result<Vec<(Arc<str>, DomainStats)>, CallError>) -> Vec<Request> {
        match result {
            Ok(records) => {
                for (uuid, stats) in records {
                    self.take_sample(asked, &uuid, stats);
                }
                Vec::new()
            }
            Err(CallError::Deadline) if self.known.silent_since.is_none() => {
                self.found = 0;
                let mut suspects: Vec<Arc<str>> = self.known.vms.keys().filter(|uuid| !self.silent.contains(*uuid)).cloned().collect();
                suspects.sort();
                self.search = suspects.into();
                self.go_on_searching()
            }
            Err(error) => self.libvirt_is_silent(now, &error),
        }
    }

    fn go_on_searching(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        while self.asking.len() < AT_ONCE
            && let Some(uuid) = self.search.pop_front()
        {
            if self.known.vms.contains_key(&uuid) && self.asking.insert(Arc::clone(&uuid)) {
                requests.push(Request::One(uuid));
            }
        }
        requests
    }

    fn take_one(&mut self, asked: Instant, now: Instant, uuid: &Arc<str>, result: Result<DomainStats, CallError>) {
        match result {
            Ok(stats) => self.take_sample(asked, uuid, stats),
            Err(CallError::NoDomain) => self.forget(uuid),
            // Its turn did not come: that says nothing about the VM.
            Err(CallError::Busy) => {}
            Err(CallError::Deadline) => self.vm_is_silent(now, uuid),
            Err(error) if error.is_libvirt_timeout() => self.vm_is_silent(now, uuid),
            Err(CallError::Disconnected(_)) => self.search.clear(),
            Err(error) => tracing::debug!(vm = %uuid, %error, "no statistics"),
        }
    }

    fn take_sample(&mut self, asked: Instant, uuid: &Arc<str>, stats: DomainStats) {
        self.changed = true;
        if self.silent.remove(uuid) {
            tracing::info!(vm = %uuid, "answers again");
        }
        let before = self.known.vms.get(uuid).cloned().unwrap_or_default();
        if before.last.as_ref().is_some_and(|last| last.at >= asked) {
            // An answer that was overtaken by a newer one: counters would seem to fall.
            return;
        }
        let state = stats.state.or(before.state);
        let samples =
            VmSamples { previous: before.last.clone(), last: Some(Arc::new(Sample { at: asked, stats })), state, silent_since: None };
        self.known.vms.insert(Arc::clone(uuid), Arc::new(samples));
    }

    fn vm_is_silent(&mut self, now: Instant, uuid: &Arc<str>) {
        if self.known.silent_since.is_some() || !self.silent.insert(Arc::clone(uuid)) {
            return;
        }
        tracing::warn!(vm = %uuid, "does not answer; it is asked by itself from here on");
        if let Some(vm) = self.known.vms.get_mut(uuid) {
            *vm = Arc::new(VmSamples { silent_since: Some(now), ..(**vm).clone() });
            self.changed = true;
        }
        self.found += 1;
        if self.found >= FOUND_AT_MOST {
            self.search.clear();
        }
    }

    fn libvirt_is_silent(&mut self, now: Instant, error: &CallError) -> Vec<Request> {
        self.search.clear();
        if self.known.silent_since.is_none() {
            tracing::warn!(%error, "libvirt gives no statistics");
            self.known.silent_since = Some(now);
            self.changed = true;
        }
        Vec::new()
    }

    fn forget(&mut self, uuid: &Arc<str>) {
        self.silent.remove(uuid);
        self.changed |= self.known.vms.remove(uuid).is_some();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure. A host on a simulated clock whose VMs can freeze.
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::libvirt::DomainState;

    const DEADLINE: u64 = 5;

    /// A host where a question that a frozen VM holds up ends at its deadline, and every other at once.
    struct Host {
        planner: Planner,
        begin: Instant,
        vms: Vec<Arc<str>>,
        frozen: HashSet<Arc<str>>,
        libvirt_frozen: bool,
        /// Questions under way: when they end, when they were asked, and what comes of them.
        under_way: BTreeMap<(u64, u64), (u64, Answer)>,
        asked: u64,
        most_alone: usize,
    }

    impl Host {
        fn new(count: usize) -> Host {
            Host {
                planner: Planner::default(),
                begin: Instant::now(),
                vms: (0..count).map(|index| Arc::from(format!("vm{index:03}"))).collect(),
                frozen: HashSet::new(),
                libvirt_frozen: false,
                under_way: BTreeMap::new(),
                asked: 0,
                most_alone: 0,
            }
        }

        fn at(&self, second: u64) -> Instant {
            self.begin + Duration::from_secs(second)
        }

        fn ask(&mut self, now: u64, requests: Vec<Request>) {
            for request in requests {
                let stats = || DomainStats { state: Some(DomainState::Running), ..DomainStats::default() };
                let all =
                    |except: &[Arc<str>]| self.vms.iter().filter(|vm| !except.contains(vm)).map(|vm| (Arc::clone(vm), stats())).collect();
                let (held, answer) = match request {
                    Request::States if self.libvirt_frozen => (true, Answer::States(Err(CallError::Deadline))),
                    Request::States => (false, Answer::States(Ok(all(&[])))),
                    Request::Bulk { except } => {
                        if self.libvirt_frozen || self.frozen.iter().any(|vm| !except.contains(vm)) {
                            (true, Answer::Bulk(Err(CallError::Deadline)))
                        } else {
                            (false, Answer::Bulk(Ok(all(&except))))
                        }
                    }
                    Request::One(vm) if self.libvirt_frozen || self.frozen.contains(&vm) => {
                        (true, Answer::One(vm, Err(CallError::Deadline)))
                    }
                    Request::One(vm) => (false, Answer::One(vm, Ok(stats()))),
                };
                self.asked += 1;
                self.under_way.insert((if held { now + DEADLINE } else { now }, self.asked), (now, answer));
            }
            let alone = self.under_way.values().filter(|(_, answer)| matches!(answer, Answer::One(..))).count();
            self.most_alone = self.most_alone.max(alone);
        }

        fn run(&mut self, seconds: std::ops::Range<u64>) {
            for now in seconds {
                if now % 2 == 0 {
                    let requests = self.planner.state_tick();
                    self.ask(now, requests);
                }
                if now % 15 == 0 {
                    let requests = self.planner.full_tick();
                    self.ask(now, requests);
                }
                while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= now) {
                    let (asked, answer) = entry.remove();
                    let requests = self.planner.answered(self.at(asked), self.at(now), answer);
                    self.ask(now, requests);
                }
            }
        }

        fn age(&self, vm: &Arc<str>, now: u64) -> Option<u64> {
            self.planner.known.vms[vm].age(self.at(now)).map(|age| age.as_secs())
        }

        fn silent(&self) -> HashSet<Arc<str>> {
            self.planner.known.vms.iter().filter(|(_, vm)| vm.silent_since.is_some()).map(|(uuid, _)| Arc::clone(uuid)).collect()
        }
    }

    #[test]
    fn two_samples_give_rates_and_the_same_figures_are_not_published_twice() {
        let mut host = Host::new(3);
        host.run(0..1);
        let first = host.planner.publish().unwrap();
        assert_eq!(first.vms.len(), 3);
        assert!(first.vms.values().all(|vm| vm.previous.is_none() && vm.last.is_some()));
        host.run(1..15);
        assert!(host.planner.publish().is_none(), "states did not change");
        host.run(15..16);
        let second = host.planner.publish().unwrap();
        assert!(second.vms.values().all(|vm| vm.previous.is_some()));
        assert!(second.sequence > first.sequence);
    }

    #[test]
    fn a_new_vm_is_asked_at_once_and_one_that_ended_is_forgotten() {
        let mut host = Host::new(2);
        host.run(0..4);
        host.vms.push(Arc::from("late"));
        host.vms.remove(0);
        host.run(4..7);
        let known = &host.planner.known.vms;
        assert_eq!(known.len(), 2);
        assert!(known["late"].last.is_some());
    }

    #[test]
    fn when_libvirt_itself_stands_still_no_vm_is_blamed() {
        let mut host = Host::new(20);
        host.run(0..20);
        host.libvirt_frozen = true;
        host.run(20..120);
        assert!(host.planner.known.silent_since.is_some());
        assert!(host.silent().is_empty());
        assert_eq!(host.planner.known.vms.len(), 20, "no news is not an empty host");
        host.libvirt_frozen = false;
        host.run(120..150);
        assert!(host.planner.known.silent_since.is_none());
        assert!(host.vms.clone().iter().all(|vm| host.age(vm, 150).unwrap() <= 30));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn frozen_vms_are_named_the_others_stay_fresh_and_all_is_well_after_the_thaw(
            count in 1usize..80, picks in prop::collection::vec(0usize..80, 0..12), from in 0u64..60
        ) {
            let mut host = Host::new(count);
            host.run(0..from);
            host.frozen = picks.iter().filter_map(|pick| host.vms.get(*pick).cloned()).collect();
            host.run(from..from + 150);
            let now = from + 150;
            prop_assert_eq!(host.silent(), host.frozen.clone());
            for vm in host.vms.clone() {
                if !host.frozen.contains(&vm) {
                    prop_assert!(host.age(&vm, now).unwrap() <= 30, "{} is {:?} s old", vm, host.age(&vm, now));
                }
            }
            prop_assert!(host.most_alone <= AT_ONCE + host.frozen.len());
            host.frozen.clear();
            host.run(now..now + 40);
            prop_assert!(host.silent().is_empty());
            prop_assert!(host.vms.clone().iter().all(|vm| host.age(vm, now + 40).unwrap() <= 30));
        }
    }
}

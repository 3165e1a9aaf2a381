//! Events, calls and samples against libvirt's own test driver.
//!
//! Rung: test:///default.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use vdsm_hypervisor::libvirt::sampler::{Intervals, Sampler};
use vdsm_hypervisor::libvirt::{
    CallError, DomainState, Event, Libvirt, LibvirtConfig, Lifecycle, Resumed, StartError, StartMode, Started, StatsGroups, Status,
    Stopped, Suspended,
};

const WAIT: Duration = Duration::from_secs(10);

async fn connected(capacity: usize) -> (Libvirt, mpsc::Receiver<Event>) {
    let (sender, receiver) = mpsc::channel(capacity);
    let libvirt = Libvirt::start(LibvirtConfig::new("test:///default"), sender).unwrap();
    let up = |status: &Status| matches!(status, Status::Up { .. });
    tokio::time::timeout(WAIT, libvirt.status().wait_for(up)).await.expect("connects").unwrap();
    (libvirt, receiver)
}

fn document(uuid: &str) -> String {
    format!(
        "<domain type='test'><name>vm-{uuid}</name><uuid>{uuid}</uuid><memory unit='KiB'>65536</memory>\
         <vcpu>1</vcpu><os><type>hvm</type></os></domain>"
    )
}

fn fresh_uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The next event about `uuid`: the test driver is one for the process, and other tests' VMs live in it.
async fn next_of(events: &mut mpsc::Receiver<Event>, uuid: &str) -> Event {
    tokio::time::timeout(WAIT, async {
        loop {
            let event = events.recv().await.expect("the connection goes on");
            if event.uuid() == Some(uuid) {
                return event;
            }
        }
    })
    .await
    .expect("an event comes")
}

async fn next_lifecycle(events: &mut mpsc::Receiver<Event>, uuid: &str) -> Lifecycle {
    match next_of(events, uuid).await {
        Event::Lifecycle { event, .. } => event,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_domains_life_is_told_as_typed_events() {
    let (libvirt, mut events) = connected(256).await;
    while events.recv().await.expect("the connection goes on") != (Event::Connected { epoch: 1 }) {}
    let uuid = fresh_uuid();

    let info = libvirt.create(&uuid, document(&uuid), StartMode::Running).await.unwrap();
    assert_eq!((info.uuid.as_str(), info.state), (uuid.as_str(), DomainState::Running));
    assert_eq!(next_lifecycle(&mut events, &uuid).await, Lifecycle::Started(Started::Booted));

    libvirt.suspend(&uuid).await.unwrap();
    assert_eq!(next_lifecycle(&mut events, &uuid).await, Lifecycle::Suspended(Suspended::Paused));
    assert!(matches!(libvirt.state(&uuid).await, Ok(DomainState::Paused(_))));

    libvirt.resume(&uuid).await.unwrap();
    assert_eq!(next_lifecycle(&mut events, &uuid).await, Lifecycle::Resumed(Resumed::Unpaused));
    assert!(libvirt.domains().await.unwrap().iter().any(|row| row.uuid == uuid && row.state == DomainState::Running));

    libvirt.destroy(&uuid).await.unwrap();
    assert_eq!(next_lifecycle(&mut events, &uuid).await, Lifecycle::Stopped(Stopped::Destroyed));
    assert_eq!(libvirt.state(&uuid).await, Err(CallError::NoDomain));
    libvirt.close().await;
}

#[tokio::test]
async fn a_domain_that_is_not_there_is_its_own_error() {
    let (libvirt, _events) = connected(64).await;
    let uuid = fresh_uuid();
    assert_eq!(libvirt.suspend(&uuid).await, Err(CallError::NoDomain));
    assert_eq!(libvirt.destroy(&uuid).await, Err(CallError::NoDomain));
    assert_eq!(libvirt.destroy_gracefully(&uuid).await, Err(CallError::NoDomain));
    assert_eq!(libvirt.xml(&uuid).await, Err(CallError::NoDomain));
    assert_eq!(libvirt.pid(&uuid).await, Err(CallError::NoDomain));
    assert_eq!(libvirt.set_memory(&uuid, 1024).await, Err(CallError::NoDomain));
}

#[tokio::test]
async fn what_cannot_be_given_to_libvirt_is_refused_before_it_is() {
    let (libvirt, _events) = connected(64).await;
    let uuid = fresh_uuid();
    let cut = format!("{}\0<more/>", document(&uuid));
    assert!(matches!(libvirt.create(&uuid, cut, StartMode::Running).await, Err(CallError::Argument(_))));
    assert!(matches!(libvirt.state("a\0b").await, Err(CallError::Argument(_))));
    assert!(matches!(libvirt.create(&uuid, "<domain".to_owned(), StartMode::Running).await, Err(CallError::Libvirt { .. })));
    assert_eq!(libvirt.state(&uuid).await, Err(CallError::NoDomain));
}

#[tokio::test]
async fn memory_and_statistics_are_read_back() {
    let (libvirt, _events) = connected(64).await;
    let uuid = fresh_uuid();
    libvirt.create(&uuid, document(&uuid), StartMode::Running).await.unwrap();
    libvirt.set_memory(&uuid, 32768).await.unwrap();
    let xml = libvirt.xml(&uuid).await.unwrap();
    assert!(xml.contains("<currentMemory unit='KiB'>32768</currentMemory>"), "{xml}");

    let all = libvirt.bulk_stats(StatsGroups::STATE, None).await.unwrap();
    assert!(all.iter().any(|(row, stats)| *row == uuid && stats.state == Some(DomainState::Running)));
    let one = libvirt.bulk_stats(StatsGroups::STATE, Some(vec![uuid.clone(), fresh_uuid()])).await.unwrap();
    assert_eq!(one.iter().map(|(row, _)| row.as_str()).collect::<Vec<_>>(), [uuid.as_str()]);
    assert_eq!(one[0].1.cpu.time, None, "what the driver does not give is not zero");
    libvirt.destroy(&uuid).await.unwrap();
}

#[tokio::test]
async fn the_host_describes_itself() {
    let (libvirt, _events) = connected(64).await;
    assert!(libvirt.capabilities().await.unwrap().contains("<capabilities>"));
    let domains = libvirt.settled_domains(WAIT).await.unwrap();
    let built_in = domains.iter().find(|row| row.name == "test").expect("the test driver's own domain");
    assert_eq!(libvirt.pid(&built_in.uuid).await, Ok(None), "the test driver has no processes");
    assert!(libvirt.health().event_loop_age < Duration::from_secs(3));
}

#[tokio::test]
async fn a_receiver_that_falls_behind_is_told_to_look_again() {
    let (libvirt, mut events) = connected(2).await;
    let uuid = fresh_uuid();
    libvirt.create(&uuid, document(&uuid), StartMode::Running).await.unwrap();
    for _ in 0..5 {
        libvirt.suspend(&uuid).await.unwrap();
        libvirt.resume(&uuid).await.unwrap();
    }
    libvirt.destroy(&uuid).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let told = tokio::time::timeout(WAIT, async { while events.recv().await.expect("the connection goes on") != Event::Lost {} }).await;
    assert!(told.is_ok(), "the loss is told");
}

#[tokio::test]
async fn a_uri_that_does_not_answer_is_tried_again_and_never_replaced() {
    let (sender, mut events) = mpsc::channel(16);
    let mut config = LibvirtConfig::new("qemu+unix:///system?socket=/nonexistent/libvirt-sock");
    config.reconnect_longest = Duration::from_millis(300);
    let libvirt = Libvirt::start(config, sender).unwrap();
    let begin = Instant::now();
    let named = |status: &Status| matches!(status, Status::Connecting { reason, .. } if reason.contains("nonexistent"));
    tokio::time::timeout(WAIT, libvirt.status().wait_for(named)).await.expect("the reason is shown").unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(matches!(&*libvirt.status().borrow(), Status::Connecting { since, .. } if *since <= begin + Duration::from_secs(1)));
    match libvirt.domains().await {
        Err(CallError::Disconnected(reason)) => assert!(reason.contains("nonexistent"), "{reason}"),
        other => panic!("nothing is ever taken for no VMs: {other:?}"),
    }
    assert!(events.try_recv().is_err());
    libvirt.close().await;
}

#[tokio::test]
async fn uris_that_would_be_guessed_are_refused() {
    let start = |uri: &str| Libvirt::start(LibvirtConfig::new(uri), mpsc::channel(1).0).map(drop);
    assert!(matches!(start(""), Err(StartError::Uri(_))));
    assert!(matches!(start("qemu:///embed?root=relative"), Err(StartError::Uri(_))));
}

#[tokio::test]
async fn a_closed_handle_says_so_and_its_events_end() {
    let (libvirt, mut events) = connected(64).await;
    libvirt.close().await;
    assert!(matches!(libvirt.domains().await, Err(CallError::Disconnected(_))));
    let ended = tokio::time::timeout(WAIT, async { while events.recv().await.is_some() {} }).await;
    assert!(ended.is_ok(), "the channel ends");
}

#[tokio::test]
async fn the_sampler_shows_what_runs_and_forgets_what_ended() {
    let (libvirt, _events) = connected(64).await;
    let intervals = Intervals { states: Duration::from_millis(50), full: Duration::from_millis(200) };
    let sampler = Sampler::start(Arc::new(libvirt.clone()), intervals);
    let uuid = fresh_uuid();
    libvirt.create(&uuid, document(&uuid), StartMode::Running).await.unwrap();
    let until = Instant::now() + WAIT;
    let known = |sampler: &Sampler| sampler.samples().vms.get(uuid.as_str()).cloned();
    while known(&sampler).is_none_or(|vm| vm.previous.is_none()) {
        assert!(Instant::now() < until, "two samples come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(known(&sampler).unwrap().state, Some(DomainState::Running));
    libvirt.suspend(&uuid).await.unwrap();
    while !matches!(known(&sampler).and_then(|vm| vm.state), Some(DomainState::Paused(_))) {
        assert!(Instant::now() < until, "the new state comes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    libvirt.destroy(&uuid).await.unwrap();
    while known(&sampler).is_some() {
        assert!(Instant::now() < until, "it is forgotten");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

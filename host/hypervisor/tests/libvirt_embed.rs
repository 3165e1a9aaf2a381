//! Real QEMU processes through the embedded driver: created, measured, frozen, found again, destroyed.
//!
//! Rung: QEMU (TCG). One test only: a process has one embedded root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use vdsm_hypervisor::libvirt::sampler::{Intervals, Sampler};
use vdsm_hypervisor::libvirt::{
    CallError, DomainState, Event, Killed, Libvirt, LibvirtConfig, Lifecycle, StartMode, StatsGroups, Status, Stopped,
};
use vdsm_tests::Rung;

const WAIT: Duration = Duration::from_secs(60);
const PAUSED: &str = "6d0f1a52-7c1e-4d0e-9d55-000000000001";
const FROZEN: &str = "6d0f1a52-7c1e-4d0e-9d55-000000000002";
const STUBBORN: &str = "6d0f1a52-7c1e-4d0e-9d55-000000000003";

/// Ends what a failed test would leave behind, by the pids it saw.
#[derive(Default)]
struct Leftovers(Vec<(u32, &'static str)>);

impl Drop for Leftovers {
    fn drop(&mut self) {
        for (pid, uuid) in &self.0 {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&command).contains(uuid) {
                signal(*pid, Signal::KILL);
            }
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal);
}

async fn connected(root: &Path) -> (Libvirt, mpsc::Receiver<Event>) {
    let (sender, receiver) = mpsc::channel(256);
    let mut config = LibvirtConfig::new(format!("qemu:///embed?root={}", root.display()));
    config.deadlines.read = Duration::from_secs(2);
    config.deadlines.destroy_gracefully = Duration::from_secs(3);
    let libvirt = Libvirt::start(config, sender).unwrap();
    let up = |status: &Status| matches!(status, Status::Up { .. });
    tokio::time::timeout(WAIT, libvirt.status().wait_for(up)).await.expect("connects").unwrap();
    (libvirt, receiver)
}

fn document(uuid: &str, name: &str, disk: &Path) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os>\
         <devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{}'/>\
         <target dev='vda' bus='virtio'/></disk><memballoon model='virtio'/></devices></domain>",
        disk.display()
    )
}

async fn stopped(events: &mut mpsc::Receiver<Event>, wanted: &str) -> Stopped {
    tokio::time::timeout(WAIT, async {
        loop {
            if let Event::Lifecycle { uuid, event: Lifecycle::Stopped(how) } = events.recv().await.unwrap()
                && uuid == wanted
            {
                return how;
            }
        }
    })
    .await
    .expect("the end is told")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qemu_vms_are_created_measured_frozen_found_again_and_destroyed() {
    if !Rung::Qemu.stands() {
        return;
    }
    let root = tempfile::Builder::new().prefix("e").tempdir_in("/tmp").unwrap();
    let disk = root.path().join("d.raw");
    std::fs::write(&disk, vec![0; 1 << 20]).unwrap();
    let (libvirt, mut events) = connected(root.path()).await;
    let mut leftovers = Leftovers::default();

    let info = libvirt.create(PAUSED, document(PAUSED, "paused", &disk), StartMode::Paused).await.unwrap();
    assert!(matches!(info.state, DomainState::Paused(_)), "{info:?}");
    assert!(info.id.is_some());
    let pid = libvirt.pid(PAUSED).await.unwrap().expect("its process is known");
    leftovers.0.push((pid, PAUSED));
    assert!(std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().contains(PAUSED));
    assert!(libvirt.xml(PAUSED).await.unwrap().contains("alias name='virtio-disk0'"));

    let frozen = running(&libvirt, root.path(), FROZEN, &mut leftovers).await;
    everything_is_measured(&libvirt).await;
    one_frozen_vm_is_named_and_the_other_stays_fresh(&libvirt, frozen).await;
    a_frozen_vm_is_destroyed_at_once_and_holds_nobody_up(&libvirt, &mut events, frozen).await;
    let stubborn = running(&libvirt, root.path(), STUBBORN, &mut leftovers).await;
    a_graceful_destroy_that_hangs_can_be_cut_short(&libvirt, &mut events, stubborn).await;

    libvirt.close().await;
    drop(libvirt);
    let (libvirt, mut events) = connected(root.path()).await;
    let found = libvirt.settled_domains(WAIT).await.unwrap();
    assert_eq!(found.iter().map(|row| row.uuid.as_str()).collect::<Vec<_>>(), [PAUSED]);
    assert_eq!(libvirt.pid(PAUSED).await, Ok(Some(pid)));
    libvirt.destroy_gracefully(PAUSED).await.unwrap();
    assert_eq!(stopped(&mut events, PAUSED).await, Stopped::Destroyed);
    assert_eq!(libvirt.state(PAUSED).await, Err(CallError::NoDomain));
    libvirt.close().await;
}

async fn running(libvirt: &Libvirt, root: &Path, uuid: &'static str, leftovers: &mut Leftovers) -> u32 {
    let disk = root.join(format!("{uuid}.raw"));
    std::fs::write(&disk, vec![0; 1 << 20]).unwrap();
    libvirt.create(uuid, document(uuid, uuid, &disk), StartMode::Running).await.unwrap();
    let pid = libvirt.pid(uuid).await.unwrap().expect("its process is known");
    leftovers.0.push((pid, uuid));
    pid
}

async fn everything_is_measured(libvirt: &Libvirt) {
    // The first question of this kind has libvirt ask every QEMU program on the machine what it can do.
    assert!(libvirt.capabilities().await.unwrap().contains("<arch name='x86_64'>"));
    let mut all = libvirt.bulk_stats(StatsGroups::FULL, None).await.unwrap();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(all.iter().map(|(uuid, _)| uuid.as_str()).collect::<Vec<_>>(), [PAUSED, FROZEN]);
    let (_, stats) = &all[1];
    assert_eq!(stats.state, Some(DomainState::Running));
    assert!(stats.cpu.time.unwrap() > 0);
    assert_eq!(stats.balloon.current_kib, Some(32768));
    assert!(stats.balloon.rss_kib.unwrap() > 0);
    assert_eq!((stats.vcpus.len(), stats.vcpu_current), (1, Some(1)));
    assert_eq!((stats.blocks[0].name.as_deref(), stats.blocks[0].capacity), (Some("vda"), Some(1 << 20)));
    assert!(stats.blocks[0].read.count.is_some());
    assert!(!libvirt.cpu_models().await.unwrap().is_empty());
}

async fn one_frozen_vm_is_named_and_the_other_stays_fresh(libvirt: &Libvirt, frozen: u32) {
    let intervals = Intervals { states: Duration::from_millis(300), full: Duration::from_secs(1) };
    let sampler = Sampler::start(Arc::new(libvirt.clone()), intervals);
    let vm = |uuid: &str| sampler.samples().vms.get(uuid).cloned();
    let until = Instant::now() + WAIT;
    while vm(FROZEN).is_none_or(|vm| vm.last.is_none()) {
        assert!(Instant::now() < until, "a first sample comes");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    signal(frozen, Signal::STOP);
    let begin = Instant::now();
    while vm(FROZEN).is_none_or(|vm| vm.silent_since.is_none()) {
        assert!(begin.elapsed() < Duration::from_secs(20), "the frozen one is named");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let other = vm(PAUSED).unwrap();
        assert!(other.age(Instant::now()).unwrap() <= Duration::from_secs(4), "the other stays fresh: {other:?}");
        assert_eq!(other.silent_since, None);
    }
    let asked = Instant::now();
    assert_eq!(libvirt.suspend(FROZEN).await, Err(CallError::Deadline));
    assert!(asked.elapsed() < Duration::from_secs(1), "its lane answers at once");
    assert!(matches!(libvirt.state(PAUSED).await, Ok(DomainState::Paused(_))));
    assert!(libvirt.health().lanes.threads <= 12, "{:?}", libvirt.health());

    signal(frozen, Signal::CONT);
    let thaw = Instant::now();
    while vm(FROZEN).is_none_or(|vm| vm.silent_since.is_some()) {
        assert!(thaw.elapsed() < Duration::from_secs(20), "it is well again after the thaw");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_frozen_vm_is_destroyed_at_once_and_holds_nobody_up(libvirt: &Libvirt, events: &mut mpsc::Receiver<Event>, frozen: u32) {
    signal(frozen, Signal::STOP);
    // A question that waits for its monitor, as the sampler's do.
    assert_eq!(libvirt.bulk_stats(StatsGroups::FULL, None).await, Err(CallError::Deadline));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let begin = Instant::now();
    let (destroyed, listed) = tokio::join!(libvirt.destroy(FROZEN), libvirt.domains());
    destroyed.unwrap();
    listed.unwrap();
    assert_eq!(stopped(events, FROZEN).await, Stopped::Destroyed);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

async fn a_graceful_destroy_that_hangs_can_be_cut_short(libvirt: &Libvirt, events: &mut mpsc::Receiver<Event>, stubborn: u32) {
    signal(stubborn, Signal::STOP);
    let begin = Instant::now();
    assert_eq!(libvirt.destroy_gracefully(STUBBORN).await, Err(CallError::Deadline));
    let forced = tokio::spawn({
        let libvirt = libvirt.clone();
        async move { libvirt.destroy(STUBBORN).await }
    });
    assert_eq!(libvirt.kill(PAUSED, stubborn).await, Ok(Killed::NotItsProcess));
    assert_eq!(libvirt.kill(STUBBORN, stubborn).await, Ok(Killed::Sent));
    assert!(matches!(forced.await.unwrap(), Ok(()) | Err(CallError::NoDomain)));
    assert_eq!(stopped(events, STUBBORN).await, Stopped::Destroyed);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

//! A libvirtd that hangs, dies and comes back: noticed, told, and connected to again.
//!
//! Rung: QEMU (TCG), for what it needs: a libvirtd of the test's own in mount and PID namespaces. Its driver is libvirt's test driver.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use vdsm_hypervisor::libvirt::{CallError, Event, Libvirt, LibvirtConfig, Lifecycle, StartMode, Started, Status};
use vdsm_tests::Rung;

const WAIT: Duration = Duration::from_secs(30);
const VM: &str = "6d0f1a52-7c1e-4d0e-9d55-00000000000a";

/// libvirtd with nothing of the machine's in sight; its end is the namespaces' end.
const INSIDE: &str = "mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs tmpfs /run && \
    for d in /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do mkdir -p $d && mount -t tmpfs tmpfs $d || exit 1; done && \
    mkdir -p /run/libvirt && exec libvirtd --config \"$1/libvirtd.conf\"";

struct Daemon {
    outer: Child,
    inner: Pid,
}

impl Daemon {
    /// Starts it and waits until its socket is there; panics with its words otherwise.
    fn start(directory: &Path) -> Daemon {
        let socket = directory.join("libvirt-sock");
        let _ = std::fs::remove_file(&socket);
        let text = format!("auth_unix_rw = \"none\"\nunix_sock_dir = \"{}\"\n", directory.display());
        std::fs::write(directory.join("libvirtd.conf"), text).unwrap();
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let outer = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "bash", "-c", INSIDE, "inside"])
            .arg(directory)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut daemon = Daemon { outer, inner: Pid::INIT };
        let until = Instant::now() + WAIT;
        while !socket.exists() {
            let goes_on = daemon.outer.try_wait().unwrap().is_none() && Instant::now() < until;
            assert!(goes_on, "libvirtd did not start; it said:\n{}", std::fs::read_to_string(directory.join("log")).unwrap());
            std::thread::sleep(Duration::from_millis(50));
        }
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.outer.id())).unwrap();
        daemon.inner = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
        daemon
    }

    fn signal(&self, signal: Signal) {
        assert_ne!(self.inner, Pid::INIT);
        kill_process(self.inner, signal).unwrap();
    }

    fn end(mut self) {
        self.signal(Signal::KILL);
        self.outer.wait().unwrap();
    }
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
    tokio::time::timeout(WAIT, events.recv()).await.expect("an event comes").expect("the channel goes on")
}

#[tokio::test]
async fn qemu_a_libvirtd_that_hangs_dies_and_returns_is_followed() {
    if !Rung::Qemu.stands() {
        return;
    }
    let directory = tempfile::Builder::new().prefix("l").tempdir_in("/tmp").unwrap();
    let daemon = Daemon::start(directory.path());
    let (sender, mut events) = mpsc::channel(64);
    let mut config = LibvirtConfig::new(format!("test+unix:///default?socket={}/libvirt-sock", directory.path().display()));
    config.deadlines.read = Duration::from_millis(500);
    config.reconnect_longest = Duration::from_millis(500);
    let libvirt = Libvirt::start(config, sender).unwrap();
    assert_eq!(next(&mut events).await, Event::Connected { epoch: 1 });
    assert!(!libvirt.domains().await.unwrap().is_empty());

    daemon.signal(Signal::STOP);
    assert_eq!(libvirt.domains().await, Err(CallError::Deadline));
    assert_eq!(libvirt.health().lanes.stuck, 1);
    daemon.signal(Signal::CONT);
    assert!(!libvirt.domains().await.unwrap().is_empty());

    daemon.end();
    assert!(matches!(next(&mut events).await, Event::Disconnected { .. }));
    assert!(matches!(&*libvirt.status().borrow(), Status::Connecting { .. }));
    assert!(matches!(libvirt.domains().await, Err(CallError::Disconnected(_))), "never taken for no VMs");

    let daemon = Daemon::start(directory.path());
    assert_eq!(next(&mut events).await, Event::Connected { epoch: 2 });
    let xml = format!("<domain type='test'><name>again</name><uuid>{VM}</uuid><memory>8192</memory><os><type>hvm</type></os></domain>");
    libvirt.create(VM, xml, StartMode::Running).await.unwrap();
    assert_eq!(next(&mut events).await, Event::Lifecycle { uuid: VM.to_owned(), event: Lifecycle::Started(Started::Booted) });
    libvirt.close().await;
    daemon.end();
}

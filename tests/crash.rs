//! kill -9 at every point of every step of `create` and `destroy`: after the next start each VM runs, is Down with a reason, or is
//! gone, as its last acknowledged call says, and nothing is left behind.
//! Rung: QEMU (TCG).

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use vdsm_tests::process::{PATIENCE, wait_for};
use vdsm_tests::{Daemon, Host, Machine, Rung, source};

const VM: &str = "0d5e3a52-7f0c-4a58-8a0e-3c9f7b6f1d01";

/// One host on one private libvirtd, whose daemon dies again and again.
struct Stage {
    machine: Machine,
    host: Host,
}

/// What `list` says of the VM.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Gone,
    Runs,
    Down(String),
}

impl Stage {
    fn new() -> Stage {
        let machine = Machine::with_libvirtd();
        let host = Host::new(&[("vars", "fake_kvm_support", "true"), ("libvirt", "uri", "qemu:///system")]);
        Stage { machine, host }
    }

    fn start(&self) -> Daemon {
        self.start_with("VDSMD_DIE_AT", "")
    }

    fn start_with(&self, name: &str, value: &str) -> Daemon {
        let mut command = self.machine.command(source::program("vdsmd"));
        if !value.is_empty() {
            command.env(name, value);
        }
        let daemon = Daemon::start(self.host.path(), command);
        daemon.wait_until_serving();
        daemon
    }

    /// Every point that a whole `create` and `destroy` pass, each once.
    fn points(&self, verb: &str) -> Vec<String> {
        let file = self.host.path().join("points");
        let daemon = self.start_with("VDSMD_POINTS", file.to_str().unwrap());
        assert!(create(&daemon));
        wait_for("the VM to run", PATIENCE, || (seen(&daemon) == Seen::Runs).then_some(()));
        // The job goes on a little after the VM runs: its last step has passed when no point is added any more.
        let mut known = 0;
        wait_for("the job to end", PATIENCE, || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            let now = lines(&file).len();
            (std::mem::replace(&mut known, now) == now).then_some(())
        });
        assert!(destroy(&daemon));
        self.is_clean(&daemon);
        daemon.kill();
        let mut points: Vec<String> = Vec::new();
        for line in lines(&file) {
            if line.starts_with(&format!("{verb}/")) && !points.contains(&line) {
                points.push(line);
            }
        }
        points
    }

    /// Domains and QEMUs are what the list says; then the VM is destroyed, and nothing is left.
    fn holds_and_ends(&self, daemon: &Daemon, point: &str) {
        let state = seen(daemon);
        let running = usize::from(state == Seen::Runs);
        wait_for(&format!("{running} domain and QEMU ({point}, {state:?})"), PATIENCE, || {
            (self.domains() == running && self.machine.machines().len() == running).then_some(())
        });
        if state != Seen::Gone {
            assert!(destroy(daemon), "{point}\n{}", daemon.log());
        }
        self.is_clean(daemon);
    }

    fn is_clean(&self, daemon: &Daemon) {
        assert_eq!(seen(daemon), Seen::Gone);
        wait_for("the end of QEMU", PATIENCE, || (self.domains() == 0 && self.machine.machines().is_empty()).then_some(()));
    }

    fn domains(&self) -> usize {
        self.machine.virsh(&["list", "--all", "--name"]).split_whitespace().count()
    }
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Whether `create` was acknowledged.
fn create(daemon: &Daemon) -> bool {
    let reply = daemon.try_call("create", |arguments| {
        arguments.open_object();
        arguments.text_at("vmId", VM).text_at("vmName", "crash").text_at("vmType", "kvm").text_at("display", "vnc").int_at("memSize", 32);
        arguments.close();
    });
    reply.is_ok_and(|reply| reply.code() == 0)
}

/// Whether `destroy` was acknowledged.
fn destroy(daemon: &Daemon) -> bool {
    let reply = daemon.try_call("destroy", |arguments| {
        arguments.text(VM);
    });
    reply.is_ok_and(|reply| reply.code() == 0)
}

fn seen(daemon: &Daemon) -> Seen {
    let reply = daemon.call("list", |arguments| {
        arguments.boolean(true);
    });
    assert_eq!(reply.code(), 0);
    let ours = reply.get("vmList").items().find(|vm| vm.get("vmId").and_then(|id| id.as_text()) == Some(VM));
    let Some(vm) = ours else { return Seen::Gone };
    let text = |key| vm.get(key).and_then(|value| value.as_text()).unwrap_or_default().to_owned();
    if text("status") == "Down" { Seen::Down(text("exitMessage")) } else { Seen::Runs }
}

/// Four points a step, or the list of points is not what the test believes.
fn assert_whole(points: &[String]) {
    assert!(points.len() >= 8 && points.len().is_multiple_of(4), "{points:#?}");
}

#[test]
fn qemu_create_survives_kill_9_at_every_point() {
    if !Rung::Qemu.stands() {
        return;
    }
    let stage = Stage::new();
    let points = stage.points("create");
    assert_whole(&points);
    for point in points {
        let doomed = stage.start_with("VDSMD_DIE_AT", &point);
        let acknowledged = create(&doomed);
        assert_eq!(doomed.death().signal(), Some(9), "{point}");
        let daemon = stage.start();
        match seen(&daemon) {
            Seen::Gone => assert!(!acknowledged, "{point}: an acknowledged VM is gone"),
            Seen::Down(reason) => assert!(!reason.is_empty(), "{point}: Down without a reason"),
            Seen::Runs => {}
        }
        stage.holds_and_ends(&daemon, &point);
        daemon.kill();
    }
}

#[test]
fn qemu_destroy_survives_kill_9_at_every_point() {
    if !Rung::Qemu.stands() {
        return;
    }
    let stage = Stage::new();
    let points = stage.points("destroy");
    assert_whole(&points);
    for point in points {
        let first = stage.start();
        assert!(create(&first));
        wait_for("the VM to run", PATIENCE, || (seen(&first) == Seen::Runs).then_some(()));
        first.kill();
        let doomed = stage.start_with("VDSMD_DIE_AT", &point);
        let acknowledged = destroy(&doomed);
        assert_eq!(doomed.death().signal(), Some(9), "{point}");
        let daemon = stage.start();
        assert!(!acknowledged || seen(&daemon) == Seen::Gone, "{point}: destroyed and still there");
        stage.holds_and_ends(&daemon, &point);
        daemon.kill();
    }
}

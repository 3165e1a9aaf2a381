//! kill -9 at every point of every step of `create` and `destroy`: after the next start each VM runs, is Down with a reason, or is
//! gone, as its last acknowledged call says, and nothing is left behind.
//! Rung: QEMU (TCG).

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use vdsm_core::jobs::Point;
use vdsm_tests::process::{PATIENCE, text_of, wait_for};
use vdsm_tests::{Daemon, Host, Machine, Rung, source};

const VM: &str = "0d5e3a52-7f0c-4a58-8a0e-3c9f7b6f1d01";
/// A domain of somebody else on the same libvirtd.
const FOREIGN: &str = "<domain type='qemu'><name>foreign</name><memory unit='MiB'>16</memory>
    <os><type arch='x86_64'>hvm</type></os></domain>";

/// The steps of the verbs, each with which of its kind in the call it is.
const CREATE: [&str; 5] = ["vm.register 1", "storage.prepare 1", "vm.run-hooks 1", "vm.start 1", "vm.run-hooks 2"];
const DESTROY: [&str; 3] = ["vm.run-hooks 1", "vm.release 1", "vm.run-hooks 2"];

/// One host on one private libvirtd, whose daemon dies again and again.
struct Stage {
    machine: Machine,
    host: Host,
    /// The disk of the VM, which nobody may touch.
    disk: PathBuf,
    foreign: Foreign,
}

/// What is seen of the domain that is not ours: its document, its QEMU.
#[derive(Debug, PartialEq, Eq)]
struct Foreign {
    document: String,
    pids: Vec<u32>,
}

impl Foreign {
    /// While no VM of ours runs.
    fn of(machine: &Machine) -> Foreign {
        Foreign { document: machine.virsh(&["dumpxml", "foreign"]), pids: machine.machines() }
    }
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
        let disk = host.path().join("disk.raw");
        std::fs::write(&disk, vec![0; 1 << 20]).unwrap();
        let document = host.path().join("foreign.xml");
        std::fs::write(&document, FOREIGN).unwrap();
        machine.virsh(&["create", "--paused", document.to_str().unwrap()]);
        let foreign = Foreign::of(&machine);
        Stage { machine, host, disk, foreign }
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
        assert!(self.create(&daemon));
        wait_for("the VM to run", PATIENCE, || (seen(&daemon) == Seen::Runs).then_some(()));
        // The job goes on a little after the VM runs.
        self.job_ends();
        assert!(destroy(&daemon));
        self.is_clean("no kill");
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
        wait_for(&format!("{running} domain and QEMU ({point}, {state:?})"), PATIENCE, || self.run_exactly(running).then_some(()));
        if state != Seen::Gone {
            assert!(destroy(daemon), "{point}\n{}", daemon.log());
        }
        assert_eq!(seen(daemon), Seen::Gone, "{point}");
        self.is_clean(point);
    }

    /// The foreign domain and so many of ours are all there is.
    fn run_exactly(&self, ours: usize) -> bool {
        let names = self.machine.virsh(&["list", "--all", "--name"]);
        names.split_whitespace().count() == 1 + ours && self.machine.machines().len() == 1 + ours
    }

    fn jobs(&self) -> Value {
        serde_json::from_str(&text_of(self.tool().args(["jobs", "--json"]))).unwrap()
    }

    /// The control socket is in the machine's own `/run`.
    fn tool(&self) -> Command {
        let mut command = self.machine.command(source::program("vdsm-tool"));
        command.arg("--root").arg(self.host.path());
        command
    }

    /// No job is left in the journal, and none holds a lease.
    fn job_ends(&self) {
        wait_for("the end of the job", PATIENCE, || {
            let jobs = self.jobs();
            ["leases", "background", "written"].iter().all(|part| jobs[*part].as_array().unwrap().is_empty()).then_some(())
        });
    }

    /// Nothing of any VM of ours is left: no domain, no process, no job, lease or kept step, no file; and what is not ours is as before.
    fn is_clean(&self, point: &str) {
        wait_for(&format!("the end of QEMU ({point})"), PATIENCE, || self.run_exactly(0).then_some(()));
        self.job_ends();
        let kept = self.jobs()["kept"].clone();
        assert_eq!(kept, Value::Array(Vec::new()), "{point}: something is kept for a VM that is gone");
        let sockets = self.host.sockets();
        let expected: BTreeSet<String> = ["channels", "control.sock"].iter().map(|name| sockets.join(name).display().to_string()).collect();
        assert_eq!(self.files(&sockets), expected, "{point}");
        assert_eq!(self.files(&self.host.path().join("var/run/vdsm")), BTreeSet::new(), "{point}");
        assert_eq!(self.files(&self.host.path().join("rhev/data-center")), BTreeSet::new(), "{point}");
        assert_eq!(Foreign::of(&self.machine), self.foreign, "{point}: the domain of somebody else was touched");
        assert!(std::fs::read(&self.disk).unwrap().iter().all(|byte| *byte == 0), "{point}: the disk was written to");
    }

    /// All that lies below a folder, as the daemon sees it.
    fn files(&self, folder: &Path) -> BTreeSet<String> {
        let found = text_of(self.machine.command("find").arg(folder).args(["-mindepth", "1"]));
        found.lines().map(str::to_owned).collect()
    }

    /// Whether `create` was acknowledged.
    fn create(&self, daemon: &Daemon) -> bool {
        let reply = daemon.try_call("create", |arguments| {
            arguments.open_object();
            arguments.text_at("vmId", VM).text_at("vmName", "crash").text_at("vmType", "kvm").text_at("display", "vnc");
            arguments.int_at("memSize", 32).array_at("devices", |devices| {
                devices.open_object();
                devices.text_at("type", "disk").text_at("device", "disk").text_at("iface", "virtio").text_at("format", "raw");
                devices.text_at("path", self.disk.to_str().unwrap_or_default()).text_at("readonly", "false").close();
            });
            arguments.close();
        });
        reply.is_ok_and(|reply| reply.code() == 0)
    }
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
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

/// Four points for each step of the table, and no other: a step that is added gets its kills, or this says so.
fn assert_whole(verb: &str, steps: &[&str], points: &[String]) {
    let split = steps.iter().filter_map(|step| step.split_once(' '));
    let expected: BTreeSet<String> =
        split.flat_map(|(kind, nth)| Point::ALL.map(|point| format!("{verb}/{kind}/{}#{nth}", point.name()))).collect();
    assert_eq!(points.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!(points.len(), 4 * steps.len());
}

#[test]
fn qemu_create_survives_kill_9_at_every_point() {
    if !Rung::Qemu.stands() {
        return;
    }
    let stage = Stage::new();
    let points = stage.points("create");
    assert_whole("create", &CREATE, &points);
    for point in points {
        let doomed = stage.start_with("VDSMD_DIE_AT", &point);
        let acknowledged = stage.create(&doomed);
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
    assert_whole("destroy", &DESTROY, &points);
    for point in points {
        let first = stage.start();
        assert!(stage.create(&first));
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

//! A machine of a test's own: mount, UTS and PID namespace with an empty `/run`, the real machine's network.
//!
//! Whatever runs in it ends with it, also when the test is killed. Its first process reaps at once, which the first process of a
//! build machine may not: libvirt waits for the zombie of each QEMU. With [`Machine::with_libvirtd`] a private libvirtd runs
//! there as `qemu:///system`; the real machine's libvirt is never touched.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{self, text_of, wait_for};
use crate::source;

/// A running set of namespaces.
pub struct Machine {
    folder: TempDir,
    outer: Child,
    first: u32,
}

impl Machine {
    /// A machine in which nothing runs.
    pub fn new() -> Machine {
        Machine::up("alone")
    }

    /// A machine with a libvirtd that answers on `qemu:///system`.
    pub fn with_libvirtd() -> Machine {
        Machine::up("libvirtd")
    }

    fn up(kind: &str) -> Machine {
        let folder = tempfile::Builder::new().prefix("vdsm-m").rand_bytes(6).tempdir().expect("a temporary folder can be made");
        let log = std::fs::File::create(folder.path().join("said")).expect("a log can be made");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--uts", "--pid", "--fork", "--kill-child=KILL", "--"]);
        command.arg(source::tree().join("tests/harness/machine.sh")).arg(folder.path()).arg(kind);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        let mut outer = command.spawn().expect("unshare can be started");
        let ready = folder.path().join("ready");
        wait_for("a machine of namespaces", Duration::from_secs(60), || {
            let ended = outer.try_wait().expect("a child of ours can be waited for");
            assert!(ended.is_none(), "the machine did not come up: {}", log_of(folder.path()));
            ready.exists().then_some(())
        });
        let first = process::first_child(outer.id());
        Machine { folder, outer, first }
    }

    /// A command that will run inside. Its process is a child of the one that is spawned ([`process::first_child`]).
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.first)).args(["--mount", "--uts", "--pid", "--"]).arg(program);
        command
    }

    /// What `virsh ARGUMENTS` prints beside this machine's libvirtd; it must succeed.
    pub fn virsh(&self, arguments: &[&str]) -> String {
        text_of(self.command("virsh").args(["--connect", "qemu:///system"]).args(arguments))
    }

    /// The real machine's process ids of the QEMUs that run inside.
    pub fn machines(&self) -> Vec<u32> {
        let inside = process::children(self.first).into_iter().chain(descendants(self.first));
        let mut found: Vec<u32> = inside.filter(|pid| is_qemu(*pid)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What its first process and libvirtd said.
    pub fn log(&self) -> String {
        log_of(self.folder.path())
    }
}

impl Default for Machine {
    fn default() -> Machine {
        Machine::new()
    }
}

impl Drop for Machine {
    /// Ends the first process, and with it everything inside.
    fn drop(&mut self) {
        process::signal(self.first, Signal::KILL);
        process::signal(self.outer.id(), Signal::KILL);
        let _ = self.outer.wait();
    }
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("said")).unwrap_or_default()
}

fn descendants(pid: u32) -> Vec<u32> {
    process::children(pid).into_iter().flat_map(|child| std::iter::once(child).chain(descendants(child))).collect()
}

fn is_qemu(pid: u32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.starts_with("qemu-system") && process::is_alive(pid)
}

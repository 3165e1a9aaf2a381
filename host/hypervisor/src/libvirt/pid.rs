//! The QEMU process of a domain: libvirt's pid file, believed only when the process itself carries the domain's uuid.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use super::domain::Killed;
use super::embed;

/// Where libvirt keeps pid files for `uri`; none for drivers without processes.
pub(crate) fn run_directory(uri: &str) -> Option<PathBuf> {
    match embed::root(uri) {
        Some(root) => Some(root.join("run/qemu")),
        None => uri.starts_with("qemu:///system").then(|| PathBuf::from("/run/libvirt/qemu")),
    }
}

/// The process of the domain `name`, `uuid`. A file may be left over and its number be another process's by now.
pub(crate) fn find(run: Option<&Path>, name: &str, uuid: &str) -> Option<u32> {
    let text = std::fs::read_to_string(run?.join(format!("{name}.pid"))).ok()?;
    let pid = text.trim().parse::<u32>().ok()?;
    is_of(pid, uuid).then_some(pid)
}

/// Ends the process with SIGKILL, unless it is not (or no longer) the domain's.
pub(crate) fn kill(pid: u32, uuid: &str) -> Killed {
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw);
    match target {
        Some(target) if is_of(pid, uuid) && kill_process(target, Signal::KILL).is_ok() => Killed::Sent,
        _ => Killed::NotItsProcess,
    }
}

/// libvirt gives QEMU the domain's uuid as an argument of its own.
fn is_of(pid: u32, uuid: &str) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|command| command.split(|byte| *byte == 0).any(|argument| argument.eq_ignore_ascii_case(uuid.as_bytes())))
}

//! Processes as a test needs them: ended by id, waited for with a limit, never left behind.

use std::process::{Child, ExitStatus, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long the harness waits for anything that should be quick.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks `done` every 20 ms until it gives a value; panics naming `what` after `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut done: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal to one process; whether it was still there.
pub fn signal(pid: u32, signal: Signal) -> bool {
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
    id.is_some_and(|id| kill_process(id, signal).is_ok())
}

/// Whether the process is there and not a zombie.
pub fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains("Z (zombie)"))
}

/// The children of a process, all its threads' ones.
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    texts.flat_map(|text| text.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// The first child of a process, waited for.
pub fn first_child(pid: u32) -> u32 {
    wait_for(&format!("a child of process {pid}"), PATIENCE, || children(pid).first().copied())
}

/// Waits for a child of ours to end by itself; panics after `limit`.
pub fn wait_end(child: &mut Child, limit: Duration) -> ExitStatus {
    let what = format!("process {} to end", child.id());
    wait_for(&what, limit, || child.try_wait().expect("a child of ours can be waited for"))
}

/// The standard output of a command that must succeed; panics with all it said otherwise.
pub fn text_of(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, words(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All that a command said.
pub fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

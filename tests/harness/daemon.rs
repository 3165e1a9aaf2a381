//! The real daemon as a process: started on a root, spoken to over its port, ended by signal.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use rustix::process::Signal;
use tokio::runtime::Runtime;
use vdsm_core::tree::{Tree, TreeBuilder, Value};
use vdsm_xmlrpc::{CallError, Client};

use crate::process::{self, PATIENCE, wait_end, wait_for};

/// A running `vdsmd`; killed when dropped.
pub struct Daemon {
    child: Child,
    pid: u32,
    address: SocketAddr,
    client: Client,
    runtime: Runtime,
    log: PathBuf,
}

impl Daemon {
    /// Starts `program` with `--root ROOT` and waits for the line that says where it listens; panics with its words otherwise.
    pub fn start(root: &Path, program: Command) -> Daemon {
        let log = root.join("var/log/vdsm");
        let mut child = spawn(root, program, &log);
        let lines = lines_of(child.stdout.take().expect("its output is a pipe"));
        let Ok(first) = lines.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("the daemon did not listen within {PATIENCE:?}; it said:\n{}", read(&log));
        };
        let address = address_in(&first).unwrap_or_else(|| panic!("no address in the first line of the daemon: {first}"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime can be made");
        let client = Client::tcp(address.ip().to_string(), address.port());
        let pid = vdsmd_of(child.id());
        Daemon { child, pid, address, client, runtime, log }
    }

    /// Starts `program`, which must end by itself instead of listening: its exit status and its words.
    pub fn refuses(root: &Path, program: Command) -> (ExitStatus, String) {
        let log = root.join("var/log/vdsm");
        let mut child = spawn(root, program, &log);
        let lines = lines_of(child.stdout.take().expect("its output is a pipe"));
        let status = wait_end(&mut child, PATIENCE);
        let printed: Vec<String> = lines.into_iter().collect();
        (status, format!("{}\n{}", printed.join("\n"), read(&log)))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The daemon's own process id, also when it runs in a machine of its own.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it said so far, on standard error and in its log, all starts on this root together.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// Calls `method` with the positional arguments that `fill` writes.
    pub fn try_call(&self, method: &str, fill: impl FnOnce(&mut TreeBuilder)) -> Result<Reply, CallError> {
        self.runtime.block_on(self.client.call(method, &Tree::array(fill))).map(Reply)
    }

    /// The same; panics with the daemon's words when there is no reply.
    pub fn call(&self, method: &str, fill: impl FnOnce(&mut TreeBuilder)) -> Reply {
        self.try_call(method, fill).unwrap_or_else(|error| panic!("{method}: {error} ({error:?})\nthe daemon said:\n{}", self.log()))
    }

    /// A second manager of the same daemon, with a connection of its own.
    pub fn another_client(&self) -> Peer {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        Peer { client: Client::tcp(self.address.ip().to_string(), self.address.port()), runtime }
    }

    /// Waits until libvirt has answered: until `list` no longer says 99 (recovering from crash or still initializing).
    pub fn wait_until_serving(&self) {
        wait_for("libvirt behind the daemon", PATIENCE, || (self.call("list", |_| {}).code() != 99).then_some(()));
    }

    /// Waits until it has ended by itself.
    pub fn death(mut self) -> ExitStatus {
        wait_end(&mut self.child, PATIENCE)
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(mut self) -> ExitStatus {
        process::signal(self.pid, Signal::KILL);
        wait_end(&mut self.child, PATIENCE)
    }

    /// SIGTERM, and waits for the orderly end.
    pub fn stop(mut self) -> ExitStatus {
        process::signal(self.pid, Signal::TERM);
        wait_end(&mut self.child, PATIENCE)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        process::signal(self.pid, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A client beside the daemon's own, for calls that meet.
pub struct Peer {
    client: Client,
    runtime: Runtime,
}

impl Peer {
    /// Calls `method` with the positional arguments that `fill` writes; panics when there is no reply.
    pub fn call(&self, method: &str, fill: impl FnOnce(&mut TreeBuilder)) -> Reply {
        let reply = self.runtime.block_on(self.client.call(method, &Tree::array(fill))).map(Reply);
        reply.unwrap_or_else(|error| panic!("{method}: {error} ({error:?})"))
    }
}

/// A verb's reply.
pub struct Reply(Tree);

impl Reply {
    /// The whole value.
    pub fn value(&self) -> Value<'_> {
        self.0.root()
    }

    /// `status.code`.
    pub fn code(&self) -> i32 {
        self.status("code").as_int().unwrap_or_else(|| panic!("status.code is no int in {:?}", self.0))
    }

    /// `status.message`.
    pub fn message(&self) -> &str {
        self.status("message").as_text().unwrap_or_else(|| panic!("status.message is no text in {:?}", self.0))
    }

    /// A member beside the status; panics when it is missing.
    pub fn get(&self, key: &str) -> Value<'_> {
        self.value().get(key).unwrap_or_else(|| panic!("no {key} in {:?}", self.0))
    }

    fn status(&self, key: &str) -> Value<'_> {
        let found = self.value().get("status").and_then(|status| status.get(key));
        found.unwrap_or_else(|| panic!("no status.{key} in {:?}", self.0))
    }
}

/// Where a daemon's standard error goes, beside its log.
const STDERR: &str = "stderr.txt";

fn spawn(root: &Path, mut program: Command, log: &Path) -> Child {
    let stderr = File::options().create(true).append(true).open(log.join(STDERR)).expect("the log folder was installed");
    program.arg("--root").arg(root).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
    // For a person who looks for a fault: `VDSM_TEST_LOG=debug make test FILTER=…`.
    if let Some(level) = std::env::var_os("VDSM_TEST_LOG") {
        program.arg("--log").arg(level);
    }
    program.spawn().unwrap_or_else(|error| panic!("{program:?}: {error}"))
}

/// The lines of a pipe, read on a thread so that the daemon never waits for us.
fn lines_of(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

fn address_in(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("listening on http://")?.strip_suffix('/')?.parse().ok()
}

/// The process that is vdsmd: the one that was started, or the child of the one that entered a machine for it.
fn vdsmd_of(started: u32) -> u32 {
    let name = std::fs::read_to_string(format!("/proc/{started}/comm")).unwrap_or_default();
    if name.trim() == "nsenter" { process::first_child(started) } else { started }
}

fn read(log: &Path) -> String {
    [STDERR, "vdsm.log"].iter().filter_map(|name| std::fs::read_to_string(log.join(name)).ok()).collect()
}

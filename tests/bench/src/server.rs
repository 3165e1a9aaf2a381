//! A server as a process of its own: the daemon, the floor or the peer, each of which first says where it listens.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::load::Client;
use crate::machine;
use crate::setup::Setup;

/// How long a server may take to listen, to serve and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts `command`, gives it `input` and waits for its line.
    pub(crate) fn start(mut command: Command, input: &[u8]) -> anyhow::Result<Server> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input).context("its input")?;
        }
        let output = child.stdout.take();
        let mut server = Server { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let (tell, told) = mpsc::sync_channel(1);
        // Goes on reading, so that the server never waits for a full pipe.
        std::thread::spawn(move || {
            for line in output.map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
                let _ = tell.try_send(line);
            }
        });
        let line: String = told.recv_timeout(PATIENCE).with_context(|| format!("{} does not listen", command.get_program().display()))?;
        server.address = address_in(&line).with_context(|| format!("no address in `{line}`"))?;
        Ok(server)
    }

    /// Starts the daemon with `words` added to its command line and waits until it serves global verbs; also how long that took.
    pub(crate) fn daemon(setup: &Setup, words: &[String]) -> anyhow::Result<(Server, Duration)> {
        configure(&setup.root)?;
        let mut command = Command::new(setup.root.join("usr/sbin/vdsmd"));
        command.arg("--root").arg(&setup.root).args(words);
        let log = std::fs::File::create(setup.root.join("bench-daemon.log")).context("the daemon's own words")?;
        command.stderr(log);
        let start = Instant::now();
        let server = Server::start(command, b"")?;
        server.wait_until_served(start + PATIENCE)?;
        Ok((server, start.elapsed()))
    }

    fn wait_until_served(&self, until: Instant) -> anyhow::Result<()> {
        let mut client = Client::connect(self.address, "ping")?;
        loop {
            let answer = String::from_utf8_lossy(client.call()?).into_owned();
            if answer.contains("<int>0</int>") {
                return Ok(());
            }
            ensure!(Instant::now() < until, "the daemon keeps answering {answer}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Makes a machine and waits until it runs; how long that took, calls of `list` that watch it included.
    pub(crate) fn create(&self, index: usize, disks: &[PathBuf; 2]) -> anyhow::Result<Duration> {
        let mut create = Client::with(self.address, "create", &machine::arguments(index, disks))?;
        let mut list = Client::with(self.address, "list", &machine::listed(index))?;
        let begun = Instant::now();
        create.call_well()?;
        loop {
            let answer = String::from_utf8_lossy(list.call_well()?).into_owned();
            if answer.contains(">Powering up<") || answer.contains(">Up<") {
                return Ok(begun.elapsed());
            }
            ensure!(answer.contains(">WaitForLaunch<") && begun.elapsed() < PATIENCE, "machine {index} does not run: {answer}");
        }
    }

    /// Ends a machine, when there is one.
    pub(crate) fn destroy(&self, index: usize) -> anyhow::Result<()> {
        Client::with(self.address, "destroy", &machine::named(index))?.call().map(drop)
    }

    /// Starts the floor that sends `body`.
    pub(crate) fn floor(body: &[u8]) -> anyhow::Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor");
        Server::start(command, body)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its resident memory in MiB.
    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                bail!("process {} does not end", self.child.id());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, address) = line.split_once("://")?;
    address.trim().trim_end_matches('/').parse().ok()
}

/// The configuration of a daemon that is only measured: loopback, no TLS, libvirt's test driver.
pub(crate) fn configure(root: &Path) -> anyhow::Result<()> {
    let path = root.join("etc/vdsm/vdsm.conf");
    let text = "# Written by vdsm-bench.\n[vars]\nssl = false\n[addresses]\nmanagement_ip = 127.0.0.1\nmanagement_port = 0\n\
                [libvirt]\nuri = test:///default\n";
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    //! Rung: pure, and mock host where the peer runs as a process.
    #![allow(clippy::unwrap_used)]

    use vdsm_tests::Rung;

    use super::*;
    use crate::peer;

    const PYTHON: &str = "/usr/bin/python3";

    #[test]
    fn the_line_of_a_server_names_its_address() {
        assert_eq!(address_in("listening on http://127.0.0.1:8080/"), "127.0.0.1:8080".parse().ok());
        assert_eq!(address_in("listening"), None);
    }

    #[test]
    fn the_python_peer_answers_the_statistics_it_was_given() {
        if !Rung::MockHost.stands_with(PYTHON) {
            return;
        }
        let python = Path::new(PYTHON);
        let stats = b"<?xml version='1.0'?><methodResponse><params><param><value><struct>\
            <member><name>status</name><value><struct><member><name>code</name><value><int>0</int></value></member></struct></value>\
            </member>\
            <member><name>statsList</name><value><array><data><value><string>seven</string></value></data></array></value></member>\
            </struct></value></param></params></methodResponse>";
        let peer = peer::start(python, stats).unwrap();
        let mut client = Client::connect(peer.address(), "getAllVmStats").unwrap();
        let first = client.call().unwrap().to_vec();
        assert!(String::from_utf8_lossy(&first).contains("seven"));
        assert_eq!(client.call().unwrap(), first, "on one connection");
        let mut ping = Client::connect(peer.address(), "ping").unwrap();
        assert!(String::from_utf8_lossy(ping.call().unwrap()).contains("<int>0</int>"));
        peer.stop().unwrap();
    }
}

//! The peer: a host agent in plain Python, which answers `ping` and a given `getAllVmStats`.

use std::path::Path;
use std::process::Command;

use crate::server::Server;

const PROGRAM: &str = include_str!("peer.py");

/// Starts it; `stats` is a whole XML-RPC answer to `getAllVmStats`, whose keys and values it serves as its own.
pub(crate) fn start(python: &Path, stats: &[u8]) -> anyhow::Result<Server> {
    let mut command = Command::new(python);
    // -I: nothing of the user's or the current directory's.
    command.args(["-I", "-c", PROGRAM]);
    Server::start(command, stats)
}

//! The QEMU process of a domain, by pid and start time: what tells "gone" from "not listed yet" when libvirt cannot.

use serde::{Deserialize, Serialize};

/// A process that cannot be mistaken for a later one of the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// When it began, in clock ticks after the boot (`/proc/PID/stat`, field 22).
    pub started: u64,
}

impl Process {
    /// The running process `pid`.
    pub fn of(pid: u32) -> Option<Process> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the command in brackets and may hold blanks; the state follows it, and a zombie has ended.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (state != "Z").then_some(Process { pid, started })
    }

    /// Whether it still runs.
    pub fn is_alive(self) -> bool {
        Process::of(self.pid) == Some(self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure, with this process's own `/proc` entry.
    use super::*;

    #[test]
    fn this_process_is_alive_and_one_of_another_start_is_not() {
        let this = Process::of(std::process::id()).unwrap();
        assert!(this.is_alive());
        assert!(!Process { started: this.started + 1, ..this }.is_alive());
    }
}

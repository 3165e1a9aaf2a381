//! The rungs of the test ladder, and the visible skip, for the tests of all crates.
//!
//! A test that cannot run here says so by [`skip`]: a line to standard error and one to the file named by `VDSM_SKIPS`
//! (`RUNG<tab>TEST<tab>REASON`). `make test` prints that file, `.ci/run` fails when a rung against libvirt or QEMU is in it.

use std::io::Write;
use std::path::Path;

/// What a test stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Values in, values out.
    Pure,
    /// A real daemon or component on made-up rooms.
    MockHost,
    /// libvirt's test driver.
    TestDriver,
    /// A real QEMU without KVM, by libvirt.
    Qemu,
}

impl Rung {
    /// The rung as it stands in the skip file and in a test file's head.
    pub fn name(self) -> &'static str {
        match self {
            Rung::Pure => "pure",
            Rung::MockHost => "mock host",
            Rung::TestDriver => "test:///default",
            Rung::Qemu => "QEMU (TCG)",
        }
    }

    /// Whether this machine can run it; the reason if not, already reported as a skip.
    pub fn stands(self) -> bool {
        let missing = match self {
            Rung::Pure | Rung::MockHost => None,
            Rung::TestDriver => library_missing(),
            Rung::Qemu => library_missing().or_else(qemu_missing),
        };
        missing.inspect(|reason| skip(self, reason)).is_none()
    }

    /// The same, where the test needs `program` too: a name on the path, or a path.
    pub fn stands_with(self, program: &str) -> bool {
        let there = on_path(program);
        if !there {
            skip(self, &format!("{program} is not installed"));
        }
        there && self.stands()
    }
}

fn library_missing() -> Option<String> {
    let linked = ["/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    let found = linked.iter().any(|folder| Path::new(folder).join("libvirt.so.0").exists());
    (!found).then(|| "libvirt is not installed".to_owned())
}

fn qemu_missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("libvirt's QEMU driver and namespaces need root".to_owned());
    }
    let needed = ["qemu-system-x86_64", "qemu-img", "libvirtd", "virsh", "unshare", "nsenter"];
    let absent = needed.iter().find(|program| !on_path(program))?;
    Some(format!("{absent} is not installed"))
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).any(|folder| folder.join(program).exists())
}

/// Reports that the calling test does not run, and why.
pub fn skip(rung: Rung, reason: &str) {
    let test = std::thread::current().name().unwrap_or("unnamed").to_owned();
    eprintln!("skipped: {}: {test}: {reason}", rung.name());
    let Some(path) = std::env::var_os("VDSM_SKIPS") else { return };
    let line = format!("{}\t{test}\t{reason}\n", rung.name());
    let written = std::fs::OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        panic!("a skip could not be written to {}: {error}", Path::new(&path).display());
    }
}

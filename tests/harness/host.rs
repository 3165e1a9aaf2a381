//! A complete host in a temporary folder, laid by the same script as `make install`.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use vdsm_core::root::Root;

use crate::daemon::Daemon;
use crate::machine::Machine;
use crate::process::text_of;
use crate::source;

/// One line of `vdsm.conf`: section, key, value.
pub type Setting<'a> = (&'a str, &'a str, &'a str);

/// What every test wants: no TLS, loopback, a port of the kernel's choice.
const PLAIN: [Setting<'static>; 3] =
    [("vars", "ssl", "false"), ("addresses", "management_ip", "127.0.0.1"), ("addresses", "management_port", "0")];

/// A root for `vdsmd --root`, removed at the end of the test.
pub struct Host {
    folder: TempDir,
}

impl Host {
    /// A root with the built components, the packaged manifests and `vdsm.conf`: plain settings, then `settings`.
    ///
    /// The path is short: sockets of QEMU may lie below it, and a socket's path ends at 107 bytes.
    pub fn new(settings: &[Setting<'_>]) -> Host {
        let folder = tempfile::Builder::new().prefix("vdsm-").rand_bytes(6).tempdir().expect("a temporary folder can be made");
        install(folder.path(), &["modules", "configuration", "directories"]);
        let host = Host { folder };
        host.configure(&PLAIN);
        host.configure(settings);
        host
    }

    /// A root whose daemon uses libvirt's test driver.
    pub fn on_test_driver() -> Host {
        Host::new(&[("libvirt", "uri", "test:///default")])
    }

    /// A root whose daemon runs libvirt's QEMU driver in itself, VMs without KVM.
    pub fn on_embedded_qemu() -> Host {
        let host = Host::new(&[("vars", "fake_kvm_support", "true")]);
        let uri = format!("qemu:///embed?root={}", host.embedded().display());
        host.configure(&[("libvirt", "uri", &uri)]);
        host
    }

    /// The root's path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the embedded driver keeps its files, for a host made by [`Host::on_embedded_qemu`].
    pub fn embedded(&self) -> PathBuf {
        self.path().join("libvirt")
    }

    /// Sets lines of `vdsm.conf`, replacing those of the same section and key.
    pub fn configure(&self, settings: &[Setting<'_>]) {
        let path = self.path().join("etc/vdsm/vdsm.conf");
        let mut text = std::fs::read_to_string(&path).expect("vdsm.conf was installed");
        for (section, key, value) in settings {
            text = with_setting(&text, section, key, value);
        }
        std::fs::write(&path, text).expect("vdsm.conf can be written");
    }

    /// Adds a module: its manifest, which names `NAME.wasm`, and that component.
    pub fn add_module(&self, name: &str, manifest: &str, component: &[u8]) {
        std::fs::write(self.manifest(name), manifest).expect("modules.d was installed");
        std::fs::write(self.component(name), component).expect("the modules' folder was installed");
    }

    /// The manifest of a module.
    pub fn manifest(&self, module: &str) -> PathBuf {
        self.path().join(format!("etc/vdsm/modules.d/{module}.toml"))
    }

    /// The packaged component of a module.
    pub fn component(&self, module: &str) -> PathBuf {
        self.path().join(format!("usr/lib/vdsm/modules/{module}.wasm"))
    }

    /// The folder of its sockets, outside of the root because socket paths are short.
    pub fn sockets(&self) -> PathBuf {
        Root::at(self.path()).expect("the root is there").sockets()
    }

    /// Starts the daemon and waits until it listens.
    pub fn start(&self) -> Daemon {
        Daemon::start(self.path(), Command::new(source::program("vdsmd")))
    }

    /// The same in a machine of its own, whose QEMUs end with it.
    pub fn start_in(&self, machine: &Machine) -> Daemon {
        Daemon::start(self.path(), machine.command(source::program("vdsmd")))
    }

    /// What `vdsm-tool --root ROOT ARGUMENTS` prints; it must succeed.
    pub fn tool(&self, arguments: &[&str]) -> String {
        text_of(Command::new(source::program("vdsm-tool")).arg("--root").arg(self.path()).args(arguments))
    }
}

impl Drop for Host {
    /// Takes the folder of its sockets away; in a machine of its own it ended with the machine.
    fn drop(&mut self) {
        if let Ok(root) = Root::at(self.path()) {
            let _ = std::fs::remove_dir_all(root.sockets());
        }
    }
}

/// Runs the installation of `parts` into `root`; what it prints.
pub fn install(root: &Path, parts: &[&str]) -> String {
    text_of(installation(root).args(parts))
}

/// The installation script with the folders of this build, for a test that sets more of its environment.
pub fn installation(root: &Path) -> Command {
    let mut command = Command::new(source::tree().join("packaging/build/install.sh"));
    for inherited in ["prefix", "sysconfdir", "localstatedir", "sbindir", "bindir"] {
        command.env_remove(inherited);
    }
    command.env("DESTDIR", root).env("PROGRAMS", source::programs()).env("MODULES", source::modules());
    command
}

/// `text` with one setting: in its section, which is added when missing; an earlier line of the key goes.
fn with_setting(text: &str, section: &str, key: &str, value: &str) -> String {
    let header = format!("[{section}]");
    let mut lines: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line.trim() == header;
        }
        let same = inside && line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
        if !same {
            lines.push(line.to_owned());
        }
    }
    let line = format!("{key} = {value}");
    match lines.iter().position(|line| line.trim() == header) {
        Some(at) => lines.insert(at + 1, line),
        None => lines.extend([header, line]),
    }
    lines.join("\n") + "\n"
}

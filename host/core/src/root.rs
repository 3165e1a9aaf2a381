//! Every path of ours, under one root.
//!
//! The root rebases only our own trees (design section 8): what a manager names is the host's path, as sent.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The directory under which all our trees lie; `/` in production.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// A root at `directory`, which must exist.
    pub fn at(directory: &Path) -> std::io::Result<Root> {
        Ok(Root(directory.canonicalize()?))
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether this is `/`.
    pub fn is_system(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// `logical` (with or without a leading slash) as the path to open.
    pub fn join(&self, logical: &str) -> PathBuf {
        self.0.join(logical.trim_start_matches('/'))
    }

    /// `etc/vdsm/vdsm.conf`.
    pub fn configuration(&self) -> PathBuf {
        self.join("etc/vdsm/vdsm.conf")
    }

    /// `etc/vdsm/modules.d`: one manifest a module, the operator's.
    pub fn manifests(&self) -> PathBuf {
        self.join("etc/vdsm/modules.d")
    }

    /// `usr/lib/vdsm/modules`: components as packaged.
    pub fn packaged_modules(&self) -> PathBuf {
        self.join("usr/lib/vdsm/modules")
    }

    /// `var/lib/vdsm`: the store and the component store.
    pub fn state(&self) -> PathBuf {
        self.join("var/lib/vdsm")
    }

    /// `var/run/vdsm`: what a reboot may lose.
    pub fn run(&self) -> PathBuf {
        self.join("var/run/vdsm")
    }

    /// `var/log/vdsm`.
    pub fn log(&self) -> PathBuf {
        self.join("var/log/vdsm")
    }

    /// `rhev/data-center`: the storage repository.
    pub fn repository(&self) -> PathBuf {
        self.join("rhev/data-center")
    }

    /// Where our sockets lie: `/run/vdsm/<8 hex of the root>`, short because socket paths end at 107 bytes. At root `/` VDSM's
    /// own `/var/run/vdsm`.
    pub fn sockets(&self) -> PathBuf {
        if self.is_system() { PathBuf::from("/var/run/vdsm") } else { PathBuf::from("/run/vdsm").join(self.tag()) }
    }

    /// Where guest agent channels lie: VDSM's directory at root `/`, else below [`Root::sockets`].
    pub fn channels(&self) -> PathBuf {
        if self.is_system() { PathBuf::from("/var/lib/libvirt/qemu/channels") } else { self.sockets().join("channels") }
    }

    /// The control socket that vdsm-tool speaks to.
    pub fn control_socket(&self) -> PathBuf {
        self.sockets().join("control.sock")
    }

    /// Eight hex digits of the root's path.
    pub fn tag(&self) -> String {
        let digest = Sha256::digest(self.0.as_os_str().as_encoded_bytes());
        digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

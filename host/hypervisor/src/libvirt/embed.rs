//! The embedded driver (`qemu:///embed?root=DIR`): libvirt within this process, for development.
//!
//! It reads `DIR/etc/qemu.conf`, which we write before the first opening: without it libvirt asks for virtlogd, which does not run,
//! and changes owners of images. A file without our first line is the operator's and stays as it is.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::pid;
use crate::xml::Element;

/// The first line of the file we write; what bears it is ours to replace.
const MARK: &str = "# Written by vdsmd for the embedded libvirt; an edit is overwritten unless this line is removed.";

/// `user` and `group`: run as another user, QEMU may not open `/dev/kvm`, and libvirt then asks QEMU anew what it can do at every
/// start, which takes half a minute each time.
const SETTINGS: &str = r#"stdio_handler = "file"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
"#;

/// The root directory that an embedded URI names; none for every other URI.
pub(crate) fn root(uri: &str) -> Option<PathBuf> {
    let (path, query) = uri.strip_prefix("qemu:///")?.split_once('?')?;
    if path != "embed" {
        return None;
    }
    query.split('&').find_map(|pair| pair.strip_prefix("root=")).map(|root| PathBuf::from(percent_decoded(root)))
}

/// Writes the driver's configuration below `root`.
pub(crate) fn prepare(root: &Path) -> std::io::Result<()> {
    let directory = root.join("etc");
    std::fs::create_dir_all(&directory)?;
    let file = directory.join("qemu.conf");
    let wanted = format!("{MARK}\n{SETTINGS}");
    match std::fs::read_to_string(&file) {
        Ok(present) if present == wanted => return Ok(()),
        Ok(present) if !present.starts_with(MARK) => {
            tracing::info!(file = %file.display(), "kept as it is: it is not ours");
            return Ok(());
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let fresh = directory.join("qemu.conf.new");
    let mut out = std::fs::File::create(&fresh)?;
    out.write_all(wanted.as_bytes())?;
    out.sync_all()?;
    std::fs::rename(&fresh, &file)
}

/// Forgets domains whose start died with the process that libvirt was in: their status has no process (`pid='0'`), and a libvirt that
/// takes one of them up again never gets past it. A QEMU that was begun all the same is ended. Before the first opening only: later
/// such a status belongs to a start of our own.
pub(crate) fn forget_unborn(root: &Path) {
    let run = root.join("run/qemu");
    // Without the directory nothing was ever started.
    let Ok(entries) = std::fs::read_dir(&run) else { return };
    for file in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.extension().is_some_and(|end| end == "xml")) {
        let Some((name, uuid)) = std::fs::read_to_string(&file).ok().and_then(|status| unborn(&status)) else { continue };
        let killed = pid::find(Some(&run), &name, &uuid).map(|process| pid::kill(process, &uuid));
        match std::fs::remove_file(&file) {
            Ok(()) => tracing::warn!(vm = uuid, status = %file.display(), ?killed, "its start was cut short; forgotten"),
            Err(error) => {
                tracing::error!(vm = uuid, status = %file.display(), %error, "its start was cut short, and it cannot be forgotten")
            }
        }
    }
}

/// Name and uuid of the domain, when its status is that of one without a process.
fn unborn(status: &str) -> Option<(String, String)> {
    let status = Element::parse(status).ok()?;
    let domain = status.child("domain").filter(|_| status.name == "domstatus" && status.attribute("pid") == Some("0"))?;
    Some((domain.child_text("name")?.to_owned(), domain.child_text("uuid")?.to_owned()))
}

/// `%20` and the like as the characters they stand for.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = rest.get(3..).unwrap_or(&[]);
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use super::*;

    #[test]
    fn only_an_embedded_uri_has_a_root() {
        assert_eq!(root("qemu:///embed?root=/tmp/a%20b"), Some(PathBuf::from("/tmp/a b")));
        assert_eq!(root("qemu:///embed?x=1&root=/v/l"), Some(PathBuf::from("/v/l")));
        assert_eq!(root("qemu:///system"), None);
        assert_eq!(root("qemu:///system?root=/x"), None);
        assert_eq!(root("test:///default"), None);
    }

    #[test]
    fn a_domain_without_a_process_is_forgotten_and_no_other() {
        let root = tempfile::tempdir().unwrap();
        forget_unborn(root.path());
        let run = root.path().join("run/qemu");
        std::fs::create_dir_all(&run).unwrap();
        let status = |pid: u32| {
            format!(
                "<!-- WARNING -->\n<domstatus state='paused' reason='starting up' pid='{pid}'>\n  <domain type='qemu'>\n    \
                 <name>a</name>\n    <uuid>11111111-2222-4333-8444-555555555555</uuid>\n  </domain>\n</domstatus>"
            )
        };
        for (file, text) in [("unborn.xml", status(0)), ("born.xml", status(77)), ("other.xml", "no status".into()), ("a.pid", "0".into())]
        {
            std::fs::write(run.join(file), text).unwrap();
        }
        forget_unborn(root.path());
        let mut left: Vec<_> = std::fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["a.pid", "born.xml", "other.xml"]);
    }

    #[test]
    fn our_file_is_renewed_and_the_operators_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("etc/qemu.conf");
        prepare(directory.path()).unwrap();
        let first = std::fs::read_to_string(&file).unwrap();
        assert!(first.contains("stdio_handler = \"file\""));
        std::fs::write(&file, format!("{MARK}\nuser = \"qemu\"\n")).unwrap();
        prepare(directory.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
        std::fs::write(&file, "user = \"qemu\"\n").unwrap();
        prepare(directory.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "user = \"qemu\"\n");
    }
}

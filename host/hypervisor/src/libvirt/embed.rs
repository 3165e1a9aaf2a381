//! The embedded driver (`qemu:///embed?root=DIR`): libvirt within this process, for development.
//!
//! It reads `DIR/etc/qemu.conf`, which we write before the first opening: without it libvirt asks for virtlogd, which does not run,
//! and changes owners of images. A file without our first line is the operator's and stays as it is.

use std::io::Write;
use std::path::{Path, PathBuf};

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

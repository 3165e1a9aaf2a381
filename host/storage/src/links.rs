//! The repository's links to local directories: `rhev/data-center/mnt/<name>` for each connected one.
//!
//! The name is VDSM's encoding of the address as the manager sent it, because disk paths of running machines contain it and a
//! peer must come to the same one. The link's target is the host's path, as sent: QEMU opens it. Everything here goes through a
//! directory handle, so no name can lead out of the repository.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use vdsm_core::root::Root;

use crate::errors::StorageError;

/// The name of an address in the repository: `_` is doubled, then `/` becomes `_`; colons, brackets, case and trailing slashes
/// stay. Not reversible: `/a/_b` and `/a_/b` share a name, as in VDSM.
pub fn name_of(address: &str) -> String {
    address.replace('_', "__").replace('/', "_")
}

/// Whether two paths name the same place once doubled and trailing slashes are taken away.
pub fn same_place(one: &str, other: &str) -> bool {
    Path::new(one).components().eq(Path::new(other).components())
}

/// The links below one root. Clones share nothing but the path.
#[derive(Clone, Debug)]
pub struct Links {
    mounts: PathBuf,
}

/// What making or removing a link changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something.
    Made,
    /// Nothing: it was so already.
    Already,
}

impl Links {
    /// The links of `root`; the directory is made when the first link is.
    pub fn of(root: &Root) -> Links {
        Links { mounts: root.repository().join("mnt") }
    }

    /// The link of `address` as a path of this host.
    pub fn path(&self, address: &str) -> PathBuf {
        self.mounts.join(name_of(address))
    }

    /// Where the link of `address` leads; none: there is no link. Only absolute addresses have links.
    pub fn target(&self, address: &str) -> Result<Option<String>, StorageError> {
        if !address.starts_with('/') {
            return Ok(None);
        }
        match Dir::open_ambient_dir(&self.mounts, ambient_authority()) {
            Ok(mounts) => read(&mounts, &name_of(address)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StorageError::Io { what: "open", path: self.mounts.display().to_string(), source }),
        }
    }

    /// Makes the link of `address` lead to `target`, replacing a link that leads elsewhere. A link that leads to the same place
    /// in another spelling stays.
    pub fn place(&self, address: &str, target: &str) -> Result<Change, StorageError> {
        if !address.starts_with('/') {
            return Err(StorageError::NotDirectory { path: address.to_owned() });
        }
        let name = name_of(address);
        let mounts = self.open()?;
        match read(&mounts, &name)? {
            Some(current) if same_place(&current, target) => return Ok(Change::Already),
            Some(_) => unlink(&mounts, &name)?,
            None => {}
        }
        mounts.symlink_contents(target, &name).map_err(|source| StorageError::Io { what: "link", path: name, source })?;
        Ok(Change::Made)
    }

    /// Removes the link of `address`.
    pub fn remove(&self, address: &str) -> Result<Change, StorageError> {
        let name = name_of(address);
        if self.target(address)?.is_none() {
            return Ok(Change::Already);
        }
        unlink(&self.open()?, &name)?;
        Ok(Change::Made)
    }

    /// Takes a connect back: what stood `before` the link of `address` was made to lead there. Anything else that stands there by
    /// now is another's and stays.
    pub fn undo_connect(&self, address: &str, before: Option<&str>) -> Result<Change, StorageError> {
        match self.target(address) {
            Ok(Some(current)) if same_place(&current, address) => {}
            Ok(_) | Err(StorageError::Occupied { .. }) => return Ok(Change::Already),
            Err(error) => return Err(error),
        }
        match before {
            Some(before) if same_place(before, address) => Ok(Change::Already),
            Some(before) => self.place(address, before),
            None => self.remove(address),
        }
    }

    /// Takes a disconnect back: the link leads again where it led `before`, unless something has taken its place.
    pub fn undo_disconnect(&self, address: &str, before: Option<&str>) -> Result<Change, StorageError> {
        match (self.target(address), before) {
            (Ok(None), Some(before)) => self.place(address, before),
            (Ok(_) | Err(StorageError::Occupied { .. }), _) => Ok(Change::Already),
            (Err(error), _) => Err(error),
        }
    }

    fn open(&self) -> Result<Dir, StorageError> {
        let failed = |what| move |source| StorageError::Io { what, path: self.mounts.display().to_string(), source };
        std::fs::create_dir_all(&self.mounts).map_err(failed("create"))?;
        Dir::open_ambient_dir(&self.mounts, ambient_authority()).map_err(failed("open"))
    }
}

fn read(mounts: &Dir, name: &str) -> Result<Option<String>, StorageError> {
    match mounts.symlink_metadata(name) {
        Ok(found) if !found.file_type().is_symlink() => Err(StorageError::Occupied { name: name.to_owned() }),
        Ok(_) => match mounts.read_link_contents(name) {
            Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
            Err(source) => Err(StorageError::Io { what: "read", path: name.to_owned(), source }),
        },
        // A name that no file can have is one that no link has.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidFilename | ErrorKind::InvalidInput) => Ok(None),
        Err(source) => Err(StorageError::Io { what: "look at", path: name.to_owned(), source }),
    }
}

fn unlink(mounts: &Dir, name: &str) -> Result<(), StorageError> {
    match mounts.remove_file(name) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(StorageError::Io { what: "unlink", path: name.to_owned(), source }),
    }
}

//! What a manager's path leads to on this host. These are foreign paths: they are opened as sent, and may hang on dead storage, so
//! every function here blocks and is called from a blocking thread only.

use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::errors::StorageError;

/// A file that a disk names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFile {
    /// As the manager sent it.
    pub path: String,
    /// Whether it is a block device; else it is a regular file.
    pub block: bool,
}

/// Checks that a local connection leads to a directory this host may read, write and search. VDSM also asks on behalf of QEMU's
/// user and makes the directory group-writable; which user QEMU runs as is the hypervisor's to know, and the directory is not
/// ours to change.
pub fn check_directory(path: &str) -> Result<(), StorageError> {
    let directory = || StorageError::NotDirectory { path: path.to_owned() };
    if !path.starts_with('/') {
        return Err(directory());
    }
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {}
        Err(source) if source.kind() == ErrorKind::PermissionDenied => {
            return Err(StorageError::NoPermission { path: path.to_owned(), source });
        }
        _ => return Err(directory()),
    }
    accessat(CWD, path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        .map_err(|error| StorageError::NoPermission { path: path.to_owned(), source: error.into() })
}

/// Looks at a file that a disk names: it must be a regular file or a block device that can be opened for reading.
pub fn look_at_file(path: &str) -> Result<DiskFile, StorageError> {
    let volume = || StorageError::NoVolume { path: path.to_owned() };
    let found = match std::fs::metadata(Path::new(path)) {
        Ok(found) if path.starts_with('/') => found,
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(volume()),
        _ => return Err(StorageError::NoFile { path: path.to_owned() }),
    };
    let block = found.file_type().is_block_device();
    if !block && !found.is_file() {
        return Err(volume());
    }
    accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS).map_err(|_| volume())?;
    Ok(DiskFile { path: path.to_owned(), block })
}

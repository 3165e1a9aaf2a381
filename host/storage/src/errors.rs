//! What can go wrong in this room, each with the code and text VDSM gives it.

use vdsm_core::status::Status;

/// A failure of the storage room. The wire code and VDSM's text stand in [`StorageError::wire`].
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The path of a local connection is no directory, is not there, or is not absolute.
    #[error("path = {path}")]
    NotDirectory {
        /// As the manager sent it.
        path: String,
    },
    /// This host may not read, write and search the directory.
    #[error("path = {path}")]
    NoPermission {
        /// As the manager sent it.
        path: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// Something that is no link of ours has the name of the link: it is left alone.
    #[error("{name} in the repository is not a link")]
    Occupied {
        /// The name below `rhev/data-center/mnt`.
        name: String,
    },
    /// There is no file of that path.
    #[error("('{path}',)")]
    NoFile {
        /// As the manager sent it.
        path: String,
    },
    /// It is neither a regular file nor a block device, or cannot be read.
    #[error("('{path}',)")]
    NoVolume {
        /// As the manager sent it.
        path: String,
    },
    /// The kernel refused something on our own tree.
    #[error("{what} {path}: {source}")]
    Io {
        /// The operation.
        what: &'static str,
        /// On what.
        path: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// A step of this version without what it needs: it was written by another program.
    #[error("a step without `{0}`")]
    Parameters(&'static str),
}

impl StorageError {
    /// VDSM's number and text. What VDSM has no number for is 100, as its own mapping of connection failures says.
    pub fn wire(&self) -> (i32, &'static str) {
        match self {
            StorageError::NotDirectory { .. } => (469, "The specified local path is not a directory."),
            StorageError::NoPermission { .. } => (
                469,
                "Permission settings on the specified path do not allow access to the storage. \
                 Verify permission settings on the specified storage path.",
            ),
            StorageError::NoFile { .. } => (201, "Volume does not exist"),
            StorageError::NoVolume { .. } => (209, "Error accessing a volume"),
            StorageError::Occupied { .. } | StorageError::Io { .. } | StorageError::Parameters(_) => (100, "General Exception"),
        }
    }

    /// The same as a status, with what we know as its detail.
    pub fn status(&self) -> Status {
        let (code, message) = self.wire();
        Status::new(code, message, self.to_string())
    }
}

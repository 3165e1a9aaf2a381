//! Reading small files of the kernel and of the host, below a directory: `/` on a host, a fixture in a test.
//!
//! A file that is not there is ordinary here (another kernel, another distribution), so absence is `None` and never an error.

use std::io::Read;
use std::path::{Path, PathBuf};

/// More than the largest file read here (dpkg's status) ever has.
const LIMIT: u64 = 64 << 20;

/// Where files are read.
#[derive(Clone, Debug)]
pub struct HostFs(PathBuf);

impl HostFs {
    /// Below `directory`.
    pub fn at(directory: impl Into<PathBuf>) -> HostFs {
        HostFs(directory.into())
    }

    /// The path of `path` (with or without a leading slash).
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// The text of a file. What is no UTF-8 in it becomes U+FFFD.
    pub fn read(&self, path: &str) -> Option<String> {
        let mut bytes = Vec::new();
        std::fs::File::open(self.path(path)).ok()?.take(LIMIT).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The text of a file of one value, without the white space around it; none when it is empty.
    pub fn value(&self, path: &str) -> Option<String> {
        self.read(path).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The number in a file of one value.
    pub fn number<T: std::str::FromStr>(&self, path: &str) -> Option<T> {
        self.value(path)?.parse().ok()
    }

    /// The names in a directory, sorted; none of them when it is not there.
    pub fn names(&self, path: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(path)) else { return Vec::new() };
        let mut names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Whether there is anything of that name.
    pub fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// Where a link leads, as it stands there.
    pub fn link(&self, path: &str) -> Option<String> {
        std::fs::read_link(self.path(path)).ok().map(|target| target.to_string_lossy().into_owned())
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.0
    }
}

//! Where lines end up: a file that logrotate may move, or stderr.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Takes lines. It may be slow or refuse: only its own thread waits.
pub trait Sink: Write + Send + 'static {
    /// Called before lines are written, to go where they belong by now.
    fn follow(&mut self) {}
}

/// A file, opened anew when its name no longer leads to it.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    file: File,
}

impl FileSink {
    /// Appends to the file at `path`, which is made when it is not there.
    pub fn open(path: &Path) -> io::Result<FileSink> {
        Ok(FileSink { path: path.to_owned(), file: append(path)? })
    }

    fn is_current(&self) -> io::Result<bool> {
        let (named, open) = (std::fs::metadata(&self.path)?, self.file.metadata()?);
        Ok((named.dev(), named.ino()) == (open.dev(), open.ino()))
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl Sink for FileSink {
    fn follow(&mut self) {
        if !self.is_current().unwrap_or(false) {
            // Where there is no new file, the moved one is better than none; the next batch tries again.
            if let Ok(file) = append(&self.path) {
                self.file = file;
            }
        }
    }
}

impl Write for FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Stderr of the process.
#[derive(Debug)]
pub struct StderrSink;

impl Sink for StderrSink {}

impl Write for StderrSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

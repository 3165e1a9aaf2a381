//! The component store: components by digest, never overwritten, and beside them compiled code that only this daemon writes and trusts.
//!
//! Compiled code is machine code: a changed byte would run. So it is loaded only when its digest is the one this daemon wrote down
//! in its store when it compiled; any doubt compiles anew. Its key is the component's digest and the engine's compatibility hash.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use vdsm_core::store::{Store, StoreError, Table};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Digest of compiled code by `<component digest>-<engine>`.
const COMPILED: Table<String> = Table::new("compiled-components", 1);
/// Largest component: a Python runtime is 18 MB.
const MAX_BYTES: u64 = 64 << 20;

/// Why a component cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// A file cannot be read or written.
    #[error("{path}: {cause}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: std::io::Error,
    },
    /// It is larger than a component may be.
    #[error("{path} is larger than {MAX_BYTES} bytes", path = .0.display())]
    TooLarge(PathBuf),
    /// It is no component this engine can run.
    #[error("it is no component: {0:#}")]
    Compile(wasmtime::Error),
    /// What is kept is not what its name says.
    #[error("{path} is not what its name says: remove it and install the component again", path = .0.display())]
    Changed(PathBuf),
    /// Our own records.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A digest, as 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ComponentDigest(String);

impl ComponentDigest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> ComponentDigest {
        ComponentDigest(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// All of it.
    pub fn full(&self) -> &str {
        &self.0
    }

    /// The first twelve digits: what people see.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for ComponentDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The components of this host.
#[derive(Clone)]
pub struct Components {
    directory: PathBuf,
    store: Store,
}

impl Components {
    /// The store in `directory`, which is made when missing, for root alone.
    pub fn open(directory: PathBuf, store: Store) -> Result<Components, ComponentError> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|cause| ComponentError::File { path: directory.clone(), cause })?;
        Ok(Components { directory, store })
    }

    /// Where they lie.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Reads a component from anywhere, with a limit.
    pub fn read_file(path: &Path) -> Result<Vec<u8>, ComponentError> {
        let file_error = |cause| ComponentError::File { path: path.to_owned(), cause };
        if std::fs::metadata(path).map_err(file_error)?.len() > MAX_BYTES {
            return Err(ComponentError::TooLarge(path.to_owned()));
        }
        std::fs::read(path).map_err(file_error)
    }

    /// Keeps these bytes under their digest. What is there already is left as it is, unless its content is another by now.
    pub fn keep(&self, bytes: &[u8]) -> Result<ComponentDigest, ComponentError> {
        let digest = ComponentDigest::of(bytes);
        let path = self.path(&digest);
        if !std::fs::read(&path).is_ok_and(|kept| ComponentDigest::of(&kept) == digest) {
            write_whole(&path, bytes).map_err(|cause| ComponentError::File { path, cause })?;
        }
        Ok(digest)
    }

    /// The bytes kept under `digest`.
    pub fn bytes(&self, digest: &ComponentDigest) -> Result<Vec<u8>, ComponentError> {
        let bytes = Components::read_file(&self.path(digest))?;
        if ComponentDigest::of(&bytes) == *digest { Ok(bytes) } else { Err(ComponentError::Changed(self.path(digest))) }
    }

    fn path(&self, digest: &ComponentDigest) -> PathBuf {
        self.directory.join(format!("{digest}.wasm"))
    }

    /// The component, from the cache when that is certain, else compiled. Blocks for as long as compiling takes.
    pub fn compiled(&self, engine: &Engine, digest: &ComponentDigest) -> Result<Component, ComponentError> {
        let key = format!("{digest}-{}", engine_key(engine));
        let path = self.directory.join(format!("{key}.cwasm"));
        if let Some(component) = self.cached(engine, &key, &path) {
            return Ok(component);
        }
        let component = Component::new(engine, self.bytes(digest)?).map_err(ComponentError::Compile)?;
        if let Err(error) = self.remember(&component, &key, &path) {
            tracing::warn!(%error, "compiled code is not kept; the next start compiles again");
        }
        Ok(component)
    }

    /// Removes what no module remembers any more: components, their compiled code, and what a crash left half written. Blocks.
    pub fn prune(&self, remembered: &HashSet<ComponentDigest>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let digest = stem.split('-').next().unwrap_or_default();
            let whole = path.extension().is_some_and(|extension| extension == "wasm" || extension == "cwasm");
            if !whole || !remembered.iter().any(|known| known.full() == digest) {
                std::fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn cached(&self, engine: &Engine, key: &str, path: &Path) -> Option<Component> {
        let known = self.store.get(COMPILED, key).ok()??;
        let bytes = std::fs::read(path).ok()?;
        if ComponentDigest::of(&bytes).full() != known {
            tracing::warn!(path = %path.display(), "compiled code is not what was written; compiling anew");
            return None;
        }
        trusted::deserialize(engine, &bytes).inspect_err(|error| tracing::warn!(%error, "compiled code does not load; compiling anew")).ok()
    }

    fn remember(&self, component: &Component, key: &str, path: &Path) -> Result<(), ComponentError> {
        let bytes = component.serialize().map_err(ComponentError::Compile)?;
        write_whole(path, &bytes).map_err(|cause| ComponentError::File { path: path.to_owned(), cause })?;
        let digest = ComponentDigest::of(&bytes).0;
        self.store.put_blocking(COMPILED, key, digest)?;
        Ok(())
    }
}

/// Version, configuration and target of the engine, as one number.
fn engine_key(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Writes beside, flushes, renames: a file is whole or not there.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Two modules may have one component and be loaded at once.
    let beside = path.with_extension(format!("new{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    // The name must survive a loss of power as the record of it does.
    path.parent().map_or(Ok(()), |directory| std::fs::File::open(directory)?.sync_all())
}

/// The only place that runs code nobody checks again.
#[allow(unsafe_code)]
mod trusted {
    use wasmtime::Engine;
    use wasmtime::component::Component;

    pub(super) fn deserialize(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: the caller compared these bytes with the digest that this daemon recorded in its own store (0600, root) right
        // after it compiled and serialized them itself; Wasmtime checks version and configuration on top.
        unsafe { Component::deserialize(engine, bytes) }
    }
}

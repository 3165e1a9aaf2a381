//! Where the things under test lie: the source tree, the programs beside the test binary, the components.

use std::path::{Path, PathBuf};

use crate::rung::{Rung, skip};

/// The source tree.
pub fn tree() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The folder of the programs of this build: the one above the test binary's `deps`.
pub fn programs() -> PathBuf {
    let test = std::env::current_exe().expect("the test binary has a path");
    test.ancestors().nth(2).expect("the test binary lies in PROFILE/deps").to_owned()
}

/// One of the programs of this build.
pub fn program(name: &str) -> PathBuf {
    let program = programs().join(name);
    assert!(program.exists(), "no {}: run `make test`, or `cargo build --workspace --bins` first", program.display());
    program
}

/// The folder of the components: `$VDSM_TEST_MODULES`, else where `make guests` leaves them.
pub fn modules() -> PathBuf {
    std::env::var_os("VDSM_TEST_MODULES").map_or_else(|| tree().join("target/modules"), PathBuf::from)
}

/// One of the components; none where it is not built, which is the caller's skip on `rung`.
pub fn component(rung: Rung, module: &str) -> Option<PathBuf> {
    let built = modules().join(format!("{module}.wasm"));
    if built.is_file() {
        return Some(built);
    }
    skip(rung, &format!("{} is not there; `make guests` builds it", built.display()));
    None
}

/// The manifest of one of our modules in the source tree: one that is installed, else one that is installed as an example.
pub fn manifest(module: &str) -> PathBuf {
    let installed = tree().join(format!("packaging/modules.d/{module}.toml"));
    if installed.exists() { installed } else { tree().join(format!("packaging/modules.d.examples/{module}.toml")) }
}

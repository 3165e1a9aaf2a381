//! Where the things under test lie: the source tree, the programs beside the test binary, the components.

use std::path::{Path, PathBuf};

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

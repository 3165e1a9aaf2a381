//! Arrows between the crates run one way: `vdsmd -> {hypervisor, storage, network, system} -> modules -> core`, `xmlrpc -> core`.
//! Rung: pure.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may depend on; a crate that is not here fails the test until someone decides where it stands.
const MAY: [(&str, &[&str]); 10] = [
    ("vdsm-core", &[]),
    ("vdsm-xmlrpc", &["vdsm-core"]),
    ("vdsm-modules", &["vdsm-core"]),
    ("vdsm-hypervisor", &["vdsm-core", "vdsm-modules"]),
    ("vdsm-storage", &["vdsm-core", "vdsm-modules"]),
    ("vdsm-network", &["vdsm-core", "vdsm-modules"]),
    ("vdsm-system", &["vdsm-core", "vdsm-modules"]),
    ("vdsmd", &["vdsm-core", "vdsm-xmlrpc", "vdsm-modules", "vdsm-hypervisor", "vdsm-storage", "vdsm-network", "vdsm-system"]),
    // Black-box tests see values and the wire, never a room.
    ("vdsm-tests", &["vdsm-core", "vdsm-xmlrpc"]),
    // The benchmarks measure rooms where no port shows what they do: they put them together as the daemon does, and are part of none.
    ("vdsm-bench", &["vdsm-core", "vdsm-xmlrpc", "vdsm-modules", "vdsm-hypervisor", "vdsm-storage", "vdsm-system"]),
];

/// The harness, which tests of every crate may use for its rungs and skips.
const HARNESS: &str = "vdsm-tests";

/// Every crate of the workspace with the crates of ours it depends on, tests and build scripts included; tests' own use of the harness
/// apart.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = vdsm_tests::source::tree().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let ours = |package: &cargo_metadata::Package| {
        let paths = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
        let arrows = paths.filter(|dependency| dependency.kind != DependencyKind::Development || dependency.name != HARNESS);
        arrows.map(|dependency| dependency.name.clone()).collect()
    };
    metadata.packages.iter().map(|package| (package.name.to_string(), ours(package))).collect()
}

#[test]
fn every_arrow_runs_the_way_of_the_design() {
    let may: BTreeMap<&str, &[&str]> = MAY.into();
    for (package, targets) in arrows() {
        let allowed = may.get(package.as_str()).unwrap_or_else(|| panic!("{package} has no place among the rooms"));
        for target in targets {
            assert!(allowed.contains(&target.as_str()), "{package} must not depend on {target}");
        }
    }
}

#[test]
fn wasmtime_libvirt_and_http_stay_in_their_rooms() {
    let manifest = vdsm_tests::source::tree().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let users = |library: &str| -> BTreeSet<String> {
        let uses = |package: &&cargo_metadata::Package| {
            let mut shipped = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
            shipped.any(|dependency| dependency.name == library)
        };
        metadata.packages.iter().filter(uses).map(|package| package.name.to_string()).collect()
    };
    let only = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert!(users("virt").is_subset(&only(&["vdsm-hypervisor"])), "{:?}", users("virt"));
    assert!(users("virt-sys").is_subset(&only(&["vdsm-hypervisor"])), "{:?}", users("virt-sys"));
    // The benchmarks' floor is a bare hyper server.
    assert!(users("hyper").is_subset(&only(&["vdsm-xmlrpc", "vdsm-bench"])), "{:?}", users("hyper"));
    // So is a bare commit, for the journal.
    assert!(users("redb").is_subset(&only(&["vdsm-core", "vdsm-bench"])), "{:?}", users("redb"));
    let rooms = only(&["vdsm-modules", "vdsm-hypervisor", "vdsm-storage", "vdsm-network", "vdsm-system"]);
    assert!(users("wasmtime").is_subset(&rooms), "{:?}", users("wasmtime"));
}

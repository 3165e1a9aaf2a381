//! `make install`: what lies where, and what belongs to the operator.
//! Rung: mock host.

use std::path::Path;

use vdsm_tests::host::{install, installation};
use vdsm_tests::process::text_of;

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_destination_folder_becomes_a_complete_root() {
    let root = tempfile::tempdir().unwrap();
    install(root.path(), &[]);
    let path = |logical: &str| root.path().join(logical);
    assert_eq!(names(&path("usr/sbin")), ["vdsmd"]);
    assert_eq!(names(&path("usr/bin")), ["vdsClient", "vdsm-tool"]);
    assert!(path("etc/vdsm/vdsm.conf").is_file());
    for folder in ["var/lib/vdsm", "var/log/vdsm", "var/run/vdsm", "rhev/data-center"] {
        assert!(path(folder).is_dir(), "{folder}");
    }
    assert!(path("usr/share/vdsm/sdk/rust/Cargo.toml").is_file());
    assert!(path("usr/share/vdsm/sdk/wit/worlds.wit").is_file());
}

#[test]
fn every_component_has_its_manifest_and_every_manifest_its_component() {
    let root = tempfile::tempdir().unwrap();
    install(root.path(), &["modules", "configuration"]);
    let stems = |folder: &str, ending: &str| -> Vec<String> {
        let all = names(&root.path().join(folder));
        all.iter().filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
    };
    let mut manifests = [stems("etc/vdsm/modules.d", ".toml"), stems("usr/share/vdsm/modules.d.examples", ".toml")].concat();
    manifests.sort();
    assert_eq!(stems("usr/lib/vdsm/modules", ".wasm"), manifests);
}

#[test]
fn what_is_dangerous_is_installed_and_not_on() {
    let root = tempfile::tempdir().unwrap();
    install(root.path(), &["modules", "configuration"]);
    let dangerous = |folder: &str| -> Vec<String> {
        let folder = root.path().join(folder);
        let grants = |name: &String| std::fs::read_to_string(folder.join(name)).unwrap().lines().any(|line| line.starts_with("dangerous"));
        names(&folder).into_iter().filter(grants).collect()
    };
    assert_eq!(dangerous("etc/vdsm/modules.d"), [""; 0]);
    assert_eq!(dangerous("usr/share/vdsm/modules.d.examples"), ["qemucmdline.toml"]);
}

#[test]
fn the_installed_sdk_stands_without_the_source_tree() {
    let root = tempfile::tempdir().unwrap();
    install(root.path(), &["sdk"]);
    let sdk = root.path().join("usr/share/vdsm/sdk/rust");
    for entry in walk(&sdk) {
        assert!(!entry.is_symlink(), "{} is a link into the source tree", entry.display());
    }
    assert!(sdk.join("wit/worlds.wit").is_file(), "the interfaces lie inside the SDK");
}

#[test]
fn prefix_and_its_like_place_the_files() {
    let root = tempfile::tempdir().unwrap();
    let mut script = installation(root.path());
    script.env("prefix", "/opt/vdsm").env("sysconfdir", "/opt/etc").env("localstatedir", "/opt/var");
    text_of(script.args(["modules", "configuration", "directories"]));
    assert!(!names(&root.path().join("opt/vdsm/lib/vdsm/modules")).is_empty());
    assert!(root.path().join("opt/etc/vdsm/vdsm.conf").is_file());
    assert!(root.path().join("opt/var/lib/vdsm").is_dir());
    assert!(!root.path().join("etc").exists() && !root.path().join("usr").exists());
}

#[test]
fn an_operators_file_stays_and_the_packaged_one_is_put_beside_it() {
    let root = tempfile::tempdir().unwrap();
    install(root.path(), &["configuration"]);
    let configuration = root.path().join("etc/vdsm/vdsm.conf");
    std::fs::write(&configuration, "[vars]\nssl = false\n").unwrap();
    let printed = install(root.path(), &["configuration"]);
    assert_eq!(std::fs::read_to_string(&configuration).unwrap(), "[vars]\nssl = false\n");
    assert!(printed.contains("kept /etc/vdsm/vdsm.conf"), "{printed}");
    assert!(root.path().join("etc/vdsm/vdsm.conf.new").is_file());
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() && !path.is_symlink() { walk(&path) } else { vec![path] }).collect()
}

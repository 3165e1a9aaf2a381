//! `docs/writing-hooks.md`, from an empty folder to a hook at work in a running daemon, and back.
//! Rung: test:///default.

use vdsm_tests::process::{PATIENCE, wait_for};
use vdsm_tests::{Host, Rung, source};

use crate::walk::Walk;

/// Starts the page's machine for `owner`, waits until the hook has edited its document, and ends it; what the hooks did.
fn machine_of(walk: &mut Walk, owner: &str) -> String {
    walk.shell.types(&format!(r#"vdsClient "$ADDRESS" create vm.conf custom_owner={owner}"#));
    let chains = wait_for("a chain", PATIENCE, || {
        let shown = walk.shell.types(r#"vdsm-tool --root "$ROOT" hook show "$VM""#);
        shown.contains(owner).then_some(shown)
    });
    walk.shell.types(r#"vdsClient "$ADDRESS" destroy "$VM""#);
    chains
}

#[test]
fn the_walk_from_an_empty_folder_to_a_hook_at_work_and_back() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = host.start();
    daemon.wait_until_serving();
    let mut walk = Walk::begin("writing-hooks", &host, &daemon);
    assert!(walk.types_until("cargo test").contains("3 passed"));

    let proof = walk.types_until("module check");
    assert!(proof.contains("missing: none") && proof.contains("unused: none"), "{proof}");
    for told in ["before_vm_start", "domain/title", "property owner", "on-failure", "dangerous: none"] {
        assert!(proof.contains(told), "{told}: {proof}");
    }
    walk.types_until("module swap");

    let status = walk.types_until("getVmStats");
    assert!(status.contains("Powering up") || status.contains("Up"), "{status}\n{}", daemon.log());
    let chains = walk.types_until("hook show");
    assert!(chains.contains("+  <title>owner: alice</title>"), "{chains}");
    let told = || daemon.log().contains("belongs to alice").then_some(());
    vdsm_tests::process::wait_for("the hook's own line in the log", vdsm_tests::process::PATIENCE, told);

    walk.types_until("owner-2.wasm");
    assert!(machine_of(&mut walk, "bob").contains("<title>owned by bob</title>"));
    walk.types_until("module rollback");
    assert!(machine_of(&mut walk, "carol").contains("<title>owner: carol</title>"));
    walk.ends();
}

#[test]
fn the_pages_points_are_those_that_are_served() {
    let text = |path: &str| std::fs::read_to_string(source::tree().join(path)).unwrap();
    let between = |text: &str, before: &str, after: &str| -> Vec<String> {
        text.lines().filter_map(|line| Some(line.trim().strip_prefix(before)?.split_once(after)?.0.to_owned())).collect()
    };
    let page = text("docs/writing-hooks.md");
    let table = page.split("## Hook points").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    assert_eq!(between(table, "| `", "` |"), between(&text("host/modules/src/points.rs"), "Point { name: \"", "\""));
}

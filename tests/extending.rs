//! The first two walks of `docs/extending.md` on a copy: a verb, typed block by block; a hook point, by the page's diff.
//!
//! The new point is shown as far as it goes without building the host again: the copy's table serves it by its rules, and the copy's
//! verb module, in a running daemon of the old table, plans its chain.
//! Rung: test:///default.

use std::path::Path;
use std::process::Command;

use vdsm_tests::process::{PATIENCE, text_of, wait_for};
use vdsm_tests::{Daemon, Host, Rung, source};

use crate::walk::{Shell, Walk, blocks, empty_folder};

const VM: &str = "3d7c5f0e-64a1-4c0b-8b6e-5a9d1e2f3c01";

fn create(daemon: &Daemon) {
    let reply = daemon.call("create", |arguments| {
        arguments.open_object();
        arguments.text_at("vmId", VM).text_at("vmName", "counted").text_at("vmType", "kvm").text_at("display", "vnc").int_at("memSize", 32);
        arguments.close();
    });
    assert_eq!(reply.code(), 0, "{}", reply.message());
}

#[test]
fn the_walk_to_a_verb_of_ones_own() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = host.start();
    daemon.wait_until_serving();
    let mut walk = Walk::begin("extending", &host, &daemon);
    assert!(walk.types_until("cargo test").contains("1 passed"));
    let proof = walk.types_until("module check");
    assert!(proof.contains("missing: none") && proof.contains("unused: none"), "{proof}");
    let served = walk.types_until("module swap");
    assert!(served.contains("served by machine-count"), "{served}");
    assert_eq!(served.matches("count = 0").count(), 2, "{served}");
    a_panic_at_load_is_told(&mut walk.shell, &daemon);
    walk.ends();
    let help = daemon.call("system.methodHelp", |arguments| _ = arguments.text("countMachines"));
    assert!(help.value().as_text().is_some_and(|text| text.contains("How many machines")), "{:?}", help.value().as_text());

    let count = |state: &str| daemon.call("countMachines", |arguments| _ = arguments.text(state)).get("count").as_int();
    assert_eq!((daemon.call("countMachines", |_| {}).get("count").as_int(), count("Up")), (Some(0), Some(0)));
    create(&daemon);
    wait_for("a machine that is counted", PATIENCE, || (count("Up") == Some(1)).then_some(()));
    assert_eq!(count("Down"), Some(0));
    let refused = daemon.call("countMachines", |arguments| _ = arguments.text("up"));
    assert_eq!((refused.code(), refused.message()), (16, "Unexpected exception: state `up` is not counted"));
}

/// A version whose `describe` panics is refused with its words in the log; the one before goes on.
fn a_panic_at_load_is_told(shell: &mut Shell, daemon: &Daemon) {
    shell.types(
        "sed -i 's/let state = Parameter/panic!(\"nothing to count\");\\n        &/' src/lib.rs\n\
         cargo build --release --target wasm32-unknown-unknown\n\
         new=target/wasm32-unknown-unknown/release/machine_count.wasm\n\
         if vdsm-tool --root \"$ROOT\" module swap machine-count $new; then exit 1; fi",
    );
    let lines = daemon.log();
    assert!(lines.lines().any(|line| line.contains("ERROR") && line.contains("nothing to count")), "{lines}");
}

#[test]
fn the_walk_to_a_hook_point() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let folder = empty_folder("hook-point");
    let copy = folder.join("tree");
    copy_of_the_sources(&copy);
    let [diff] = &blocks("extending", "diff")[..] else { panic!("the page has one diff") };
    apply(diff, &copy);
    assert_eq!(served(&folder, "before_vm_pause").trim(), "aborts: true, edits: false");

    let mut shell = Shell::new(&copy.join("guests"));
    shell.shares_target();
    // From outside, as `make test` does: inside, everything is built for the components' target.
    let tested = shell.types("cd ..\ncargo test --manifest-path guests/Cargo.toml -p vdsm-verbs-vm");
    assert!(tested.contains("only_verbs_that_make_or_end_a_machine_or_run_its_hooks_hold_it ... ok"), "{tested}");
    shell.types("cd guests\ncargo build -p vdsm-verbs-vm --release");
    shell.types("cp target/wasm32-unknown-unknown/release/verbs_vm.wasm ..");

    let host = Host::on_test_driver();
    let daemon = host.start();
    daemon.wait_until_serving();
    host.tool(&["module", "swap", "verbs-vm", copy.join("verbs_vm.wasm").to_str().unwrap()]);
    create(&daemon);
    let pause = || daemon.call("pause", |arguments| _ = arguments.text(VM));
    let planned = wait_for("the chain to be planned", PATIENCE, || {
        let reply = pause();
        reply.message().contains("hook point").then(|| reply.message().to_owned())
    });
    assert!(planned.contains("`before_vm_pause` is no hook point; there are before_vm_start"), "{planned}");
}

/// What the diff changes and what is built from it, with the sources' times, so that cargo builds again only what it changed.
fn copy_of_the_sources(copy: &Path) {
    std::fs::create_dir(copy).unwrap();
    let archive = copy.with_extension("tar");
    let parts = ["host/modules/src", "guests", "sdk", "wit", "docs"];
    text_of(Command::new("tar").arg("cf").arg(&archive).args(["--exclude=target", "-C"]).arg(source::tree()).args(parts));
    text_of(Command::new("tar").arg("xf").arg(&archive).arg("-C").arg(copy));
}

/// Applies a unified diff: the lines of each hunk must stand in their file exactly once, and be as many as its head says.
fn apply(diff: &str, tree: &Path) {
    for part in diff.split("--- a/").skip(1) {
        let (head, hunks) = part.split_once("\n@@ ").unwrap();
        let name = head.split_once("+++ b/").unwrap().1.trim();
        let mut text = std::fs::read_to_string(tree.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        for hunk in hunks.split("\n@@ ") {
            let (place, lines) = hunk.split_once('\n').unwrap();
            let side = |mark: char| -> String {
                let kept = lines.lines().filter(|line| line.is_empty() || line.starts_with([' ', mark]));
                kept.map(|line| line.get(1..).unwrap_or_default().to_owned() + "\n").collect()
            };
            let (before, after) = (side('-'), side('+'));
            let counts = format!(",{} ", before.lines().count());
            assert!(place.contains(&counts) && place.contains(&format!(",{} @@", after.lines().count())), "{name}: @@ {place}");
            assert_eq!(text.matches(&before).count(), 1, "{name}: these lines stand there not once:\n{before}");
            text = text.replace(&before, &after);
        }
        std::fs::write(tree.join(name), text).unwrap();
    }
}

/// The rules of a point by the copy's table, which needs nothing of its crate.
fn served(folder: &Path, point: &str) -> String {
    let program = format!(
        "#[allow(dead_code)]\n#[path = \"tree/host/modules/src/points.rs\"]\nmod points;\n\
         fn main() {{\n    let point = points::find({point:?}).expect(\"it is served\");\n    \
         println!(\"aborts: {{}}, edits: {{}}\", point.aborts, point.edits);\n}}\n"
    );
    let (source, binary) = (folder.join("ask.rs"), folder.join("ask"));
    std::fs::write(&source, program).unwrap();
    text_of(Command::new("rustc").args(["--edition", "2024", "-o"]).arg(&binary).arg(&source));
    text_of(&mut Command::new(binary))
}

//! What is refused at load, before anything of a component runs: imports that are not granted or known, exports of another kind,
//! descriptors outside the manifest.
//! Rung: mock host.

use vdsm_modules::module::LoadError;

use crate::build::{self, Described, Verb};
use crate::image::Image;
use crate::lab::{self, load};

async fn refused(manifest: &str, component: &[u8]) -> (LoadError, String) {
    let error = load(manifest, component).await.expect_err("it loaded");
    let text = error.to_string();
    (error, text)
}

/// A component that imports this and traps as soon as anything of it runs.
fn importing(import: &str) -> Vec<u8> {
    Verb { imports: import, more: "(func $start unreachable) (start $start)", ..Verb::default() }.build(|image| build::answer(image, 1))
}

#[tokio::test]
async fn what_is_not_granted_is_refused_by_name_and_nothing_runs() {
    let cases = [
        (
            "(import \"vdsm:hook/log@0.1.0\" \"write\" (func (param i32 i32 i32)))",
            "vdsm:hook/log.write",
            "which its manifest does not grant",
        ),
        ("(import \"vdsm:verb/plan@0.1.0\" \"commit\" (func (result i32)))", "vdsm:verb/plan.commit", "which its manifest does not grant"),
        ("(import \"test:lab/ask@0.1.0\" \"secret\" (func (param i32)))", "test:lab/ask.secret", "which its manifest does not grant"),
        ("(import \"test:odd/thing@0.1.0\" \"f\" (func))", "test:odd/thing@0.1.0", "nothing here offers it"),
        ("(import \"vdsm:hook/log@0.9.0\" \"write\" (func (param i32)))", "vdsm:hook/log@0.9.0", "this host links version 0.1.0"),
    ];
    for (import, name, says) in cases {
        let (error, text) = refused(&lab::verb("m", ""), &importing(import)).await;
        assert!(matches!(error, LoadError::NotGranted(_)) && text.contains(name) && text.contains(says), "{import}: {text}");
    }
    let granted = "[grant]\n\"vdsm:hook/log.write\" = true";
    let (error, text) = refused(&lab::verb("m", granted), &importing(cases[0].0)).await;
    assert!(matches!(&error, LoadError::Smoke(failure) if failure.outcome() == "trap"), "granted, it runs: {text}");
}

#[tokio::test]
async fn one_function_granted_is_not_its_whole_interface() {
    let both = "(import \"test:lab/plan@0.1.0\" \"touch\" (func (param i32 i32) (result i32)))
        (import \"test:lab/plan@0.1.0\" \"put\" (func (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))";
    let (_, text) = refused(&lab::verb("m", "[grant]\n\"test:lab/plan.touch\" = \"*\""), &importing(both)).await;
    assert!(text.contains("test:lab/plan.put,") && !text.contains("touch"), "{text}");
}

#[tokio::test]
async fn exports_of_another_kind_are_refused() {
    let hook = build::hook("", Image::verdict_keep);
    let (error, text) = refused(&lab::verb("m", ""), &hook).await;
    assert!(matches!(error, LoadError::Kind { kind: "verb", .. }) && text.contains("vdsm:verb/handler"), "{text}");
    let manifest = lab::hook("m", 50, "\"before_vm_start\"", "", "fail");
    let (error, text) = refused(&manifest, &build::ping(1)).await;
    assert!(matches!(error, LoadError::Kind { kind: "hook", .. }) && text.contains("vdsm:hook/domain-hook"), "{text}");
    let policy = "name = \"m\"\nkind = \"policy\"\ncomponent = \"m.wasm\"\n[policy]\ndomain = \"memory\"\ninterval-s = 1\n";
    assert!(matches!(refused(policy, &build::ping(1)).await.0, LoadError::Kind { kind: "policy", .. }));
    let shapes = lab::verb("m", "shapes = true");
    assert!(refused(&shapes, &build::ping(1)).await.1.contains("vdsm:vm/shaper"));
    for bytes in [&b""[..], b"\0asm\x01\0\0\0", b"no component"] {
        assert!(matches!(refused(&lab::verb("m", ""), bytes).await.0, LoadError::Component(_)));
    }
}

#[tokio::test]
async fn a_descriptor_is_held_against_the_manifest() {
    let one = |described: Described<'static>| Verb { described: &[described], ..Verb::default() }.build(|image| build::answer(image, 1));
    let two = |name| {
        let described = [Described::default(), Described { name, ..Described::default() }];
        Verb { described: &described, ..Verb::default() }.build(|image| build::answer(image, 1))
    };
    let cases = [
        (two("pong"), "serves `pong`, which its manifest does not list"),
        (one(Described { name: "pong", ..Described::default() }), "`pong`"),
        (two("ping"), "describes `ping` twice"),
        (one(Described { name: "pi ng", ..Described::default() }), "a verb's name is letters and digits"),
        (one(Described { answer_ms: 0, ..Described::default() }), "answer-ms must be 1 to 180000"),
        (one(Described { answer_ms: 180_001, ..Described::default() }), "answer-ms must be 1 to 180000"),
        (one(Described { default_code: 0, ..Described::default() }), "code 0, which is success"),
        (one(Described { subject: Some(("tube", "vmId")), ..Described::default() }), "`vmId` is no argument path"),
        (one(Described { subject: Some(("tube", "0..id")), ..Described::default() }), "`0..id` is no argument path"),
        (one(Described { secrets: &[""], ..Described::default() }), "`` is no argument path"),
        (one(Described { subject: Some(("tub", "0")), ..Described::default() }), "about a `tub`, which no room knows"),
    ];
    for (component, says) in cases {
        let (_, text) = refused(&lab::verb("m", ""), &component).await;
        assert!(text.contains(says), "`{text}` does not say `{says}`");
    }
    let absent = lab::verb("m", "").replace("\"ping\"", "\"ping\", \"pong\"");
    assert!(refused(&absent, &build::ping(1)).await.1.contains("lists `pong`, which it does not serve"));
    let good = one(Described { subject: Some(("tube", "0.id")), secrets: &["0.password"], ..Described::default() });
    let module = load(&lab::verb("m", ""), &good).await.unwrap();
    assert_eq!(module.descriptors[0].secrets[0].to_string(), "0.password");
}

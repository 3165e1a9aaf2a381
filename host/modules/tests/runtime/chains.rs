//! Chains of hooks: order, what a failure means, edits within their scope, and points that take none.
//! Rung: mock host.

use std::collections::BTreeMap;

use vdsm_modules::hooks::{ChainOutcome, ChainRequest, HookRunner};

use crate::build;
use crate::image::Image;
use crate::lab::{self, House};

const DOCUMENT: &str = "<domain><sysinfo>0</sysinfo><name>a</name></domain>";
const DIGIT: usize = 17;
const START: &str = "\"before_vm_start\"";
const SYSINFO: &str = "\"domain/sysinfo\"";

async fn run(house: &House, point: &str, properties: &[(&str, &str)]) -> ChainOutcome {
    let properties: BTreeMap<String, String> = properties.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let request = ChainRequest { point: point.into(), vm: "v".into(), properties, document: DOCUMENT.into() };
    house.registry.run(request).await
}

fn counted(number: u32) -> String {
    DOCUMENT.replace('0', &number.to_string())
}

fn fixed(document: &str) -> Vec<u8> {
    build::hook("", |image| image.verdict_document(document))
}

fn failing(text: &str, stop: bool) -> Vec<u8> {
    build::hook("", |image| image.verdict_failure(text, stop))
}

#[tokio::test]
async fn hooks_run_by_order_then_name_and_each_sees_the_edits_before_it() {
    let house = House::new();
    house.install("b", &lab::hook("b", 50, START, SYSINFO, "fail"), &build::increment(DIGIT));
    house.install("a", &lab::hook("a", 50, START, SYSINFO, "fail"), &build::increment(DIGIT));
    house.install("first", &lab::hook("first", -1, START, SYSINFO, "fail"), &fixed(&counted(5)));
    house.install("last", &lab::hook("last", 60, START, "", "fail"), &build::hook("", Image::verdict_keep));
    house.load().await;
    let outcome = run(&house, "before_vm_start", &[]).await;
    let names: Vec<&str> = outcome.runs.iter().map(|run| run.module.as_str()).collect();
    assert_eq!(names, ["first", "a", "b", "last"]);
    assert_eq!((outcome.document, outcome.failed), (counted(7), None));
    assert!(
        outcome.runs[1].diff.contains("-<domain><sysinfo>5<") && outcome.runs[1].diff.contains("+<domain><sysinfo>6<"),
        "{}",
        outcome.runs[1].diff
    );
    assert!(outcome.runs[3].diff.is_empty() && outcome.runs[3].failure.is_empty() && outcome.runs[3].digest.len() == 12);
    assert_eq!(house.registry.recent_chains("v").len(), 1);
    assert!(house.registry.recent_chains("w").is_empty());
}

#[tokio::test]
async fn an_ignored_failure_drops_that_edit_only() {
    let house = House::new();
    house.install("a", &lab::hook("a", 1, START, SYSINFO, "fail"), &build::increment(DIGIT));
    house.install("b", &lab::hook("b", 2, START, SYSINFO, "ignore"), &failing("no luck", false));
    house.install("c", &lab::hook("c", 3, START, SYSINFO, "ignore"), &build::hook("unreachable", Image::verdict_keep));
    house.install("d", &lab::hook("d", 4, START, SYSINFO, "fail"), &build::increment(DIGIT));
    house.load().await;
    let outcome = run(&house, "before_vm_start", &[]).await;
    assert_eq!((outcome.document, outcome.failed), (counted(2), None));
    assert_eq!(outcome.runs[1].failure, "no luck");
    assert!(outcome.runs[2].failure.contains("trapped"), "{}", outcome.runs[2].failure);
}

#[tokio::test]
async fn a_failure_fails_the_point_after_the_rest_ran_and_nothing_is_applied() {
    let house = House::new();
    house.install("a", &lab::hook("a", 1, START, SYSINFO, "fail"), &build::increment(DIGIT));
    house.install("b", &lab::hook("b", 2, START, SYSINFO, "fail"), &failing("no luck", false));
    house.install("c", &lab::hook("c", 3, START, SYSINFO, "fail"), &build::increment(DIGIT));
    house.load().await;
    let outcome = run(&house, "before_vm_start", &[]).await;
    assert_eq!((outcome.document.as_str(), outcome.runs.len()), (DOCUMENT, 3));
    assert_eq!(outcome.failed.as_deref(), Some("hook b: no luck"));
}

#[tokio::test]
async fn a_stop_skips_the_rest() {
    for (on_failure, failed, document) in [("fail", Some("hook b: enough".to_owned()), DOCUMENT.to_owned()), ("ignore", None, counted(1))] {
        let house = House::new();
        house.install("a", &lab::hook("a", 1, START, SYSINFO, "fail"), &build::increment(DIGIT));
        house.install("b", &lab::hook("b", 2, START, SYSINFO, on_failure), &failing("enough", true));
        house.install("c", &lab::hook("c", 3, START, SYSINFO, "fail"), &build::increment(DIGIT));
        house.load().await;
        let outcome = run(&house, "before_vm_start", &[]).await;
        assert_eq!((outcome.runs.len(), outcome.failed, outcome.document), (2, failed, document));
    }
}

#[tokio::test]
async fn an_edit_stays_within_its_scope() {
    let renamed = DOCUMENT.replace("<name>a", "<name>b");
    for (edited, says) in [
        (renamed.as_str(), "it changed `domain/name`, which is outside its edit scope"),
        ("<domain>", "not well-formed"),
        ("", "not well-formed"),
        ("<domain><sysinfo>9</sysinfo></domain>", "outside its edit scope"),
    ] {
        let house = House::new();
        house.install("a", &lab::hook("a", 1, START, SYSINFO, "fail"), &fixed(edited));
        house.load().await;
        let outcome = run(&house, "before_vm_start", &[]).await;
        assert!(outcome.failed.as_deref().is_some_and(|reason| reason.contains(says)), "{edited}: {:?}", outcome.failed);
        assert_eq!(outcome.document, DOCUMENT);
    }
}

#[tokio::test]
async fn what_a_hook_says_is_bounded() {
    let house = House::new();
    house.install("a", &lab::hook("a", 1, START, SYSINFO, "ignore"), &failing(&"x".repeat(100_000), false));
    let large = format!("<domain><sysinfo>{}</sysinfo><name>a</name></domain>", "y\n".repeat(100_000));
    house.install("b", &lab::hook("b", 2, START, SYSINFO, "ignore"), &fixed(&large));
    let too_large = format!("<domain><sysinfo>{}</sysinfo><name>a</name></domain>", "z".repeat(1 << 20));
    house.install("c", &lab::hook("c", 3, START, SYSINFO, "ignore"), &fixed(&too_large));
    house.load().await;
    let outcome = run(&house, "before_vm_start", &[]).await;
    assert!(outcome.runs[0].failure.len() < 3000 && outcome.runs[0].failure.ends_with("(cut)"));
    assert!(outcome.document == large && outcome.runs[1].diff.len() < 40_000);
    assert!(outcome.runs[2].failure.contains("more than 1048576 bytes"), "{}", outcome.runs[2].failure);
}

#[tokio::test]
async fn points_that_apply_no_edit_refuse_one_and_never_fail() {
    for point in ["after_vm_start", "before_vm_destroy", "after_vm_destroy"] {
        let house = House::new();
        house.install("a", &lab::hook("a", 1, &format!("\"{point}\""), "", "fail"), &fixed(&counted(3)));
        house.install("b", &lab::hook("b", 2, &format!("\"{point}\""), "", "fail"), &failing("no luck", false));
        house.install("c", &lab::hook("c", 3, &format!("\"{point}\""), "", "fail"), &build::hook("", Image::verdict_keep));
        house.load().await;
        let outcome = run(&house, point, &[]).await;
        assert_eq!((outcome.document.as_str(), outcome.failed, outcome.runs.len()), (DOCUMENT, None, 3));
        assert!(outcome.runs[0].failure.contains(&format!("edits are not used at {point}")), "{}", outcome.runs[0].failure);
        assert!(run(&house, "before_vm_start", &[]).await.runs.is_empty(), "a hook is called at its points only");
    }
    let house = House::new();
    assert!(run(&house, "before_vm_starts", &[]).await.failed.is_some());
}

/// A hook that edits when it is shown a property, and keeps the document otherwise.
fn when_shown() -> Vec<u8> {
    build::hook("(if (i32.eqz (i32.load offset=20 (local.get 0))) (then (return (i32.const 0))))", |image| {
        image.verdict_document(&counted(8))
    })
}

#[tokio::test]
async fn a_hook_is_shown_its_properties_as_far_as_they_match() {
    let house = House::new();
    let manifest = lab::hook("a", 1, START, SYSINFO, "fail") + "properties = { size = \"[0-9]+\" }\n";
    house.install("a", &manifest, &when_shown());
    house.load().await;
    let outcome = async |value: &str| run(&house, "before_vm_start", &[("size", value), ("other", "12")]).await;
    assert_eq!(outcome("12").await.document, counted(8));
    for wrong in ["x", "", "12x", "x12", "12\nx"] {
        let outcome = outcome(wrong).await;
        assert_eq!(outcome.failed.as_deref(), Some("hook a: custom property size does not match [0-9]+"), "{wrong}");
    }
    let unset = run(&house, "before_vm_start", &[("other", "12")]).await;
    assert_eq!((unset.document.as_str(), unset.failed), (DOCUMENT, None), "properties it does not name are not shown");
}

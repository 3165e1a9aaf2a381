//! What the operator reads of modules. Rung: pure.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use vdsm_core::tree::{Tree, TreeBuilder};

use super::super::declared::tests::write_hook;
use super::super::proof::tests::write as write_proof;
use super::super::{Style, show};
use super::*;
use crate::tool::Exit;

const FIRST: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const SECOND: &str = "2222222222222222222222222222222222222222222222222222222222222222";

fn summary(out: &mut TreeBuilder, name: &str, kind: &str, serves: &[&str]) {
    out.text_at("name", name).text_at("kind", kind).text_at("digest", SECOND);
    out.array_at("serves", |out| serves.iter().for_each(|name| _ = out.text(name)));
}

fn listed(fill: impl FnOnce(&mut TreeBuilder), refused: &[(&str, &str)]) -> Tree {
    Tree::object(|out| {
        out.array_at("modules", fill);
        out.array_at("refused", |out| {
            for (name, reason) in refused {
                out.open_object().text_at("name", name).text_at("reason", reason).close();
            }
        });
    })
}

fn detailed(pin: &str) -> Tree {
    Tree::object(|out| {
        summary(out, "owner", "hook", &["before_vm_start"]);
        out.text_at("manifest", "/etc/vdsm/modules.d/owner.toml");
        write_hook(out, &[]);
        write_proof(out, &[], &[]);
        out.object_at("limits", |out| _ = out.text_at("memory-mib", "16").text_at("cpu-ms", "50"));
        out.text_at("pin", pin);
        out.array_at("versions", |out| {
            for (digest, since, by) in [(SECOND, "0", "package"), (FIRST, "1380000000123", "uid 0"), (SECOND, "1380000001123", "uid 0")] {
                out.open_object().text_at("digest", digest).text_at("since-ms", since).text_at("by", by).close();
            }
        });
    })
}

fn text_of<A: Answer>(tree: &Tree) -> String {
    let shown = show::<A>(tree.root(), Style::Text).unwrap();
    assert_eq!(shown.exit, Exit::Good);
    shown.text
}

#[test]
fn the_list_names_what_serves_and_why_the_rest_does_not() {
    let fill = |out: &mut TreeBuilder| {
        out.open_object();
        summary(out, "owner", "hook", &["before_vm_start", "after_vm_start"]);
        out.close().open_object();
        summary(out, "verbs-host", "verb", &["ping"]);
        out.close();
    };
    let text = text_of::<ModuleList>(&listed(fill, &[("bad", "/etc/vdsm/modules.d/bad.toml:3: unknown key\nat `gran`")]));
    let expected = "owner       hook  222222222222  before_vm_start, after_vm_start\n\
                    verbs-host  verb  222222222222  ping\n\
                    refused: bad\n  /etc/vdsm/modules.d/bad.toml:3: unknown key\n  at `gran`\n";
    assert_eq!(text, expected);
    assert_eq!(text_of::<ModuleList>(&listed(|_| (), &[])), "no module serves\n");
}

#[test]
fn a_module_is_shown_with_its_proof_limits_and_versions() {
    let text = text_of::<ModuleDetails>(&detailed("222222222222"));
    assert!(
        text.starts_with(&format!("owner, a hook module\n  digest    {SECOND}\n  manifest  /etc/vdsm/modules.d/owner.toml\n")),
        "{text}"
    );
    assert!(text.contains("  pin       222222222222, the operator's choice"), "{text}");
    assert!(text.contains("\nits manifest\n  points ") && text.contains("\ndangerous: none\n"), "{text}");
    assert!(text.contains("verdict: good"), "{text}");
    assert!(text.contains("limits (2)\n  cpu-ms      50\n  memory-mib  16\n"), "{text}");
    let versions = "versions, newest first (3)\n  \
                    222222222222  2013-09-24 05:20:01,123Z  uid 0    active\n  \
                    111111111111  2013-09-24 05:20:00,123Z  uid 0\n  \
                    222222222222  1970-01-01 00:00:00,000Z  package\n";
    assert!(text.ends_with(versions), "{text}");
    assert!(text_of::<ModuleDetails>(&detailed("")).contains("  pin       none"));
}

#[test]
fn json_has_numbers_for_numbers_and_null_for_no_pin() {
    let json: serde_json::Value = serde_json::from_str(&show::<ModuleDetails>(detailed("").root(), Style::Json).unwrap().text).unwrap();
    assert_eq!(json["limits"]["cpu-ms"], 50);
    assert_eq!(json["versions"][1]["since-ms"], 1_380_000_000_123_u64);
    assert_eq!(json["pin"], serde_json::Value::Null);
    assert_eq!(json["name"], "owner");
    assert_eq!(json["proof"]["verdict"], "good");
    assert_eq!(json["declares"]["on-failure"], "fail");
}

#[test]
fn a_change_says_what_is_active_now() {
    let tree = Tree::object(|out| _ = out.text_at("name", "owner").text_at("digest", FIRST));
    assert_eq!(text_of::<ActiveVersion>(&tree), "owner: 111111111111 is active\n");
}

#[test]
fn a_reply_of_another_daemon_is_said_to_be_one() {
    let error = show::<ModuleList>(Tree::empty_object().root(), Style::Text).unwrap_err();
    assert_eq!(error.to_string(), "the reply has no usable `modules`: is vdsm-tool of another version than the daemon?");
}

//! `module check`: what a manifest says of a component, and the proof of the one against the other.

use serde::Serialize;
use vdsm_core::tree::Value;

use super::Answer;
use super::declared::Declared;
use super::proof::Proof;
use crate::tool::Exit;
use crate::tool::reply::{NotUnderstood, text};

/// A module that is judged before it runs.
#[derive(Debug, Serialize)]
pub(in crate::tool) struct Check {
    name: String,
    declares: Declared,
    #[serde(flatten)]
    proof: Proof,
}

impl Answer for Check {
    fn read(value: Value<'_>) -> Result<Check, NotUnderstood> {
        Ok(Check { name: text(value, "name")?, declares: Declared::read(value)?, proof: Proof::read(value)? })
    }

    fn text(&self) -> String {
        format!("{}, a {} module\n{}{}", self.name, self.declares.kind(), self.declares.text(), self.proof.text())
    }

    fn exit(&self) -> Exit {
        self.proof.exit()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    //! Manifest and proof together. Rung: pure.
    use vdsm_core::tree::Tree;

    use super::super::declared::tests::write_hook;
    use super::super::proof::tests::write as write_proof;
    use super::super::{Style, show};
    use super::*;

    fn checked(missing: &[&str]) -> Tree {
        Tree::object(|out| {
            out.text_at("name", "qemucmdline");
            write_hook(out, &[("raw-qemu-arguments", "full control of QEMU")]);
            write_proof(out, missing, &[]);
        })
    }

    #[test]
    fn the_manifest_comes_first_and_the_verdict_last() {
        let shown = show::<Check>(checked(&[]).root(), Style::Text).unwrap();
        assert!(shown.text.starts_with("qemucmdline, a hook module\n  points "), "{}", shown.text);
        assert!(shown.text.contains("\ndangerous: raw-qemu-arguments (full control of QEMU)\nimports (1)\n"), "{}", shown.text);
        assert!(shown.text.contains("\nverdict: good"), "{}", shown.text);
        assert_eq!(shown.exit, Exit::Good);
        assert_eq!(show::<Check>(checked(&["a.b"]).root(), Style::Text).unwrap().exit, Exit::Refused);
    }

    #[test]
    fn json_has_what_is_declared_beside_the_proof() {
        let json: serde_json::Value = serde_json::from_str(&show::<Check>(checked(&[]).root(), Style::Json).unwrap().text).unwrap();
        assert_eq!((&json["name"], &json["verdict"]), (&"qemucmdline".into(), &"good".into()));
        assert_eq!(json["declares"]["edit"], serde_json::json!(["domain/qemu:commandline"]));
    }
}

//! The static proof of a component against a manifest.

use serde::Serialize;
use vdsm_core::tree::Value;

use super::Answer;
use crate::tool::Exit;
use crate::tool::layout::section;
use crate::tool::reply::{NotUnderstood, pairs, texts};

/// What a component imports and what a manifest gives it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Proof {
    imports: Vec<String>,
    /// Imported and granted, with the scope as the manifest writes it.
    granted: Vec<Granted>,
    /// Imported and not granted: refuses it.
    missing: Vec<String>,
    /// Granted and not imported: harmless.
    unused: Vec<String>,
    /// Imported and not known to this host, with the reason: refuses it.
    unknown: Vec<String>,
    verdict: Verdict,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Granted {
    function: String,
    scope: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Good,
    Refused,
}

impl Answer for Proof {
    fn read(value: Value<'_>) -> Result<Proof, NotUnderstood> {
        let granted = pairs(value, "granted")?.into_iter().map(|(function, scope)| Granted { function, scope }).collect();
        let (missing, unknown) = (texts(value, "missing")?, texts(value, "unknown")?);
        let verdict = if missing.is_empty() && unknown.is_empty() { Verdict::Good } else { Verdict::Refused };
        Ok(Proof { imports: texts(value, "imports")?, granted, missing, unused: texts(value, "unused")?, unknown, verdict })
    }

    fn text(&self) -> String {
        let granted: Vec<[&str; 2]> = self.granted.iter().map(|granted| [granted.function.as_str(), granted.scope.as_str()]).collect();
        let sections = [
            section("imports", &rows(&self.imports)),
            section("granted", &granted),
            section("missing", &rows(&self.missing)),
            section("unused", &rows(&self.unused)),
            section("unknown", &rows(&self.unknown)),
        ];
        format!("{}verdict: {}\n", sections.concat(), self.reason())
    }

    fn exit(&self) -> Exit {
        match self.verdict {
            Verdict::Good => Exit::Good,
            Verdict::Refused => Exit::Refused,
        }
    }
}

impl Proof {
    fn reason(&self) -> &'static str {
        match (self.verdict, self.unknown.is_empty(), self.missing.is_empty()) {
            (Verdict::Good, _, _) => "good: everything it imports is known here and granted",
            (Verdict::Refused, false, true) => "refused: it imports what this host does not have",
            (Verdict::Refused, true, _) => "refused: it imports what its manifest does not grant",
            (Verdict::Refused, false, false) => "refused: it imports what this host does not have, and what its manifest does not grant",
        }
    }
}

fn rows(names: &[String]) -> Vec<[&str; 1]> {
    names.iter().map(|name| [name.as_str()]).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
pub(super) mod tests {
    //! The verdict, and what it rests on. Rung: pure.
    use vdsm_core::tree::{Tree, TreeBuilder};

    use super::super::{Style, show};
    use super::*;

    /// The members the daemon writes.
    pub(in crate::tool::answer) fn write(out: &mut TreeBuilder, missing: &[&str], unknown: &[&str]) {
        out.array_at("imports", |out| _ = out.text("vdsm:hook/log.write"));
        out.object_at("granted", |out| _ = out.text_at("vdsm:hook/log.write", "*").text_at("vdsm:vm/ask.conf", "subjects"));
        out.array_at("missing", |out| missing.iter().for_each(|name| _ = out.text(name)));
        out.array_at("unused", |_| ());
        out.array_at("unknown", |out| unknown.iter().for_each(|name| _ = out.text(name)));
    }

    fn shown(missing: &[&str], unknown: &[&str], style: Style) -> (String, Exit) {
        let tree = Tree::object(|out| write(out, missing, unknown));
        let shown = show::<Proof>(tree.root(), style).unwrap();
        (shown.text, shown.exit)
    }

    #[test]
    fn a_good_component_shows_what_it_gets() {
        let (text, exit) = shown(&[], &[], Style::Text);
        let expected = "imports (1)\n  vdsm:hook/log.write\n\
                        granted (2)\n  vdsm:hook/log.write  *\n  vdsm:vm/ask.conf     subjects\n\
                        missing: none\nunused: none\nunknown: none\n\
                        verdict: good: everything it imports is known here and granted\n";
        assert_eq!((text.as_str(), exit), (expected, Exit::Good));
    }

    #[test]
    fn what_is_missing_or_unknown_refuses_it() {
        let (text, exit) = shown(&["vdsm:vm/plan.start"], &[], Style::Text);
        assert!(text.contains("missing (1)\n  vdsm:vm/plan.start\n"), "{text}");
        assert!(text.ends_with("verdict: refused: it imports what its manifest does not grant\n"), "{text}");
        assert_eq!(exit, Exit::Refused);
        let (text, exit) = shown(&[], &["wasi:io/streams@0.2.0: nothing here offers it"], Style::Text);
        assert!(text.contains("unknown (1)\n  wasi:io/streams@0.2.0: nothing here offers it\n"), "{text}");
        assert!(text.ends_with("verdict: refused: it imports what this host does not have\n"), "{text}");
        assert_eq!(exit, Exit::Refused);
    }

    #[test]
    fn json_has_the_verdict_too() {
        let json: serde_json::Value = serde_json::from_str(&shown(&["a.b"], &[], Style::Json).0).unwrap();
        assert_eq!(json["verdict"], "refused");
        assert_eq!(json["missing"], serde_json::json!(["a.b"]));
        assert_eq!(json["granted"][1], serde_json::json!({"function": "vdsm:vm/ask.conf", "scope": "subjects"}));
    }
}

//! `hook show`: the chains that ran for a machine, and what each hook of them did.

use std::collections::BTreeSet;

use serde::Serialize;
use vdsm_core::clock;
use vdsm_core::tree::Value;

use super::Answer;
use crate::tool::layout::{indented, short};
use crate::tool::reply::{NotUnderstood, items, list, number, optional, text};

/// One run of the hooks of a point.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::tool) struct Chain {
    /// Milliseconds since the epoch.
    time_ms: u64,
    point: String,
    /// Why the point failed, if it did; then no edit of the chain was used.
    failed: Option<String>,
    hooks: Vec<Run>,
}

/// What one hook did.
#[derive(Debug, Serialize)]
struct Run {
    module: String,
    digest: String,
    /// Its time in microseconds.
    micros: u64,
    /// The edit as a unified diff; none: it kept the document.
    diff: Option<String>,
    /// Why it failed; its edit was dropped.
    failure: Option<String>,
}

impl Answer for Vec<Chain> {
    fn read(value: Value<'_>) -> Result<Vec<Chain>, NotUnderstood> {
        items(value, "chains", Chain::read)
    }

    fn text(&self) -> String {
        if self.is_empty() {
            return "no hook ran for this machine, as far as the daemon remembers: the last chains since it started\n".to_owned();
        }
        self.iter().map(Chain::text).collect::<Vec<_>>().join("\n")
    }
}

/// The newest chain of each point, oldest first: the last life of a machine, not those before it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(in crate::tool) struct NewestChains {
    chains: Vec<Chain>,
    /// Chains that are remembered and older.
    #[serde(skip)]
    older: usize,
}

impl Answer for NewestChains {
    fn read(value: Value<'_>) -> Result<NewestChains, NotUnderstood> {
        let mut chains = <Vec<Chain> as Answer>::read(value)?;
        let all = chains.len();
        let mut points = BTreeSet::new();
        chains.reverse();
        chains.retain(|chain| points.insert(chain.point.clone()));
        chains.reverse();
        Ok(NewestChains { older: all - chains.len(), chains })
    }

    fn text(&self) -> String {
        let newest = Answer::text(&self.chains);
        if self.older == 0 { newest } else { format!("{newest}\nolder chains: {}, shown by --all\n", self.older) }
    }
}

impl Chain {
    fn read(value: Value<'_>) -> Result<Chain, NotUnderstood> {
        Ok(Chain {
            time_ms: number(value, "time-ms")?,
            point: text(value, "point")?,
            failed: optional(value, "failed")?,
            hooks: list(value, "hooks", Run::read)?,
        })
    }

    fn text(&self) -> String {
        let hooks: String = self.hooks.iter().map(Run::text).collect();
        let failed =
            self.failed.as_ref().map(|reason| format!("  failed, nothing of the chain is used: {}", first_then_indented("    ", reason)));
        format!("{}  {}\n{hooks}{}", clock::text(self.time_ms), self.point, failed.unwrap_or_default())
    }
}

impl Run {
    fn read(value: Value<'_>) -> Result<Run, NotUnderstood> {
        Ok(Run {
            module: text(value, "module")?,
            digest: text(value, "digest")?,
            micros: number(value, "micros")?,
            diff: optional(value, "diff")?,
            failure: optional(value, "failure")?,
        })
    }

    fn text(&self) -> String {
        let did = match (&self.failure, &self.diff) {
            (Some(reason), _) => format!("failed: {}", first_then_indented("    ", reason)),
            (None, None) => "kept the document\n".to_owned(),
            (None, Some(diff)) => format!("edited the document\n{}", indented("    ", diff)),
        };
        format!("  {}@{}  {} us  {did}", self.module, short(&self.digest), self.micros)
    }
}

/// A reason whose first line ends a line that was begun; its others follow after `indent`.
fn first_then_indented(indent: &str, reason: &str) -> String {
    let (first, others) = reason.split_once('\n').unwrap_or((reason, ""));
    format!("{first}\n{}", indented(indent, others))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! What the operator reads of hooks. Rung: pure.
    use vdsm_core::tree::{Tree, TreeBuilder};

    use super::super::{Style, show};
    use super::*;

    const DIFF: &str = "@@ -1,2 +1,3 @@\n <domain>\n+  <title>owner: alice</title>\n </domain>\n";

    fn run(out: &mut TreeBuilder, module: &str, diff: &str, failure: &str) {
        out.open_object().text_at("module", module).text_at("digest", "0123456789ab").text_at("micros", "412");
        out.text_at("diff", diff).text_at("failure", failure).close();
    }

    fn chain(out: &mut TreeBuilder, failed: &str, fill: impl FnOnce(&mut TreeBuilder)) {
        out.open_object().text_at("time-ms", "1380000000123").text_at("point", "before_vm_start").text_at("failed", failed);
        out.array_at("hooks", fill).close();
    }

    fn text_of(tree: &Tree) -> String {
        show::<Vec<Chain>>(tree.root(), Style::Text).unwrap().text
    }

    #[test]
    fn each_hook_has_its_version_time_and_edit() {
        let tree = Tree::array(|out| {
            chain(out, "", |out| {
                run(out, "smbios", "", "");
                run(out, "owner", DIFF, "");
            });
        });
        let expected = "2013-09-24 05:20:00,123Z  before_vm_start\n  \
                        smbios@0123456789ab  412 us  kept the document\n  \
                        owner@0123456789ab  412 us  edited the document\n    \
                        @@ -1,2 +1,3 @@\n     <domain>\n    +  <title>owner: alice</title>\n     </domain>\n";
        assert_eq!(text_of(&tree), expected);
    }

    #[test]
    fn a_failure_tells_of_the_hook_and_of_the_chain() {
        let tree = Tree::array(|out| {
            chain(out, "hook owner: an owner is one line", |out| run(out, "owner", "", "an owner is one line\nnot two"));
            chain(out, "", |out| run(out, "owner", "", ""));
        });
        let text = text_of(&tree);
        assert!(text.contains("  owner@0123456789ab  412 us  failed: an owner is one line\n    not two\n"), "{text}");
        assert!(text.contains("  failed, nothing of the chain is used: hook owner: an owner is one line\n\n2013-09-24"), "{text}");
    }

    #[test]
    fn without_all_only_the_newest_chain_of_each_point_is_shown() {
        let tree = Tree::array(|out| {
            for (point, module) in [("before_vm_start", "old"), ("after_vm_start", "live"), ("before_vm_start", "new")] {
                out.open_object().text_at("time-ms", "0").text_at("point", point).text_at("failed", "");
                out.array_at("hooks", |out| run(out, module, "", "")).close();
            }
        });
        let text = show::<NewestChains>(tree.root(), Style::Text).unwrap().text;
        assert!(text.starts_with("1970-01-01 00:00:00,000Z  after_vm_start\n  live@"), "{text}");
        assert!(text.contains("before_vm_start\n  new@") && !text.contains("old@"), "{text}");
        assert!(text.ends_with("\n\nolder chains: 1, shown by --all\n"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&show::<NewestChains>(tree.root(), Style::Json).unwrap().text).unwrap();
        assert_eq!(json.as_array().map(Vec::len), Some(2));
        assert!(text_of(&tree).contains("old@"));
    }

    #[test]
    fn no_chain_is_said_and_in_json_an_empty_list() {
        assert!(text_of(&Tree::array(|_| ())).starts_with("no hook ran"));
        assert_eq!(show::<Vec<Chain>>(Tree::array(|_| ()).root(), Style::Json).unwrap().text, "[]\n");
        assert!(show::<Vec<Chain>>(Tree::nil().root(), Style::Text).is_err());
    }

    #[test]
    fn json_keeps_the_diff_as_it_is() {
        let tree = Tree::array(|out| chain(out, "", |out| run(out, "owner", DIFF, "")));
        let json: serde_json::Value = serde_json::from_str(&show::<Vec<Chain>>(tree.root(), Style::Json).unwrap().text).unwrap();
        let expected = serde_json::json!([{
            "time-ms": 1_380_000_000_123_u64, "point": "before_vm_start", "failed": null,
            "hooks": [{"module": "owner", "digest": "0123456789ab", "micros": 412, "diff": DIFF, "failure": null}],
        }]);
        assert_eq!(json, expected);
    }
}

//! What a manifest says of its module: where it is called, what it may change, and what is dangerous in that.

use std::collections::BTreeMap;

use serde::Serialize;
use vdsm_core::tree::Value;

use crate::tool::layout::columns;
use crate::tool::reply::{NotUnderstood, number, pairs, text, texts};

/// Longest parameters of a policy, in characters of JSON, that people see; programs get all.
const SHORT_PARAMETERS: usize = 100;

/// A manifest, apart from its grants and limits.
#[derive(Debug, Serialize)]
pub(super) struct Declared {
    #[serde(flatten)]
    kind: Kind,
    /// What it gives, by the manifest's name.
    dangerous: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
enum Kind {
    Verb { serves: Vec<String>, shapes: bool },
    Hook { points: Vec<String>, order: i32, edit: Vec<String>, properties: BTreeMap<String, String>, on_failure: String },
    Policy { domain: String, interval_s: u64, parameters: serde_json::Value },
}

impl Declared {
    /// Reads member `declares`.
    pub(super) fn read(value: Value<'_>) -> Result<Declared, NotUnderstood> {
        let value = value.get("declares").ok_or(NotUnderstood("declares"))?;
        Ok(Declared { kind: Kind::read(value)?, dangerous: pairs(value, "dangerous")?.into_iter().collect() })
    }

    /// `verb`, `hook` or `policy`.
    pub(super) fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Verb { .. } => "verb",
            Kind::Hook { .. } => "hook",
            Kind::Policy { .. } => "policy",
        }
    }

    /// A row for each key; dangers stand apart, that they are seen.
    pub(super) fn text(&self) -> String {
        let rows = self.kind.rows();
        let rows: Vec<[&str; 2]> = rows.iter().map(|[key, value]| [key.as_str(), value.as_str()]).collect();
        let dangers: Vec<String> = self.dangerous.iter().map(|(name, gives)| format!("{name} ({gives})")).collect();
        // Only edits of hooks have dangers with a name. That others have none would say too much of a module that destroys machines.
        let dangers = match self.kind {
            Kind::Verb { .. } | Kind::Policy { .. } if dangers.is_empty() => String::new(),
            _ => format!("dangerous: {}\n", listed(&dangers)),
        };
        columns("  ", &rows) + &dangers
    }
}

impl Kind {
    fn read(value: Value<'_>) -> Result<Kind, NotUnderstood> {
        match text(value, "kind")?.as_str() {
            "verb" => {
                let shapes = value.get("shapes").and_then(Value::as_bool).ok_or(NotUnderstood("shapes"))?;
                Ok(Kind::Verb { serves: texts(value, "serves")?, shapes })
            }
            "hook" => Ok(Kind::Hook {
                points: texts(value, "points")?,
                order: text(value, "order")?.parse().map_err(|_| NotUnderstood("order"))?,
                edit: texts(value, "edit")?,
                properties: pairs(value, "properties")?.into_iter().collect(),
                on_failure: text(value, "on-failure")?,
            }),
            "policy" => Ok(Kind::Policy {
                domain: text(value, "domain")?,
                interval_s: number(value, "interval-s")?,
                parameters: serde_json::from_str(&text(value, "parameters")?).map_err(|_| NotUnderstood("parameters"))?,
            }),
            _ => Err(NotUnderstood("kind")),
        }
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let row = |key: &str, value: String| [key.to_owned(), value];
        match self {
            Kind::Verb { serves, shapes } => {
                let shapes = shapes.then(|| row("shapes", "the statistics of machines".to_owned()));
                std::iter::once(row("serves", listed(serves))).chain(shapes).collect()
            }
            Kind::Hook { points, order, edit, properties, on_failure } => {
                let mut rows = vec![row("points", listed(points)), row("order", order.to_string()), row("edit", listed(edit))];
                if properties.is_empty() {
                    rows.push(row("properties", "none".to_owned()));
                }
                rows.extend(properties.iter().map(|(name, pattern)| row(&format!("property {name}"), pattern.clone())));
                rows.push(row("on-failure", on_failure.clone()));
                rows
            }
            Kind::Policy { domain, interval_s, parameters } => {
                let json = parameters.to_string();
                let json = if json.chars().count() > SHORT_PARAMETERS { "many, shown by --json".to_owned() } else { json };
                vec![row("domain", domain.clone()), row("interval-s", interval_s.to_string()), row("parameters", json)]
            }
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
pub(super) mod tests {
    //! What the operator sees of a module before it runs. Rung: pure.
    use vdsm_core::tree::{Tree, TreeBuilder};

    use super::*;

    /// A hook as the daemon writes it; it edits QEMU's arguments when it is dangerous.
    pub(in crate::tool::answer) fn write_hook(out: &mut TreeBuilder, dangerous: &[(&str, &str)]) {
        out.object_at("declares", |out| {
            out.text_at("kind", "hook").text_at("order", "50").text_at("on-failure", "fail");
            out.array_at("points", |out| _ = out.text("before_vm_start").text("after_vm_start"));
            out.array_at("edit", |out| _ = out.text("domain/qemu:commandline"));
            out.object_at("properties", |out| _ = out.text_at("qemu_cmdline", "^.*$"));
            out.object_at("dangerous", |out| dangerous.iter().for_each(|(name, gives)| _ = out.text_at(name, gives)));
        });
    }

    fn declared(fill: impl FnOnce(&mut TreeBuilder)) -> Declared {
        Declared::read(Tree::object(fill).root()).unwrap()
    }

    #[test]
    fn a_hook_shows_where_it_is_called_what_it_edits_and_its_dangers() {
        let hook = declared(|out| write_hook(out, &[("raw-qemu-arguments", "full control of QEMU")]));
        let expected = "  points                 before_vm_start, after_vm_start\n  \
                        order                  50\n  \
                        edit                   domain/qemu:commandline\n  \
                        property qemu_cmdline  ^.*$\n  \
                        on-failure             fail\n\
                        dangerous: raw-qemu-arguments (full control of QEMU)\n";
        assert_eq!((hook.text().as_str(), hook.kind()), (expected, "hook"));
        assert!(declared(|out| write_hook(out, &[])).text().ends_with("dangerous: none\n"));
        let json = serde_json::to_value(&hook).unwrap();
        let expected = serde_json::json!({
            "kind": "hook", "points": ["before_vm_start", "after_vm_start"], "order": 50, "edit": ["domain/qemu:commandline"],
            "properties": {"qemu_cmdline": "^.*$"}, "on-failure": "fail",
            "dangerous": {"raw-qemu-arguments": "full control of QEMU"},
        });
        assert_eq!(json, expected);
    }

    fn policy(parameters: &str) -> Declared {
        declared(|out| {
            out.object_at("declares", |out| {
                out.text_at("kind", "policy").text_at("domain", "memory").text_at("interval-s", "10").text_at("parameters", parameters);
                out.object_at("dangerous", |_| ());
            });
        })
    }

    #[test]
    fn a_policy_shows_its_interval_and_short_parameters() {
        let expected = "  domain      memory\n  interval-s  10\n  parameters  {\"pressure\":0.2}\n";
        assert_eq!(policy("{\"pressure\":0.2}").text(), expected);
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(200));
        assert!(policy(&long).text().ends_with("parameters  many, shown by --json\n"));
        assert_eq!(serde_json::to_value(policy(&long)).unwrap()["parameters"]["a"], "x".repeat(200));
    }

    #[test]
    fn a_verb_module_shows_its_verbs_and_whether_it_shapes_statistics() {
        let verb = declared(|out| {
            out.object_at("declares", |out| {
                out.text_at("kind", "verb").boolean_at("shapes", true).array_at("serves", |out| _ = out.text("list"));
                out.object_at("dangerous", |_| ());
            });
        });
        assert_eq!(verb.text(), "  serves  list\n  shapes  the statistics of machines\n");
    }
}

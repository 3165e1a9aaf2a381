//! `verbs`: every verb VDSM has or this host serves, and who serves it.

use serde::Serialize;
use vdsm_core::tree::Value;

use super::Answer;
use crate::tool::layout::columns;
use crate::tool::reply::{NotUnderstood, list, optional, text, texts};

/// All verbs.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(in crate::tool) struct VerbList {
    verbs: Vec<Verb>,
    /// The modules that are refused, also those of which it cannot be told what they would serve.
    #[serde(skip)]
    refused: Vec<String>,
}

/// A verb.
#[derive(Debug, Serialize)]
struct Verb {
    name: String,
    #[serde(flatten)]
    service: Service,
}

/// Who answers it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "service", rename_all = "kebab-case")]
enum Service {
    /// A module, or the daemon itself.
    Served { by: String },
    /// A module would, but it is refused.
    Refused { module: String },
    /// Nobody.
    NotServed,
}

impl Service {
    fn text(&self) -> String {
        match self {
            Service::Served { by } => format!("served by {by}"),
            Service::Refused { module } => format!("not served: module {module} is refused"),
            Service::NotServed => "not served".to_owned(),
        }
    }
}

impl Verb {
    fn read(value: Value<'_>) -> Result<Verb, NotUnderstood> {
        let service = match (optional(value, "by")?, optional(value, "refused")?) {
            (Some(by), _) => Service::Served { by },
            (None, Some(module)) => Service::Refused { module },
            (None, None) => Service::NotServed,
        };
        Ok(Verb { name: text(value, "name")?, service })
    }
}

impl Answer for VerbList {
    fn read(value: Value<'_>) -> Result<VerbList, NotUnderstood> {
        Ok(VerbList { verbs: list(value, "verbs", Verb::read)?, refused: texts(value, "refused")? })
    }

    fn text(&self) -> String {
        let services: Vec<String> = self.verbs.iter().map(|verb| verb.service.text()).collect();
        let rows: Vec<[&str; 2]> = self.verbs.iter().zip(&services).map(|(verb, service)| [verb.name.as_str(), service.as_str()]).collect();
        let count = |wanted: fn(&Service) -> bool| self.verbs.iter().filter(|verb| wanted(&verb.service)).count();
        let served = count(|service| matches!(service, Service::Served { .. }));
        let refused = count(|service| matches!(service, Service::Refused { .. }));
        let not_served = count(|service| *service == Service::NotServed);
        let (verbs, all) = (columns("", &rows), self.verbs.len());
        format!("{verbs}{all} verbs: {served} served, {refused} of refused modules, {not_served} not served\n{}", self.advice())
    }
}

impl VerbList {
    fn advice(&self) -> String {
        match self.refused.as_slice() {
            [] => String::new(),
            names => format!("refused modules: {} ({}); see vdsm-tool module list\n", names.len(), names.join(", ")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Which verbs are served, and how many. Rung: pure.
    use vdsm_core::tree::Tree;

    use super::super::{Style, show};
    use super::*;

    fn verbs(refused: &[&str]) -> Tree {
        Tree::object(|out| {
            out.array_at("verbs", |out| {
                for (name, by, refused) in
                    [("addNetwork", "", ""), ("create", "", "verbs-vm"), ("ping", "verbs-host", ""), ("stop", "the daemon itself", "")]
                {
                    out.open_object().text_at("name", name).text_at("by", by).text_at("refused", refused).close();
                }
            });
            out.array_at("refused", |out| refused.iter().for_each(|name| _ = out.text(name)));
        })
    }

    #[test]
    fn every_verb_has_a_line_and_the_last_one_counts() {
        let expected = "addNetwork  not served\n\
                        create      not served: module verbs-vm is refused\n\
                        ping        served by verbs-host\n\
                        stop        served by the daemon itself\n\
                        4 verbs: 2 served, 1 of refused modules, 1 not served\n";
        let text = |refused: &[&str]| show::<VerbList>(verbs(refused).root(), Style::Text).unwrap().text;
        assert_eq!(text(&[]), expected);
        let advice = "refused modules: 2 (note, verbs-vm); see vdsm-tool module list\n";
        assert_eq!(text(&["note", "verbs-vm"]), format!("{expected}{advice}"), "of `note` it cannot be told what it would serve");
    }

    #[test]
    fn json_tells_the_three_apart() {
        let json: serde_json::Value =
            serde_json::from_str(&show::<VerbList>(verbs(&["verbs-vm"]).root(), Style::Json).unwrap().text).unwrap();
        let expected = serde_json::json!([
            {"name": "addNetwork", "service": "not-served"},
            {"name": "create", "service": "refused", "module": "verbs-vm"},
            {"name": "ping", "service": "served", "by": "verbs-host"},
            {"name": "stop", "service": "served", "by": "the daemon itself"},
        ]);
        assert_eq!(json, expected);
    }
}

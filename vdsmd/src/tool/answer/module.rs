//! `module list`, `module show`, and what `swap` and `rollback` leave active.

use std::collections::BTreeMap;

use serde::Serialize;
use vdsm_core::clock;
use vdsm_core::tree::Value;

use super::Answer;
use super::declared::Declared;
use super::proof::Proof;
use crate::tool::layout::{columns, indented, section, short};
use crate::tool::reply::{NotUnderstood, list, number, optional, pairs, text, texts};

/// A module that serves.
#[derive(Debug, Serialize)]
struct Summary {
    name: String,
    /// `verb`, `hook` or `policy`.
    kind: String,
    /// 64 hex digits.
    digest: String,
    /// Verbs, hook points, or the domain of a policy.
    serves: Vec<String>,
}

impl Summary {
    fn read(value: Value<'_>) -> Result<Summary, NotUnderstood> {
        Ok(Summary {
            name: text(value, "name")?,
            kind: text(value, "kind")?,
            digest: text(value, "digest")?,
            serves: texts(value, "serves")?,
        })
    }
}

/// A module that does not serve.
#[derive(Debug, Serialize)]
struct RefusedModule {
    name: String,
    /// File, line and reason.
    reason: String,
}

impl RefusedModule {
    fn read(value: Value<'_>) -> Result<RefusedModule, NotUnderstood> {
        Ok(RefusedModule { name: text(value, "name")?, reason: text(value, "reason")? })
    }
}

/// All modules.
#[derive(Debug, Serialize)]
pub(in crate::tool) struct ModuleList {
    modules: Vec<Summary>,
    refused: Vec<RefusedModule>,
}

impl Answer for ModuleList {
    fn read(value: Value<'_>) -> Result<ModuleList, NotUnderstood> {
        Ok(ModuleList { modules: list(value, "modules", Summary::read)?, refused: list(value, "refused", RefusedModule::read)? })
    }

    fn text(&self) -> String {
        let serves: Vec<String> = self.modules.iter().map(|module| module.serves.join(", ")).collect();
        let rows = self.modules.iter().zip(&serves).map(|(module, serves)| [&module.name, &module.kind, short(&module.digest), serves]);
        let modules = if serves.is_empty() { "no module serves\n".to_owned() } else { columns("", &rows.collect::<Vec<_>>()) };
        let refused = self.refused.iter().map(|refused| format!("refused: {}\n{}", refused.name, indented("  ", &refused.reason)));
        modules + &refused.collect::<String>()
    }
}

/// Everything of one module.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::tool) struct ModuleDetails {
    #[serde(flatten)]
    summary: Summary,
    /// The manifest's path.
    manifest: String,
    declares: Declared,
    proof: Proof,
    /// By the manifest's names.
    limits: BTreeMap<String, u64>,
    /// The start of the digest the operator chose; none: what the package brings is served.
    pin: Option<String>,
    /// What was active, oldest first.
    versions: Vec<Version>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Version {
    digest: String,
    /// Milliseconds since the epoch.
    since_ms: u64,
    /// `package`, or `uid N`.
    by: String,
}

impl Version {
    fn read(value: Value<'_>) -> Result<Version, NotUnderstood> {
        Ok(Version { digest: text(value, "digest")?, since_ms: number(value, "since-ms")?, by: text(value, "by")? })
    }
}

impl Answer for ModuleDetails {
    fn read(value: Value<'_>) -> Result<ModuleDetails, NotUnderstood> {
        let limit = |(name, value): (String, String)| Ok((name, value.parse().map_err(|_| NotUnderstood("limits"))?));
        Ok(ModuleDetails {
            summary: Summary::read(value)?,
            manifest: text(value, "manifest")?,
            declares: Declared::read(value)?,
            proof: Proof::read(value)?,
            limits: pairs(value, "limits")?.into_iter().map(limit).collect::<Result<_, _>>()?,
            pin: optional(value, "pin")?,
            versions: list(value, "versions", Version::read)?,
        })
    }

    fn text(&self) -> String {
        let limits: Vec<(&str, String)> = self.limits.iter().map(|(name, limit)| (name.as_str(), limit.to_string())).collect();
        let limits: Vec<[&str; 2]> = limits.iter().map(|(name, limit)| [*name, limit]).collect();
        let declares = format!("its manifest\n{}", self.declares.text());
        let sections = [self.head(), declares, self.proof.text(), section("limits", &limits), self.history()];
        sections.join("\n")
    }
}

impl ModuleDetails {
    fn head(&self) -> String {
        let Summary { name, kind, digest, serves } = &self.summary;
        let pin = match &self.pin {
            Some(pin) => format!("{pin}, the operator's choice: upgrades of the package do not replace it"),
            None => "none, the package's version serves".to_owned(),
        };
        let serves = serves.join(", ");
        let rows = [["digest", digest], ["manifest", &self.manifest], ["serves", &serves], ["pin", &pin]];
        format!("{name}, a {kind} module\n{}", columns("  ", &rows))
    }

    /// The newest first, as one looks for it; the active one was made active last.
    fn history(&self) -> String {
        let times: Vec<String> = self.versions.iter().rev().map(|version| clock::text(version.since_ms)).collect();
        let newest_first = self.versions.iter().rev().zip(&times).enumerate();
        let rows = newest_first.map(|(age, (version, time))| {
            let state = if age == 0 && version.digest == self.summary.digest { "active" } else { "" };
            [short(&version.digest), time, &version.by, state]
        });
        section("versions, newest first", &rows.collect::<Vec<_>>())
    }
}

/// The version that a change made active.
#[derive(Debug, Serialize)]
pub(in crate::tool) struct ActiveVersion {
    name: String,
    digest: String,
}

impl Answer for ActiveVersion {
    fn read(value: Value<'_>) -> Result<ActiveVersion, NotUnderstood> {
        Ok(ActiveVersion { name: text(value, "name")?, digest: text(value, "digest")? })
    }

    fn text(&self) -> String {
        format!("{}: {} is active\n", self.name, short(&self.digest))
    }
}

#[cfg(test)]
mod tests;

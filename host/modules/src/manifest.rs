//! A module's manifest: the file in which the operator says what a module is and what it gets.
//!
//! `etc/vdsm/modules.d/NAME.toml`. Every key is enforced or refused: an unknown key, name or value refuses the manifest with file,
//! line and the nearest valid one. What is not written is not granted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::capability::Offer;
use crate::grant::{Grant, Scope, ScopeRule};
use crate::limits::{Budget, LimitsSection};
use crate::points::{self, Point};

/// What a module is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Serves verbs.
    Verb(VerbSection),
    /// Edits or reads documents at hook points.
    Hook(HookSection),
    /// Decides on a tick.
    Policy(PolicySection),
}

impl Kind {
    /// The word in the manifest.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Verb(_) => "verb",
            Kind::Hook(_) => "hook",
            Kind::Policy(_) => "policy",
        }
    }
}

/// `[verb]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VerbSection {
    /// The verbs it may serve; a descriptor of any other refuses the module.
    pub serves: Vec<String>,
    /// Whether it also shapes machine statistics (exports `vdsm:vm/shaper`). One module of the host does.
    #[serde(default)]
    pub shapes: bool,
}

/// `[hook]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSection {
    /// The points it is called at.
    pub points: Vec<&'static Point>,
    /// Custom properties it is shown, with the pattern their values must match.
    pub properties: BTreeMap<String, String>,
    /// Parts of the document it may change, e.g. `domain/sysinfo`.
    pub edit: Vec<String>,
    /// Whether its failure fails the point.
    pub on_failure: OnFailure,
    /// Place in the chains of its points; ties by name.
    pub order: i32,
}

/// What a failure of a hook means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It fails the point, where the point may abort.
    Fail,
    /// It is logged; the chain goes on with the document before it.
    Ignore,
}

/// `[policy]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PolicySection {
    /// What it decides: `memory`.
    pub domain: String,
    /// Seconds between ticks, 1 to 3600.
    pub interval_s: u32,
}

/// A checked manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The module's name; also the file's.
    pub name: String,
    /// The component's file name under `usr/lib/vdsm/modules`.
    pub component: String,
    /// What it is.
    pub kind: Kind,
    /// What it is given.
    pub grant: Grant,
    /// Its limits.
    pub budget: Budget,
    /// Where it was read.
    pub file: PathBuf,
}

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}", file = file.display())]
pub struct ManifestError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    name: Spanned<String>,
    kind: Spanned<String>,
    component: Spanned<String>,
    order: Option<Spanned<i32>>,
    verb: Option<Spanned<VerbSection>>,
    hook: Option<Spanned<RawHook>>,
    policy: Option<Spanned<PolicySection>>,
    #[serde(default)]
    grant: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    #[serde(default)]
    limits: Option<Spanned<LimitsSection>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawHook {
    points: Vec<Spanned<String>>,
    #[serde(default)]
    properties: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    edit: Vec<Spanned<String>>,
    on_failure: OnFailure,
}

/// Dangers an edit or a grant implies; a manifest must name them.
const DANGERS: &[(&str, &str)] = &[("raw-qemu-arguments", "domain/qemu:commandline")];

impl Manifest {
    /// Reads and checks the manifest at `file` against what the rooms offer.
    pub fn read(file: &Path, offer: &Offer) -> Result<Manifest, ManifestError> {
        let text = std::fs::read_to_string(file).map_err(|error| ManifestError {
            file: file.to_owned(),
            line: 1,
            reason: format!("cannot be read: {error}"),
        })?;
        Manifest::parse(file, &text, offer)
    }

    /// Checks the text of a manifest.
    pub fn parse(file: &Path, text: &str, offer: &Offer) -> Result<Manifest, ManifestError> {
        let at = Locator { file, text };
        let raw: Raw = toml::from_str(text).map_err(|error| at.error(error.span().map_or(0, |span| span.start), nearest_field(error.message())))?;
        let name = at.name(&raw.name)?;
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if stem != name {
            return Err(at.error(raw.name.span().start, format!("the file of module `{name}` is called `{name}.toml`, not `{stem}.toml`")));
        }
        let component = raw.component.get_ref().clone();
        if component.contains('/') || !component.ends_with(".wasm") {
            return Err(at.error(raw.component.span().start, format!("`{component}` is no file name ending in .wasm")));
        }
        let (grant, dangers) = at.grant(&raw.grant, offer)?;
        let limits = raw.limits.as_ref().map(|limits| limits.get_ref().clone()).unwrap_or_default();
        let limits_at = raw.limits.as_ref().map_or(0, |limits| limits.span().start);
        let budget = limits.narrow().map_err(|reason| at.error(limits_at, reason))?;
        let kind = at.kind(&raw)?;
        at.dangers(&kind, &dangers)?;
        Ok(Manifest { name, component, kind, grant, budget, file: file.to_owned() })
    }
}

/// Turns places in the text into errors with a line.
struct Locator<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Locator<'_> {
    fn error(&self, offset: usize, reason: impl Into<String>) -> ManifestError {
        let line = 1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        ManifestError { file: self.file.to_owned(), line, reason: reason.into() }
    }

    fn name(&self, name: &Spanned<String>) -> Result<String, ManifestError> {
        let text = name.get_ref();
        let fits = !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if fits { Ok(text.clone()) } else { Err(self.error(name.span().start, format!("`{text}` is no module name: small letters, digits and -, 64 at most"))) }
    }

    fn kind(&self, raw: &Raw) -> Result<Kind, ManifestError> {
        let word = raw.kind.get_ref().as_str();
        let sections = [("verb", raw.verb.as_ref().map(Spanned::span)), ("hook", raw.hook.as_ref().map(Spanned::span)), ("policy", raw.policy.as_ref().map(Spanned::span))];
        if let Some((other, Some(span))) = sections.iter().find(|(section, span)| *section != word && span.is_some()) {
            return Err(self.error(span.start, format!("[{other}] has no effect in a module of kind `{word}`")));
        }
        if let Some(order) = raw.order.as_ref().filter(|_| word != "hook") {
            return Err(self.error(order.span().start, "`order` has an effect on hooks only"));
        }
        let missing = || self.error(raw.kind.span().start, format!("a module of kind `{word}` needs a section [{word}]"));
        match word {
            "verb" => Ok(Kind::Verb(raw.verb.as_ref().ok_or_else(missing)?.get_ref().clone())),
            "hook" => self.hook(raw.hook.as_ref().ok_or_else(missing)?.get_ref(), raw.order.as_ref().map_or(50, |order| *order.get_ref())).map(Kind::Hook),
            "policy" => {
                let section = raw.policy.as_ref().ok_or_else(missing)?;
                self.policy(section).map(Kind::Policy)
            }
            other => Err(self.error(raw.kind.span().start, format!("no kind `{other}`{}", suggest(other, ["verb", "hook", "policy"])))),
        }
    }

    fn policy(&self, section: &Spanned<PolicySection>) -> Result<PolicySection, ManifestError> {
        let policy = section.get_ref();
        if policy.domain != "memory" {
            return Err(self.error(section.span().start, format!("no policy domain `{}`{}", policy.domain, suggest(&policy.domain, ["memory"]))));
        }
        if !(1..=3600).contains(&policy.interval_s) {
            return Err(self.error(section.span().start, "interval-s must be 1 to 3600"));
        }
        Ok(policy.clone())
    }

    fn hook(&self, raw: &RawHook, order: i32) -> Result<HookSection, ManifestError> {
        let mut points = Vec::new();
        for point in &raw.points {
            let known = points::find(point.get_ref());
            let known = known.ok_or_else(|| {
                self.error(point.span().start, format!("no hook point `{}` is served{}", point.get_ref(), suggest(point.get_ref(), points::names())))
            })?;
            points.push(known);
        }
        for pattern in raw.properties.values() {
            regex::Regex::new(pattern.get_ref()).map_err(|error| self.error(pattern.span().start, format!("the pattern is wrong: {error}")))?;
        }
        for edit in &raw.edit {
            if !points.iter().any(|point| point.edits) {
                return Err(self.error(edit.span().start, "`edit` has no effect: none of its points applies edits"));
            }
            if edit.get_ref().split('/').next() != Some("domain") {
                return Err(self.error(edit.span().start, format!("`{}` is no part of a domain document: it begins with `domain`", edit.get_ref())));
            }
        }
        Ok(HookSection {
            points,
            properties: raw.properties.iter().map(|(name, pattern)| (name.clone(), pattern.get_ref().clone())).collect(),
            edit: raw.edit.iter().map(|edit| edit.get_ref().clone()).collect(),
            on_failure: raw.on_failure,
            order,
        })
    }

    fn grant(&self, raw: &BTreeMap<Spanned<String>, Spanned<toml::Value>>, offer: &Offer) -> Result<(Grant, Vec<(String, usize)>), ManifestError> {
        let mut grant = Grant::default();
        let mut dangers = Vec::new();
        for (key, value) in raw {
            let at = key.span().start;
            if key.get_ref() == "dangerous" {
                let names = texts(value.get_ref()).ok_or_else(|| self.error(at, "`dangerous` is a list of names"))?;
                dangers.extend(names.into_iter().map(|name| (name, at)));
                continue;
            }
            let functions = offer.functions_of(key.get_ref());
            if functions.is_empty() {
                return Err(self.error(at, format!("nothing is called `{}`{}", key.get_ref(), suggest(key.get_ref(), offer.names()))));
            }
            for (capability, function) in functions {
                let full = format!("{}.{}", function.interface, function.name);
                let scope = scope(function.rule, value.get_ref()).map_err(|reason| self.error(value.span().start, format!("{full}: {reason}")))?;
                if let (Scope::Only(names), Some(capability)) = (&scope, capability) {
                    for name in names {
                        capability.check_name(function, name).map_err(|reason| self.error(value.span().start, format!("{full}: {reason}")))?;
                    }
                }
                grant.0.insert(full, scope);
            }
        }
        Ok((grant, dangers))
    }

    /// What is dangerous must be named, and what is named must be there.
    fn dangers(&self, kind: &Kind, named: &[(String, usize)]) -> Result<(), ManifestError> {
        let edits: &[String] = if let Kind::Hook(hook) = kind { &hook.edit } else { &[] };
        let implied = |part: &str| edits.iter().any(|edit| part == edit || part.starts_with(&format!("{edit}/")));
        for (danger, part) in DANGERS {
            if implied(part) && !named.iter().any(|(name, _)| name == danger) {
                return Err(self.error(0, format!("editing {part} needs `dangerous = [\"{danger}\"]` in [grant]: it gives full control of QEMU")));
            }
        }
        for (name, at) in named {
            match DANGERS.iter().find(|(danger, _)| danger == name) {
                None => return Err(self.error(*at, format!("no danger is called `{name}`{}", suggest(name, DANGERS.iter().map(|(danger, _)| *danger))))),
                Some((_, part)) if !implied(part) => return Err(self.error(*at, format!("`{name}` has no effect: nothing this module gets implies it"))),
                Some(_) => {}
            }
        }
        Ok(())
    }
}

fn texts(value: &toml::Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn scope(rule: ScopeRule, value: &toml::Value) -> Result<Scope, String> {
    match (rule, value) {
        (ScopeRule::Flag, toml::Value::Boolean(true)) => Ok(Scope::All),
        (ScopeRule::Flag, _) => Err("it names nothing: write `true`, or leave it out".into()),
        (ScopeRule::SubjectsOrAll, toml::Value::String(word)) if word == "subjects" => Ok(Scope::Subjects),
        (ScopeRule::SubjectsOrAll | ScopeRule::AllOnly, toml::Value::String(word)) if word == "*" => Ok(Scope::All),
        (ScopeRule::SubjectsOrAll, _) => Err("write \"subjects\" or \"*\"".into()),
        (ScopeRule::AllOnly, _) => Err("it reaches beyond the call's subjects: write \"*\"".into()),
        (ScopeRule::Names, value) => texts(value).filter(|names| !names.is_empty()).map(Scope::Only).ok_or_else(|| "write a list of names".into()),
    }
}

/// `; did you mean …?` when something near is known.
fn suggest<'a>(unknown: &str, known: impl IntoIterator<Item = impl Into<&'a str>>) -> String {
    let nearest = known.into_iter().map(Into::into).max_by(|a: &&str, b: &&str| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)));
    nearest.map_or_else(String::new, |name| format!("; the nearest is `{name}`"))
}

/// The parser's message about an unknown key, shortened to the nearest known one.
fn nearest_field(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field `") else { return message.to_owned() };
    let mut quoted = rest.split('`').step_by(2);
    let unknown = quoted.next().unwrap_or_default();
    let known: Vec<&str> = rest.split('`').skip(2).step_by(2).collect();
    format!("no key `{unknown}`{}", suggest(unknown, known))
}

#[cfg(test)]
mod tests;

//! A module's manifest: the file in which the operator says what a module is and what it gets.
//!
//! `etc/vdsm/modules.d/NAME.toml`. Every key is enforced or refused: an unknown key, name or value refuses the manifest with file,
//! line and the nearest valid one. What is not written is not granted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use vdsm_core::tree::{Tree, TreeBuilder};

use crate::capability::Offer;
use crate::grant::{Grant, Scope, ScopeRule};
use crate::limits::{Budget, LimitsSection};
use crate::points::{self, Point};

/// What a module is.
#[derive(Clone, Debug, PartialEq)]
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

/// What the value of a custom property must match, as a whole.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    whole: regex::Regex,
}

impl Pattern {
    /// Compiles a pattern; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        // By itself first: `a)(b` is no pattern, though it is one inside a group.
        regex::Regex::new(text).map_err(|error| error.to_string())?;
        let whole = regex::Regex::new(&format!(r"\A(?:{text})\z")).map_err(|error| error.to_string())?;
        Ok(Pattern { text: text.to_owned(), whole })
    }

    /// Whether `value` matches from its beginning to its end.
    pub fn fits(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}
impl Eq for Pattern {}

/// `[hook]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSection {
    /// The points it is called at.
    pub points: Vec<&'static Point>,
    /// Custom properties it is shown, with the pattern their values must match.
    pub properties: BTreeMap<String, Pattern>,
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
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PolicySection {
    /// What it decides: `memory`.
    pub domain: String,
    /// Seconds between ticks, 1 to 3600.
    pub interval_s: u32,
    /// Its parameters, which its own `check` must accept.
    #[serde(default)]
    pub parameters: toml::Table,
}

impl PolicySection {
    /// The parameters as the policy gets them.
    pub(crate) fn parameters_tree(&self) -> Tree {
        let mut builder = TreeBuilder::new();
        toml_table(&mut builder, &self.parameters);
        // A manifest is far smaller than any limit of a tree; one that is not has no parameters its policy accepts.
        builder.finish().unwrap_or_else(|_| Tree::nil())
    }
}

fn toml_table(builder: &mut TreeBuilder, table: &toml::Table) {
    builder.open_object();
    for (key, value) in table {
        builder.key(key);
        toml_value(builder, value);
    }
    builder.close();
}

fn toml_value(builder: &mut TreeBuilder, value: &toml::Value) {
    match value {
        toml::Value::String(text) => {
            builder.text(text);
        }
        toml::Value::Integer(number) => {
            match i32::try_from(*number) {
                Ok(small) => builder.int(small),
                Err(_) => builder.int64(*number),
            };
        }
        toml::Value::Float(number) => {
            builder.double(*number);
        }
        toml::Value::Boolean(flag) => {
            builder.boolean(*flag);
        }
        toml::Value::Datetime(time) => {
            builder.text(&time.to_string());
        }
        toml::Value::Array(items) => {
            builder.open_array();
            for item in items {
                toml_value(builder, item);
            }
            builder.close();
        }
        toml::Value::Table(table) => toml_table(builder, table),
    }
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
    /// What is dangerous in that, as the operator named it.
    pub dangerous: Vec<&'static Danger>,
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

/// A danger of an edit, which a manifest must name.
#[derive(Debug, PartialEq, Eq)]
pub struct Danger {
    /// The word in the manifest.
    pub name: &'static str,
    /// What who has it can do, in a few words.
    pub gives: &'static str,
    /// The elements below `domain` that bring it in whatever namespace prefix: prefixes are the document's own choice.
    elements: &'static [&'static str],
}

static DANGERS: &[Danger] = &[Danger { name: "raw-qemu-arguments", gives: "full control of QEMU", elements: &["commandline", "override"] }];

/// Whether an edit of `part` reaches one of `elements` below `domain`.
fn reaches(part: &str, elements: &[&str]) -> bool {
    match part.split('/').nth(1) {
        None => true,
        Some(element) => elements.contains(&element.rsplit(':').next().unwrap_or(element)),
    }
}

/// Whether `text` can be a module's name.
pub(crate) fn is_name(text: &str) -> bool {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(small)
}

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
        let raw: Raw =
            toml::from_str(text).map_err(|error| at.error(error.span().map_or(0, |span| span.start), nearest_field(error.message())))?;
        let name = at.name(&raw.name)?;
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if stem != name {
            return Err(at.error(raw.name.span().start, format!("the file of module `{name}` is called `{name}.toml`, not `{stem}.toml`")));
        }
        let component = raw.component.get_ref().clone();
        if component.contains('/') || !component.ends_with(".wasm") {
            return Err(at.error(raw.component.span().start, format!("`{component}` is no file name ending in .wasm")));
        }
        let kind = at.kind(&raw)?;
        let (grant, dangers) = at.grant(&raw.grant, &kind, offer)?;
        let limits = raw.limits.as_ref().map(|limits| limits.get_ref().clone()).unwrap_or_default();
        let limits_at = raw.limits.as_ref().map_or(0, |limits| limits.span().start);
        let budget = limits.narrow().map_err(|reason| at.error(at.key(limits_at, reason.split(' ').next().unwrap_or_default()), reason))?;
        let dangerous = at.dangers(raw.hook.as_ref().map_or(&[], |hook| hook.get_ref().edit.as_slice()), &dangers)?;
        Ok(Manifest { name, component, kind, grant, dangerous, budget, file: file.to_owned() })
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

    /// Where `key` stands in the section that begins at `section`.
    fn key(&self, section: usize, key: &str) -> usize {
        self.text.get(section..).and_then(|rest| rest.find(key)).map_or(section, |place| section + place)
    }

    fn name(&self, name: &Spanned<String>) -> Result<String, ManifestError> {
        let text = name.get_ref();
        if is_name(text) {
            Ok(text.clone())
        } else {
            Err(self.error(name.span().start, format!("`{text}` is no module name: small letters, digits and -, 64 at most")))
        }
    }

    fn kind(&self, raw: &Raw) -> Result<Kind, ManifestError> {
        let word = raw.kind.get_ref().as_str();
        let sections = [
            ("verb", raw.verb.as_ref().map(Spanned::span)),
            ("hook", raw.hook.as_ref().map(Spanned::span)),
            ("policy", raw.policy.as_ref().map(Spanned::span)),
        ];
        // Of a kind that does not exist that is said first.
        let known = sections.iter().any(|(section, _)| *section == word);
        if let Some((other, Some(span))) = sections.iter().find(|(section, span)| known && *section != word && span.is_some()) {
            return Err(self.error(span.start, format!("[{other}] has no effect in a module of kind `{word}`")));
        }
        if let Some(order) = raw.order.as_ref().filter(|_| known && word != "hook") {
            return Err(self.error(order.span().start, "`order` has an effect on hooks only"));
        }
        let missing = || self.error(raw.kind.span().start, format!("a module of kind `{word}` needs a section [{word}]"));
        match word {
            "verb" => self.verb(raw.verb.as_ref().ok_or_else(missing)?).map(Kind::Verb),
            "hook" => {
                self.hook(raw.hook.as_ref().ok_or_else(missing)?, raw.order.as_ref().map_or(50, |order| *order.get_ref())).map(Kind::Hook)
            }
            "policy" => {
                let section = raw.policy.as_ref().ok_or_else(missing)?;
                self.policy(section).map(Kind::Policy)
            }
            other => Err(self.error(raw.kind.span().start, format!("no kind `{other}`{}", suggest(other, ["verb", "hook", "policy"])))),
        }
    }

    fn verb(&self, section: &Spanned<VerbSection>) -> Result<VerbSection, ManifestError> {
        let verb = section.get_ref();
        let at = self.key(section.span().start, "serves");
        if verb.serves.is_empty() && !verb.shapes {
            return Err(self.error(at, "`serves` names no verb: the module would never be called"));
        }
        match repeated(verb.serves.iter().map(String::as_str)) {
            Some(twice) => Err(self.error(at, format!("`serves` names `{twice}` twice"))),
            None => Ok(verb.clone()),
        }
    }

    fn policy(&self, section: &Spanned<PolicySection>) -> Result<PolicySection, ManifestError> {
        let policy = section.get_ref();
        if policy.domain != "memory" {
            return Err(self.error(
                self.key(section.span().start, "domain"),
                format!("no policy domain `{}`{}", policy.domain, suggest(&policy.domain, ["memory"])),
            ));
        }
        if !(1..=3600).contains(&policy.interval_s) {
            return Err(self.error(self.key(section.span().start, "interval-s"), "interval-s must be 1 to 3600"));
        }
        if policy.parameters_tree().root().kind() != vdsm_core::tree::Kind::Object {
            return Err(self.error(self.key(section.span().start, "parameters"), "`parameters` are nested too deep or too large"));
        }
        Ok(policy.clone())
    }

    fn hook(&self, section: &Spanned<RawHook>, order: i32) -> Result<HookSection, ManifestError> {
        let (raw, at) = (section.get_ref(), self.key(section.span().start, "points"));
        let mut points = Vec::new();
        for point in &raw.points {
            let known = points::find(point.get_ref());
            let known = known.ok_or_else(|| {
                self.error(
                    point.span().start,
                    format!("no hook point `{}` is served{}", point.get_ref(), suggest(point.get_ref(), points::names())),
                )
            })?;
            if points.contains(&known) {
                return Err(self.error(point.span().start, format!("`{}` is named twice: a hook is called once at a point", known.name)));
            }
            points.push(known);
        }
        if points.is_empty() {
            return Err(self.error(at, "`points` names none: the hook would never be called"));
        }
        let mut properties = BTreeMap::new();
        for (name, pattern) in &raw.properties {
            let known = Pattern::parse(pattern.get_ref())
                .map_err(|error| self.error(pattern.span().start, format!("the pattern is wrong: {error}")))?;
            properties.insert(name.clone(), known);
        }
        for edit in &raw.edit {
            if !points.iter().any(|point| point.edits) {
                return Err(self.error(edit.span().start, "`edit` has no effect: none of its points applies edits"));
            }
            if edit.get_ref().split('/').next() != Some("domain") {
                return Err(
                    self.error(edit.span().start, format!("`{}` is no part of a domain document: it begins with `domain`", edit.get_ref()))
                );
            }
            if !edit.get_ref().split('/').all(is_element) {
                return Err(
                    self.error(edit.span().start, format!("`{}` matches no element: names of elements joined by single /", edit.get_ref()))
                );
            }
        }
        Ok(HookSection {
            points,
            properties,
            edit: raw.edit.iter().map(|edit| edit.get_ref().clone()).collect(),
            on_failure: raw.on_failure,
            order,
        })
    }

    fn grant(
        &self,
        raw: &BTreeMap<Spanned<String>, Spanned<toml::Value>>,
        kind: &Kind,
        offer: &Offer,
    ) -> Result<(Grant, Named), ManifestError> {
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
                if !matches!(kind, Kind::Verb(_)) && (function.step.is_some() || function.interface == crate::base::PLAN) {
                    return Err(self.error(at, format!("{full} has no effect in a module of kind `{}`: only verbs plan", kind.name())));
                }
                let scope =
                    scope(function.rule, value.get_ref()).map_err(|reason| self.error(value.span().start, format!("{full}: {reason}")))?;
                if let (Scope::Only(names), Some(capability)) = (&scope, capability) {
                    for name in names {
                        capability
                            .check_name(function, name)
                            .map_err(|reason| self.error(value.span().start, format!("{full}: {reason}")))?;
                    }
                }
                grant.0.insert(full, scope);
            }
        }
        Ok((grant, dangers))
    }

    /// What is dangerous must be named, and what is named must be there.
    fn dangers(&self, edits: &[Spanned<String>], named: &Named) -> Result<Vec<&'static Danger>, ManifestError> {
        let implied = |danger: &Danger| edits.iter().find(|edit| reaches(edit.get_ref(), danger.elements));
        for danger in DANGERS {
            if let Some(edit) = implied(danger).filter(|_| !named.iter().any(|(name, _)| name == danger.name)) {
                let (edited, name, gives) = (edit.get_ref(), danger.name, danger.gives);
                let reason = format!("editing {edited} needs `dangerous = [\"{name}\"]` in [grant]: it gives {gives}");
                return Err(self.error(edit.span().start, reason));
            }
        }
        for (name, at) in named {
            match DANGERS.iter().find(|danger| danger.name == name) {
                None => {
                    return Err(
                        self.error(*at, format!("no danger is called `{name}`{}", suggest(name, DANGERS.iter().map(|danger| danger.name))))
                    );
                }
                Some(danger) if implied(danger).is_none() => {
                    return Err(self.error(*at, format!("`{name}` has no effect: nothing this module gets implies it")));
                }
                Some(_) => {}
            }
        }
        Ok(DANGERS.iter().filter(|danger| implied(danger).is_some()).collect())
    }
}

/// Dangers a manifest names, with their place.
type Named = Vec<(String, usize)>;

/// The first name that comes twice.
fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

fn is_element(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || "-_.".contains(letter));
    name.split(':').all(part)
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
        (ScopeRule::Names, value) => {
            texts(value).filter(|names| !names.is_empty()).map(Scope::Only).ok_or_else(|| "write a list of names".into())
        }
    }
}

/// `; did you mean …?` when something near is known.
fn suggest<'a>(unknown: &str, known: impl IntoIterator<Item = impl Into<&'a str>>) -> String {
    let nearest = known
        .into_iter()
        .map(Into::into)
        .max_by(|a: &&str, b: &&str| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)));
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

//! `vdsm.conf`: VDSM's INI file with VDSM's keys and defaults, and a few keys of our own.
//!
//! One table (`config/keys.rs`) says every key with its type, default and whether it has an effect today. Reading is pure:
//! [`Config::parse`] takes the text. What is wrong is refused with file, line and what was expected; what is unknown or has no
//! effect yet is a warning. An absent file means defaults.

mod ini;
mod keys;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use keys::{Addresses, Compat, Config, Effect, Irs, KEYS, Key, Ksm, Libvirt, Mom, Vars};
pub use value::{LibvirtUri, MachineAliases, Repository};

use ini::Line;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there but cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Lines are wrong; all of them, one a line.
    #[error("{}", join(.0))]
    Mistakes(Vec<Mistake>),
}

fn join(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
}

/// One wrong line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What is wrong and what was expected.
    pub what: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Something the operator should know, but that does not keep the host from its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A section or key that neither VDSM 3.3 nor we know.
    Unknown {
        /// Where it stands.
        place: Place,
        /// `section.key`.
        name: String,
        /// The known key with the nearest name, if any is near.
        nearest: Option<String>,
    },
    /// Keys of VDSM that are set but have no effect yet.
    WithoutEffect {
        /// The file.
        file: PathBuf,
        /// `section.key`, in the order of the file.
        names: Vec<String>,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::Unknown { place, name, nearest: Some(nearest) } => {
                write!(f, "{place}: unknown setting {name}, ignored; is {nearest} meant?")
            }
            Warning::Unknown { place, name, nearest: None } => write!(f, "{place}: unknown setting {name}, ignored"),
            Warning::WithoutEffect { file, names } => {
                write!(f, "{}: accepted, but without effect in this version: {}", file.display(), names.join(", "))
            }
        }
    }
}

/// Where a setting stands, or would stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; none: not set, the default is at work.
    pub line: Option<usize>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// What the file says, beside the typed values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    file: PathBuf,
    set: BTreeMap<String, (String, usize)>,
}

impl Source {
    /// The raw text of a setting: the file's, else the default.
    fn raw(&self, section: &str, key: &str) -> Option<&str> {
        match self.set.get(&format!("{section}.{key}")) {
            Some((value, _)) => Some(value),
            None => keys::find(section, key).map(|known| known.default),
        }
    }

    /// The text of a setting with `%(key)s` of its section in place.
    fn text(&self, section: &str, key: &str) -> Result<String, String> {
        let raw = self.raw(section, key).unwrap_or_default();
        ini::interpolate(raw, &|other| self.raw(section, other).map(str::to_owned))
    }

    /// The typed value of a setting; none where it is wrong, which is then noted.
    fn read<T: value::Setting>(&self, section: &str, key: &str, mistakes: &mut Vec<Mistake>) -> Option<T> {
        let text = self.text(section, key);
        let read = text.and_then(|text| T::parse(text.trim()).ok_or_else(|| format!("`{text}` where {} was expected", T::EXPECTED)));
        let note = |what| mistakes.push(Mistake { place: self.place(section, key), what: format!("{section}.{key}: {what}") });
        read.map_err(note).ok()
    }

    fn place(&self, section: &str, key: &str) -> Place {
        Place { file: self.file.clone(), line: self.set.get(&format!("{section}.{key}")).map(|(_, line)| *line) }
    }
}

impl Config {
    /// Reads `path`; an absent file means defaults.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        match std::fs::read(path) {
            Ok(bytes) => Config::parse(&String::from_utf8_lossy(&bytes), path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Config::parse("", path),
            Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
        }
    }

    /// Reads `text`, which stands in `file`.
    pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
        let mut source = Source { file: file.to_owned(), set: BTreeMap::new() };
        let mut mistakes = Vec::new();
        let mut warnings = Vec::new();
        let mut idle = Vec::new();
        for line in ini::lines(text) {
            let place = |line| Place { file: file.to_owned(), line: Some(line) };
            match line {
                Line::Wrong { line, what } => mistakes.push(Mistake { place: place(line), what }),
                Line::Setting { section, key, value, line } => {
                    let name = format!("{section}.{key}");
                    match keys::find(&section, &key).map(|known| known.effect) {
                        None => warnings.push(Warning::Unknown { place: place(line), nearest: nearest(&name), name: name.clone() }),
                        Some(Effect::NotYet) if !idle.contains(&name) => idle.push(name.clone()),
                        Some(_) => {}
                    }
                    source.set.insert(name, (value, line));
                }
            }
        }
        if !idle.is_empty() {
            warnings.push(Warning::WithoutEffect { file: file.to_owned(), names: idle });
        }
        match Config::read(source, warnings, &mut mistakes) {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(ConfigError::Mistakes(mistakes)),
        }
    }

    /// The text of `section.key`, interpolated; none when no such key is known.
    pub fn get(&self, name: &str) -> Option<String> {
        let (section, key) = name.split_once('.')?;
        keys::find(section, key)?;
        self.source.text(section, key).ok()
    }

    /// Where `section.key` is set, to be named to the operator.
    pub fn place(&self, name: &str) -> Place {
        let (section, key) = name.split_once('.').unwrap_or((name, ""));
        self.source.place(section, key)
    }

    /// What the operator should know, in the order of the file.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// Whether `section.key` is a setting of VDSM's or ours.
pub fn is_known(name: &str) -> bool {
    name.split_once('.').is_some_and(|(section, key)| keys::find(section, key).is_some())
}

/// The known name that `name` is most likely a slip of.
fn nearest(name: &str) -> Option<String> {
    let names = KEYS.iter().map(|key| format!("{}.{}", key.section, key.name));
    let scored = names.map(|known| (strsim::jaro_winkler(&known, name), known));
    scored.filter(|(score, _)| *score > 0.85).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}

//! The settings of `vdsm.conf` as this room sees them: by name, as text.

use std::sync::Arc;

use glob::Pattern;

type Value = dyn Fn(&str) -> Option<String> + Send + Sync;
type Known = dyn Fn(&str) -> bool + Send + Sync;

/// Settings by `section.key`.
#[derive(Clone)]
pub struct Settings {
    value: Arc<Value>,
    known: Arc<Known>,
}

impl Settings {
    /// `value` gives a setting's text (the file's or the default), `known` says whether there is one of that name.
    pub fn new(
        value: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        known: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Settings {
        Settings { value: Arc::new(value), known: Arc::new(known) }
    }

    /// The text of `section.key`.
    pub fn value(&self, name: &str) -> Option<String> {
        (self.value)(name)
    }

    /// Whether `section.key` is a setting.
    pub fn knows(&self, name: &str) -> bool {
        (self.known)(name)
    }

    /// A list of shell globs, separated by commas. What is no glob is left out: the configuration's reader has reported it.
    pub fn globs(&self, name: &str) -> Globs {
        let text = self.value(name).unwrap_or_default();
        Globs(text.split(',').map(str::trim).filter(|part| !part.is_empty()).filter_map(|part| Pattern::new(part).ok()).collect())
    }
}

/// Shell globs; a name matches when one of them does.
#[derive(Clone, Debug, Default)]
pub struct Globs(Vec<Pattern>);

impl Globs {
    /// Whether one of them matches.
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }
}

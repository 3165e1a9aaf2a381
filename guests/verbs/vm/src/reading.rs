//! How a configuration is read: VDSM takes text for numbers and flags, and has a default for most keys.

use vdsm_sdk::verb::{Status, status};
use vdsm_sdk::wire::{Object, lenient};

/// Why a machine cannot be started. It becomes the exit message of its record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unstartable(pub(crate) String);

impl Unstartable {
    /// With the text for people.
    pub(crate) fn new(text: impl Into<String>) -> Unstartable {
        Unstartable(text.into())
    }
}

impl From<Unstartable> for Status {
    fn from(reason: Unstartable) -> Status {
        status(crate::answers::CREATE_ERROR.0, reason.0, "")
    }
}

/// A scalar member as text.
pub(crate) fn text(of: &Object, key: &str) -> Option<String> {
    of.get(key).and_then(lenient::text_like)
}

/// A scalar member as text, where it is there and not empty.
pub(crate) fn filled(of: &Object, key: &str) -> Option<String> {
    text(of, key).filter(|value| !value.is_empty())
}

/// A flag.
pub(crate) fn flag(of: &Object, key: &str, default: bool) -> bool {
    of.get(key).map_or(default, lenient::tobool)
}

/// A whole number; what is there must be one.
pub(crate) fn number(of: &Object, key: &str, default: i64) -> Result<i64, Unstartable> {
    match of.get(key) {
        None => Ok(default),
        Some(value) => lenient::int_like(value).ok_or_else(|| Unstartable(format!("{key} is no number"))),
    }
}

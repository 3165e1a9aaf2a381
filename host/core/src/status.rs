//! A refusal (or success) as the manager sees it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// VDSM's code, VDSM's text, our detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// VDSM's `status.code`; 0 is success.
    pub code: i32,
    /// VDSM's `status.message`.
    pub message: Cow<'static, str>,
    /// What we know beyond it; may be empty.
    pub detail: String,
}

impl Status {
    /// A status with VDSM's text and our detail.
    pub fn new(code: i32, message: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Status {
        Status { code, message: message.into(), detail: detail.into() }
    }

    /// The same code and text with another detail.
    pub fn with_detail(&self, detail: impl Into<String>) -> Status {
        Status { detail: detail.into(), ..self.clone() }
    }

    /// The text that travels: VDSM's, then `: ` and our detail when there is one.
    pub fn text(&self) -> String {
        if self.detail.is_empty() { self.message.to_string() } else { format!("{}: {}", self.message, self.detail) }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (code {})", self.text(), self.code)
    }
}

impl std::error::Error for Status {}

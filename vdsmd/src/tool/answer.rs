//! What the daemon answers: one type an answer, read from its reply, shown as text or as JSON.

mod chain;
mod check;
mod declared;
mod job;
mod module;
mod proof;
mod verb;

use serde::Serialize;
use vdsm_core::tree::Value;

use super::Exit;
use super::layout;
use super::reply::NotUnderstood;

pub(super) use chain::{Chain, NewestChains};
pub(super) use check::Check;
pub(super) use job::Jobs;
pub(super) use module::{ActiveVersion, ModuleDetails, ModuleList};
pub(super) use verb::VerbList;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What is printed, and how the process ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) exit: Exit,
}

/// An answer of the daemon.
pub(super) trait Answer: Serialize + Sized {
    /// Reads it from the value of a reply.
    fn read(value: Value<'_>) -> Result<Self, NotUnderstood>;

    /// For people; whole lines.
    fn text(&self) -> String;

    /// How a process ends that got it.
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

/// Why an answer cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShowError {
    /// It is not what was asked for.
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
    /// It has no JSON.
    #[error("the answer cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Reads an answer and shows it. Text goes to terminals and holds what modules and machines say: its control characters are written
/// out.
pub(super) fn show<A: Answer>(value: Value<'_>, style: Style) -> Result<Shown, ShowError> {
    let answer = A::read(value)?;
    let text = match style {
        Style::Text => layout::without_controls(&answer.text()).into_owned(),
        Style::Json => serde_json::to_string_pretty(&answer)? + "\n",
    };
    Ok(Shown { text, exit: answer.exit() })
}

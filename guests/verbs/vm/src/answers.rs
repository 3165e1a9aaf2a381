//! VDSM's codes and texts that several verbs answer with.

use vdsm_sdk::verb::{Status, status};

/// Code and text of a status.
pub(crate) type Text = (i32, &'static str);

/// The machine is not known.
pub(crate) const NO_VM: Text = (1, "Virtual machine does not exist");
/// The machine is known already.
pub(crate) const EXISTS: Text = (4, "Virtual machine already exists");
/// The machine cannot be created.
pub(crate) const CREATE_ERROR: Text = (9, "Error creating the requested VM");
/// Whatever has no code of its own.
pub(crate) const UNEXPECTED: Text = (16, "Unexpected exception");
/// There is no balloon to speak to.
pub(crate) const BALLOON_ERROR: Text = (53, "Balloon operation is not available");

/// The status with our detail, which may be empty.
pub(crate) fn refuse((code, message): Text, detail: impl Into<String>) -> Status {
    status(code, message, detail)
}

//! Whether a machine may be created at all: VDSM's checks in VDSM's order.

use vdsm_sdk::verb::{Status, status};
use vdsm_sdk::wire::{Object, Value, lenient};

use crate::answers::{CREATE_ERROR, EXISTS, refuse};

/// Code of a parameter that is missing or cannot be used; the text says which.
const PARAMETER: i32 = 11;

/// What the checks need to know beside the parameters.
pub(super) struct Situation<'a> {
    /// Whether a machine of that id is known.
    pub(super) known: bool,
    /// Name of the host's operating system.
    pub(super) system: &'a str,
}

/// The first check that fails, with the status it answers.
pub(super) fn check(parameters: &Object, situation: &Situation<'_>) -> Result<(), Status> {
    if situation.known {
        return Err(refuse(EXISTS, ""));
    }
    if let Some(name) = ["vmId", "memSize", "display"].into_iter().find(|name| !parameters.contains(name)) {
        return Err(status(PARAMETER, format!("Missing required parameter {name}"), ""));
    }
    check_id(parameters.get("vmId").and_then(Value::as_text))?;
    if is_zero(parameters.get("memSize")) {
        return Err(status(PARAMETER, "Must specify nonzero memSize", ""));
    }
    if boots_from_nothing(parameters) {
        return Err(status(PARAMETER, "missing boot disk", ""));
    }
    if situation.system == "unknown" {
        return Err(status(CREATE_ERROR.0, "Unknown host operating system", ""));
    }
    check_display(parameters.get("display"))
}

/// libvirt knows machines by lower case ids with hyphens. VDSM took other spellings of an id as well, and then failed to find the
/// domain it had started.
fn check_id(id: Option<&str>) -> Result<(), Status> {
    let refused = |detail: &str| Err(status(PARAMETER, "vmId must be a valid UUID", detail));
    let Some(id) = id else { return refused("it is no text") };
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return refused("");
    }
    let groups = id.split('-').map(str::len);
    if groups.eq([8, 4, 4, 4, 12]) && !id.contains(|c: char| c.is_ascii_uppercase()) {
        return Ok(());
    }
    refused("it must be in lower case with hyphens, as libvirt writes it")
}

/// Whether Python finds the value equal to 0: the text `0` is not.
fn is_zero(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Int(number)) => *number == 0,
        Some(Value::Int64(number)) => *number == 0,
        Some(Value::Double(number)) => *number == 0.0,
        Some(Value::Bool(flag)) => !flag,
        _ => false,
    }
}

/// Older requests name their boot disk by key. A list of devices is looked at when the machine starts.
fn boots_from_nothing(parameters: &Object) -> bool {
    parameters.text("boot") == Some("c")
        && !parameters.contains("devices")
        && !parameters.contains("hda")
        && !parameters.get("drives").is_some_and(lenient::truthy)
}

fn check_display(display: Option<&Value>) -> Result<(), Status> {
    if matches!(display.and_then(Value::as_text), Some("vnc" | "qxl" | "qxlnc")) {
        return Ok(());
    }
    let shown = display.and_then(lenient::text_like).unwrap_or_else(|| "of another type than text".into());
    Err(status(CREATE_ERROR.0, format!("Unknown display type {shown}"), ""))
}

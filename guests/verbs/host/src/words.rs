//! Numbers as VDSM writes them in text.

use vdsm_sdk::wire::{Object, Value};

/// Two decimals, as percentages of processors and ages are written.
pub(crate) fn hundredths(number: f64) -> String {
    format!("{:.2}", finite(number))
}

/// One decimal, as percentages of line rates are written.
pub(crate) fn tenths(number: f64) -> String {
    format!("{:.1}", finite(number))
}

/// Managers read these numbers into doubles and lose the whole reply over `NaN`.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

/// Member `key` as a double; 0 where it is not known.
pub(crate) fn double(value: &Value, key: &str) -> f64 {
    value.get(key).and_then(Value::as_double).unwrap_or(0.0)
}

/// Member `key` as an int; 0 where it is not known.
pub(crate) fn int(value: &Value, key: &str) -> i32 {
    value.get(key).and_then(Value::as_int).unwrap_or(0)
}

/// Member `key`, an integer of any size, as text; `0` where it is not known.
pub(crate) fn count(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_int64).unwrap_or(0).to_string()
}

/// Member `key` as text; empty where it is not known.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.text(key).unwrap_or_default()
}

/// The texts of array `key`.
pub(crate) fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    value.get(key).map(Value::items).unwrap_or_default().iter().filter_map(Value::as_text).collect()
}

/// Object `key`; an empty one where it is not known.
pub(crate) fn object(value: &Value, key: &str) -> Object {
    value.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// A flag as VDSM writes Python's booleans into text.
pub(crate) fn lower(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// The state of a link.
pub(crate) fn link_state(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

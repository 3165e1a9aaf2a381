//! Python 2's notation of values, in which VDSM's storage errors show their arguments.
//!
//! What a manager sends as ASCII is a `str` in VDSM, anything else a `unicode`; both are told apart in the notation (`'a'`,
//! `u'\xe9'`).

use std::fmt::Write;

/// An argument of an error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument<'a> {
    /// A text.
    Text(&'a str),
    /// A number.
    Int(i64),
    /// Nothing.
    None,
}

impl<'a> From<&'a str> for Argument<'a> {
    fn from(text: &'a str) -> Argument<'a> {
        Argument::Text(text)
    }
}

impl<'a> From<&'a String> for Argument<'a> {
    fn from(text: &'a String) -> Argument<'a> {
        Argument::Text(text)
    }
}

impl From<i64> for Argument<'_> {
    fn from(number: i64) -> Self {
        Argument::Int(number)
    }
}

/// `str(argument)`; an absent one is empty.
pub(super) fn text(argument: Option<&Argument<'_>>) -> String {
    match argument {
        Some(Argument::Text(text)) => (*text).to_owned(),
        Some(Argument::Int(number)) => number.to_string(),
        Some(Argument::None) => "None".to_owned(),
        None => String::new(),
    }
}

/// `repr(argument)`.
pub(super) fn repr(argument: &Argument<'_>) -> String {
    match argument {
        Argument::Text(text) => quote(text),
        other => text(Some(other)),
    }
}

/// `repr(arguments)` of a tuple: one alone keeps its comma.
pub(super) fn tuple(arguments: &[Argument<'_>]) -> String {
    match arguments {
        [one] => format!("({},)", repr(one)),
        several => format!("({})", several.iter().map(repr).collect::<Vec<_>>().join(", ")),
    }
}

/// `format % arguments`, for `%s` and `%d`.
pub(super) fn fill(format: &str, arguments: &[Argument<'_>]) -> String {
    let mut parts = format.split("%s").flat_map(|part| part.split("%d"));
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        filled.push_str(&text(arguments.get(index)));
        filled.push_str(part);
    }
    filled
}

/// `repr(text)`: double quotes only where the text has single ones and no double ones.
pub(super) fn quote(text: &str) -> String {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 3);
    if !text.is_ascii() {
        out.push('u');
    }
    out.push(mark);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            character if character == mark => out.extend(['\\', character]),
            ' '..='~' => out.push(character),
            _ => escape(&mut out, u32::from(character)),
        }
    }
    out.push(mark);
    out
}

fn escape(out: &mut String, code: u32) {
    // Writing into a String cannot fail.
    let _ = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

//! The dialect of Python 2's ConfigParser, in which vdsm.conf has always been read.
//!
//! Sections in brackets; `key = value` or `key: value`, keys without regard to case; lines beginning with `#` or
//! `;` (indented or not) or `rem`, and what follows ` ;` in a value, are comments; an indented line goes on with the value before it.

/// What a line of the file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A setting with its whole value.
    Setting {
        /// The section, as written.
        section: String,
        /// The key in lower case.
        key: String,
        /// The value with its continuation lines, joined by newlines.
        value: String,
        /// The line of the key, from 1.
        line: usize,
    },
    /// It can be read as nothing.
    Wrong {
        /// The line, from 1.
        line: usize,
        /// Why not.
        what: String,
    },
}

/// Splits a file into what it says, in order.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    let mut section: Option<String> = None;
    // Whether an indented line has a value to go on with.
    let mut open = false;
    for (index, raw) in text.lines().enumerate() {
        let line = index + 1;
        let trimmed = raw.trim();
        if trimmed.is_empty() || is_comment(raw) {
            continue;
        }
        if raw.starts_with(char::is_whitespace) && open {
            if let Some(Line::Setting { value, .. }) = found.last_mut() {
                value.push('\n');
                value.push_str(without_comment(trimmed));
            }
            continue;
        }
        open = false;
        if let Some(name) = trimmed.strip_prefix('[') {
            match name.split_once(']') {
                Some((name, _)) if !name.is_empty() => section = Some(name.to_owned()),
                _ => found.push(wrong(line, "a section is written [name]")),
            }
            continue;
        }
        match (setting(trimmed), &section) {
            (Some((key, value)), Some(section)) => {
                found.push(Line::Setting { section: section.clone(), key, value, line });
                open = true;
            }
            (Some(_), None) => found.push(wrong(line, "a setting before the first [section]")),
            (None, _) => found.push(wrong(line, "expected `key = value`, `[section]` or a comment")),
        }
    }
    found
}

fn wrong(line: usize, what: &str) -> Line {
    Line::Wrong { line, what: what.to_owned() }
}

fn is_comment(raw: &str) -> bool {
    let word = raw.split_whitespace().next().unwrap_or_default();
    raw.starts_with(['#', ';']) || raw.trim_start().starts_with(['#', ';']) || (word.eq_ignore_ascii_case("rem") && raw.starts_with(word))
}

fn setting(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once(['=', ':'])?;
    let (key, value) = (key.trim(), without_comment(value.trim()));
    let value = if value == "\"\"" { "" } else { value };
    (!key.is_empty()).then(|| (key.to_lowercase(), value.to_owned()))
}

/// Cuts a comment that begins with `;` after white space.
fn without_comment(value: &str) -> &str {
    let start =
        value.match_indices(';').map(|(at, _)| at).find(|at| value.get(..*at).is_some_and(|before| before.ends_with(char::is_whitespace)));
    start.and_then(|at| value.get(..at)).unwrap_or(value).trim_end()
}

/// How deep references may nest before they are taken for a circle; Python's own limit.
const DEEPEST: usize = 10;

/// The longest value that references may grow to.
const LONGEST: usize = 64 * 1024;

/// Puts the values of other settings in the place of `%(name)s`.
pub(super) fn interpolate(raw: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut value = raw.to_owned();
    for _ in 0..DEEPEST {
        if !value.contains("%(") {
            return Ok(value);
        }
        value = replace(&value, lookup)?;
        if value.len() > LONGEST {
            return Err(format!("{raw}: the references grow without end"));
        }
    }
    if value.contains("%(") { Err(format!("{raw}: the references go in a circle")) } else { Ok(value) }
}

fn replace(value: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("%(") {
        out.push_str(before);
        let (name, further) = after.split_once(")s").ok_or_else(|| format!("{value}: a reference is written %(name)s"))?;
        out.push_str(&lookup(&name.to_lowercase()).ok_or_else(|| format!("{value}: there is no {name} to refer to"))?);
        rest = further;
    }
    out.push_str(rest);
    Ok(out)
}

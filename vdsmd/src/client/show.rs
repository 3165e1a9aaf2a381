//! Replies as VDSM's client prints them: values in Python's notation, sorted, one `TAB key = value` a line.

use std::fmt::Write as _;

use vdsm_core::tree::{Kind, Tree, Value};

use super::json;
use super::list::{self, View, text_of};

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Over several lines where one is too long.
    Pretty,
    /// One line a value.
    OneLine,
    /// The whole reply as JSON.
    Json,
}

/// What of a reply is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// The VMs, statistics or info in it, else its status.
    Reply,
    /// The status message.
    Message,
    /// One value of the first VM's statistics.
    Statistic(String),
    /// VMs.
    List(View),
    /// The state of each storage connection.
    Connections,
    /// All members.
    Whole,
}

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// 0.
    Success,
    /// The status code, as far as an exit code can carry it.
    Status(i32),
    /// 1: a storage command.
    Failure,
}

impl Exit {
    /// The process's exit code; a failure never looks like success.
    pub(super) fn code(self) -> u8 {
        match self {
            Exit::Success | Exit::Status(0) => 0,
            Exit::Failure => 1,
            Exit::Status(code) => match code.to_le_bytes() {
                [0, ..] => 255,
                [low, ..] => low,
            },
        }
    }
}

/// `status.code`; a reply without one is a failure.
pub(super) fn status_code(reply: &Tree) -> i32 {
    reply.root().get("status").and_then(|status| status.get("code")).and_then(Value::as_int).unwrap_or(-1)
}

/// What to print for the replies of a plan, and how to end.
pub(super) fn show(show: &Show, replies: &[Tree], style: Style) -> (String, Exit) {
    let Some(last) = replies.last() else { return (String::new(), Exit::Failure) };
    if matches!(show, Show::Whole) && last.root().kind() != Kind::Object {
        // What `system.*` answers is a plain value, without a status.
        let text = if style == Style::Json { as_json(replies) } else { lines(last.root()) };
        return (text, Exit::Success);
    }
    let code = status_code(last);
    let exit = match (show, code) {
        (Show::Connections, 0) if !all_connected(last.root()) => Exit::Failure,
        (_, 0) => Exit::Success,
        (Show::Connections, _) => Exit::Failure,
        _ => Exit::Status(code),
    };
    let text = match style {
        Style::Json => as_json(replies),
        _ if code != 0 => format!("{}\n", message(last.root())),
        _ => success(show, replies, style),
    };
    (text, exit)
}

/// One reply as such, several as a list.
fn as_json(replies: &[Tree]) -> String {
    let value = match replies {
        [only] => json::of(only.root()),
        several => several.iter().map(|reply| json::of(reply.root())).collect(),
    };
    format!("{value:#}\n")
}

fn message(reply: Value<'_>) -> String {
    let Some(status) = reply.get("status") else { return "the reply has no status".to_owned() };
    text_of(status, "message").to_owned()
}

fn success(show: &Show, replies: &[Tree], style: Style) -> String {
    let Some(reply) = replies.first().map(Tree::root) else { return String::new() };
    match show {
        Show::Reply => reply_text(reply, style),
        Show::Message => format!("{}\n", message(reply)),
        Show::Statistic(key) => {
            let value = reply.get("statsList").and_then(|list| list.item(0)).and_then(|vm| vm.get(key));
            format!("{}\n", value.map_or_else(|| format!("no statistic {key}"), plain))
        }
        Show::List(view) => {
            let statistics = replies.get(1).and_then(|reply| reply.root().get("statsList"));
            match (reply.get("vmList"), view) {
                (Some(vms), View::Long) => vms.items().map(vm_text).collect(),
                (Some(vms), View::Ids) => list::ids(vms),
                (Some(vms), View::Table) => list::table(vms, statistics),
                (None, _) => String::new(),
            }
        }
        Show::Connections => connections(reply).map(|(id, status)| format!("{id} = {status}\n")).collect(),
        Show::Whole => members(reply, style),
    }
}

fn reply_text(reply: Value<'_>, style: Style) -> String {
    let vms = |value: Value<'_>| match value.kind() {
        Kind::Array => value.items().map(vm_text).collect(),
        _ => vm_text(value),
    };
    match (reply.get("vmList").or_else(|| reply.get("statsList")), reply.get("info"), reply.get("status")) {
        (Some(found), ..) => vms(found),
        (None, Some(found), _) | (None, None, Some(found)) => members(found, style),
        (None, None, None) => String::new(),
    }
}

/// A plain value: the items of an array each on a line.
fn lines(value: Value<'_>) -> String {
    match value.kind() {
        Kind::Array => value.items().map(|item| format!("{}\n", plain(item))).collect(),
        _ => format!("{}\n", plain(value)),
    }
}

/// A VM: blank line, id, status, then the rest.
fn vm_text(vm: Value<'_>) -> String {
    let mut out = format!("\n{}\n\tStatus = {}\n", text_of(vm, "vmId"), text_of(vm, "status"));
    for (key, value) in sorted(vm) {
        if key != "vmId" && key != "status" {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "\t{key} = {}", plain(value));
        }
    }
    out
}

fn members(value: Value<'_>, style: Style) -> String {
    let mut out = String::new();
    for (key, member) in sorted(value) {
        let text = match style {
            Style::OneLine => plain(member),
            // Continued lines start below the first.
            _ => pretty(member, 0).replace('\n', &format!("\n\t{}", " ".repeat(key.chars().count() + 3))),
        };
        let _ = writeln!(out, "\t{key} = {text}");
    }
    out
}

fn connections(reply: Value<'_>) -> impl Iterator<Item = (&str, String)> {
    let items = reply.get("statuslist").into_iter().flat_map(Value::items);
    items.map(|entry| (text_of(entry, "id"), entry.get("status").map_or_else(String::new, plain)))
}

fn all_connected(reply: Value<'_>) -> bool {
    connections(reply).all(|(_, status)| status == "0")
}

fn sorted(value: Value<'_>) -> Vec<(&str, Value<'_>)> {
    let mut found: Vec<_> = value.members().collect();
    found.sort_by_key(|(key, _)| *key);
    found
}

/// A value on one line, a text as it is.
pub(super) fn plain(value: Value<'_>) -> String {
    value.as_text().map_or_else(|| notation(value), str::to_owned)
}

/// A value in Python's notation, on one line.
fn notation(value: Value<'_>) -> String {
    match value.kind() {
        Kind::Nil => "None".to_owned(),
        Kind::Held => "***".to_owned(),
        Kind::Boolean => if value.as_bool() == Some(true) { "True" } else { "False" }.to_owned(),
        Kind::Int => value.as_int().unwrap_or(0).to_string(),
        Kind::Int64 => value.as_int64().unwrap_or(0).to_string(),
        Kind::Double => format!("{:?}", value.as_double().unwrap_or(f64::NAN)),
        Kind::Text => quoted(value.as_text().unwrap_or("")),
        Kind::Time => quoted(value.as_time().unwrap_or("")),
        Kind::Bytes => quoted(&String::from_utf8_lossy(value.as_bytes().unwrap_or(&[]))),
        Kind::Array => format!("[{}]", value.items().map(notation).collect::<Vec<_>>().join(", ")),
        Kind::Object => {
            let members = sorted(value).into_iter().map(|(key, member)| format!("{}: {}", quoted(key), notation(member)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// As Python quotes: single quotes, unless there are only single ones inside. Printable text stays readable in any language.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            found if found == quote => out.extend(['\\', found]),
            found if found.is_control() => _ = write!(out, "\\x{:02x}", u32::from(found)),
            found => out.push(found),
        }
    }
    out.push(quote);
    out
}

/// Columns that a value on one line may take.
const WIDTH: usize = 80;

/// A value in Python's notation; where it is too long, one item a line, `indent` columns in.
fn pretty(value: Value<'_>, indent: usize) -> String {
    let line = notation(value);
    if line.chars().count() + indent <= WIDTH || value.is_empty() {
        return line;
    }
    let join = |items: Vec<String>| items.join(&format!(",\n{}", " ".repeat(indent + 1)));
    if value.kind() == Kind::Array {
        return format!("[{}]", join(value.items().map(|item| pretty(item, indent + 1)).collect()));
    }
    let items = sorted(value).into_iter().map(|(key, member)| {
        let key = quoted(key);
        let inner = indent + key.chars().count() + 3;
        format!("{key}: {}", pretty(member, inner))
    });
    format!("{{{}}}", join(items.collect()))
}

#[cfg(test)]
mod tests;

//! What the connection verbs mean: which entries can be served, and the list of statuses.

use std::collections::BTreeMap;

use vdsm_sdk::object;
use vdsm_sdk::verb::{Fact, Outcome, Status, Step, outcome, status};
use vdsm_sdk::wire::{Object, Value, lenient};

/// Which of the two verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// `connectStorageServer`
    Connect,
    /// `disconnectStorageServer`
    Disconnect,
}

impl Direction {
    /// The verb of that name.
    pub(crate) fn of(verb: &str) -> Option<Direction> {
        [Direction::Connect, Direction::Disconnect].into_iter().find(|direction| direction.verb() == verb)
    }

    /// Its name.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Direction::Connect => "connectStorageServer",
            Direction::Disconnect => "disconnectStorageServer",
        }
    }

    /// What goes wrong with a connection without a number of its own.
    pub(crate) fn error(self, detail: &str) -> Status {
        match self {
            Direction::Connect => status(451, "Error storage server connection", detail),
            Direction::Disconnect => status(452, "Error storage server disconnection", detail),
        }
    }
}

/// An argument that cannot be used.
pub(crate) fn parameter(name: &str, value: &str) -> Status {
    status(1000, "Invalid parameter", format!("{name}={value}"))
}

/// The kinds of storage domains that VDSM connects, by their numbers on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DomainType {
    /// 4: a directory of this host.
    Local,
    /// 1 NFS, 2 fibre channel, 3 iSCSI, 6 POSIX, 7 Gluster: not served yet.
    Remote,
}

fn domain_type(value: &Value) -> Option<DomainType> {
    match lenient::str_int(value)? {
        4 => Some(DomainType::Local),
        1 | 2 | 3 | 6 | 7 => Some(DomainType::Remote),
        _ => None,
    }
}

/// What is to become of an entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fate {
    /// To be connected or disconnected.
    Address(String),
    /// In the hands of a step.
    Step(Step),
    /// Decided.
    Code(i32),
}

/// An entry of `conList`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// As it came; echoed.
    pub(crate) id: Value,
    /// What is to become of it.
    pub(crate) fate: Fate,
}

impl Entry {
    /// Whether a step decides it.
    pub(crate) fn is_planned(&self) -> bool {
        matches!(self.fate, Fate::Step(_))
    }
}

/// Reads the arguments. What VDSM refuses as a whole is refused as a whole: a type it does not know, an entry without an id.
/// A type it knows and this host does not serve yet fails connection by connection.
pub(crate) fn entries(direction: Direction, arguments: &Value) -> Result<Vec<Entry>, Status> {
    let kind = arguments.at("0").unwrap_or(&Value::Nil);
    let Some(list) = arguments.at("2").and_then(Value::as_array) else {
        return Err(direction.error("conList is no array"));
    };
    list.iter().map(|entry| self::entry(direction, kind, entry)).collect()
}

fn entry(direction: Direction, kind: &Value, entry: &Value) -> Result<Entry, Status> {
    let shown = lenient::text_like(kind).unwrap_or_default();
    let known = domain_type(kind).ok_or_else(|| direction.error(&format!("domType={shown}")))?;
    let id = entry.get("id").ok_or_else(|| direction.error("an entry of conList without id"))?;
    let fate = match (known, entry.text("connection")) {
        (DomainType::Local, Some(address)) => Fate::Address(address.to_owned()),
        (DomainType::Local, None) => Fate::Code(100),
        (DomainType::Remote, _) => Fate::Code(direction.error("").code),
    };
    Ok(Entry { id: id.clone(), fate })
}

/// Gives every address its step; entries of one address share it. An address that the host made no handle for fails.
pub(crate) fn planned(entries: Vec<Entry>, mut step: impl FnMut(&str) -> Option<Step>) -> Vec<Entry> {
    let mut steps: BTreeMap<String, Option<Step>> = BTreeMap::new();
    let mut fate = |address: String| {
        let known = steps.entry(address).or_insert_with_key(|address| step(address));
        known.map_or(Fate::Code(100), Fate::Step)
    };
    let entries = entries.into_iter().map(|entry| match entry.fate {
        Fate::Address(address) => Entry { fate: fate(address), id: entry.id },
        _ => entry,
    });
    entries.collect()
}

/// Entries as a note for the next round.
pub(crate) fn to_note(entries: &[Entry]) -> Value {
    let note = |entry: &Entry| match entry.fate {
        Fate::Step(step) => object! { "id": &entry.id, "step": step.cast_signed() },
        Fate::Code(code) => object! { "id": &entry.id, "code": code },
        Fate::Address(_) => object! { "id": &entry.id },
    };
    entries.iter().map(note).collect()
}

/// The same, read back.
pub(crate) fn from_note(note: &Value) -> Vec<Entry> {
    let entry = |entry: &Value| {
        let number = |key: &str| entry.get(key).and_then(Value::as_int);
        let fate = number("step").map(|step| Fate::Step(step.cast_unsigned()));
        Entry { id: entry.get("id").cloned().unwrap_or_default(), fate: fate.unwrap_or(Fate::Code(number("code").unwrap_or(100))) }
    };
    note.items().iter().map(entry).collect()
}

/// `statuslist`: {id, status} of every entry, in order.
pub(crate) fn status_list(entries: &[Entry], facts: &[Fact]) -> Value {
    let code = |fate: &Fate| match fate {
        Fate::Code(code) => *code,
        Fate::Address(_) => 100,
        Fate::Step(step) => match outcome(facts, *step) {
            Some(Outcome::Done(_)) => 0,
            Some(Outcome::Failed(status) | Outcome::Unknown(status)) => status.code,
            Some(Outcome::Skipped) | None => 100,
        },
    };
    let entry = |entry: &Entry| -> Object {
        object! { "id": &entry.id, "status": code(&entry.fate) }
    };
    entries.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    //! Rung: pure.
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use vdsm_sdk::array;
    use vdsm_sdk::wire::empty_object;

    const ZERO: &str = "00000000-0000-0000-0000-000000000000";

    fn call(kind: impl Into<Value>, list: Value) -> Value {
        Value::Array(vec![kind.into(), ZERO.into(), list])
    }

    fn connection(id: &str, address: &str) -> Object {
        object! { "id": id, "connection": address, "portal": "", "port": "", "iqn": "", "user": "", "password": "" }
    }

    fn codes(list: &Value) -> Vec<(String, i32)> {
        list.items().iter().map(|entry| (entry.text("id").unwrap().to_owned(), entry.get("status").unwrap().as_int().unwrap())).collect()
    }

    #[test]
    fn each_connection_has_its_own_outcome_in_the_order_it_was_named() {
        let list = array![connection("a", "/one"), connection("b", "/two"), connection("c", "/one")];
        let entries = entries(Direction::Connect, &call(4, list)).unwrap();
        let mut asked = Vec::new();
        let planned = planned(entries, |address| {
            asked.push(address.to_owned());
            Some(u32::try_from(asked.len() - 1).unwrap())
        });
        assert_eq!(asked, ["/one", "/two"], "one step an address");
        let again = from_note(&to_note(&planned));
        assert_eq!(again, planned);
        let facts = [
            Fact { step: 0, outcome: Outcome::Done(empty_object()) },
            Fact { step: 1, outcome: Outcome::Failed(status(469, "The specified local path is not a directory.", "")) },
        ];
        assert_eq!(codes(&status_list(&again, &facts)), [("a".into(), 0), ("b".into(), 469), ("c".into(), 0)]);
    }

    #[test]
    fn the_type_may_come_as_text() {
        let entries = entries(Direction::Connect, &call("4", array![connection("a", "/one")])).unwrap();
        assert_eq!(entries[0].fate, Fate::Address("/one".into()));
    }

    #[test]
    fn a_type_not_served_yet_fails_each_connection_and_not_the_call() {
        for kind in [1, 2, 3, 6, 7] {
            let list = array![connection("a", "server:/export"), connection("b", "server:/other")];
            let entries = entries(Direction::Connect, &call(kind, list.clone())).unwrap();
            assert_eq!(codes(&status_list(&entries, &[])), [("a".into(), 451), ("b".into(), 451)]);
            let entries = super::entries(Direction::Disconnect, &call(kind, list)).unwrap();
            assert_eq!(codes(&status_list(&entries, &[])), [("a".into(), 452), ("b".into(), 452)]);
        }
    }

    #[test]
    fn what_vdsm_refuses_as_a_whole_is_refused_as_a_whole() {
        let list = array![connection("a", "/one")];
        for kind in [Value::from(5), Value::from(99), Value::from("local"), Value::Nil] {
            assert_eq!(entries(Direction::Connect, &call(kind, list.clone())).unwrap_err().code, 451);
        }
        assert_eq!(entries(Direction::Disconnect, &call(4, array![object! { "connection": "/one" }])).unwrap_err().code, 452);
        assert_eq!(entries(Direction::Connect, &call(4, Value::from("x"))).unwrap_err().code, 451);
    }

    #[test]
    fn an_empty_list_has_an_empty_answer() {
        for kind in [2, 4, 99] {
            assert_eq!(status_list(&entries(Direction::Disconnect, &call(kind, array![])).unwrap(), &[]), array![]);
        }
    }

    #[test]
    fn an_entry_without_address_or_handle_fails_alone() {
        let list = array![object! { "id": "a" }, connection("b", "/one"), connection("c", "/lost")];
        let entries = entries(Direction::Connect, &call(4, list)).unwrap();
        let planned = planned(entries, |address| (address == "/one").then_some(0));
        let facts = [Fact { step: 0, outcome: Outcome::Done(empty_object()) }];
        assert_eq!(codes(&status_list(&planned, &facts)), [("a".into(), 100), ("b".into(), 0), ("c".into(), 100)]);
    }

    #[test]
    fn what_cannot_be_told_is_no_success() {
        let planned = [Entry { id: "a".into(), fate: Fate::Step(0) }, Entry { id: "b".into(), fate: Fate::Step(1) }];
        let facts = [Fact { step: 0, outcome: Outcome::Unknown(status(100, "General Exception", "timed out")) }];
        assert_eq!(codes(&status_list(&planned, &facts)), [("a".into(), 100), ("b".into(), 100)]);
    }
}

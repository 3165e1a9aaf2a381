//! The verbs of storage: connections to storage servers.
//!
//! `connections` is the whole meaning as pure functions; this file is the contract with the host: descriptors, handles, steps.

mod connections;

use std::collections::BTreeMap;

use connections::{Direction, Entry};
use vdsm_sdk::object;
use vdsm_sdk::storage::{ask, plan};
use vdsm_sdk::verb::{
    Access, Call, Decision, Descriptor, Fact, Order, Parameter, Plane, Step, Subject, VerbModule, again, answer, arguments, descriptor,
    note,
};

struct StorageVerbs;

impl VerbModule for StorageVerbs {
    fn describe() -> Vec<Descriptor> {
        vec![
            describe(Direction::Connect, "Connects this host to storage servers; each connection has a status of its own."),
            describe(Direction::Disconnect, "Disconnects this host from storage servers; each connection has a status of its own."),
        ]
    }

    fn decide(call: &Call, facts: &[Fact]) -> Decision {
        let Some(direction) = Direction::of(&call.verb) else {
            return Decision::Refuse(connections::parameter("method", &call.verb));
        };
        if call.note.is_some() { conclude(call, facts) } else { begin(direction, call) }
    }
}

fn describe(direction: Direction, help: &str) -> Descriptor {
    let parameter =
        |name: &str, shape: &str, help: &str| Parameter { name: name.into(), shape: shape.into(), optional: false, help: help.into() };
    Descriptor {
        help: help.into(),
        parameters: vec![
            parameter("domType", "int", "type of storage domain; may be text"),
            parameter("spUUID", "string", "pool; not used"),
            parameter("conList", "array", "connections: {id, connection, ...}"),
            Parameter { optional: true, ..parameter("options", "struct", "not used") },
        ],
        secrets: vec!["2.*.password".into()],
        subjects: vec![Subject {
            kind: "connection".into(),
            path: "2.*.connection".into(),
            access: Some(Access::Exclusive),
            busy: Vec::new(),
        }],
        ..descriptor(direction.verb(), Plane::Storage, direction.error(""))
    }
}

/// One step a connection, all of them together: a bad one does not keep the others.
fn begin(direction: Direction, call: &Call) -> Decision {
    let entries = match connections::entries(direction, &arguments(call)) {
        Ok(entries) => entries,
        Err(status) => return Decision::Refuse(status),
    };
    let handles = handles();
    let step = |address: &str| -> Option<Step> {
        let handle = handles.get(address)?;
        Some(match direction {
            Direction::Connect => plan::connect_local(handle),
            Direction::Disconnect => plan::disconnect_local(handle),
        })
    };
    let planned = connections::planned(entries, step);
    if planned.iter().any(Entry::is_planned) {
        again(Order::Together, connections::to_note(&planned))
    } else {
        Decision::Reply(answer(object! { "statuslist": connections::status_list(&planned, &[]) }))
    }
}

/// The statuses, once the steps have ended. A reply is a good end: what was connected stays.
fn conclude(call: &Call, facts: &[Fact]) -> Decision {
    let entries = connections::from_note(&note(call));
    Decision::Reply(answer(object! { "statuslist": connections::status_list(&entries, facts) }))
}

/// Handles of the connections that the call names, by address.
fn handles() -> BTreeMap<String, ask::Connection> {
    let items = (0..ask::subjects(0)).filter_map(|item| ask::subject_connection(0, item));
    items.map(|connection| (connection.address(), connection)).collect()
}

vdsm_sdk::export_verbs!(StorageVerbs);

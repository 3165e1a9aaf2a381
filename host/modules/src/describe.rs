//! What a verb module says of itself, checked into the host's own descriptor.

use vdsm_core::descriptor::{Access, ArgumentPath, Busy, Descriptor, Face, Parameter, Plane, Subject, WhenBusy};
use vdsm_core::lease::LeaseKind;

use crate::call::bindings::verb::exports::vdsm::verb::handler;
use crate::wire::types;

/// Longest time to an answer: what the manager waits at most.
const MAX_ANSWER_MS: u32 = 180_000;

pub(crate) fn descriptor(given: handler::Descriptor) -> Result<Descriptor, String> {
    let name = given.name;
    let wrong = |what: String| format!("descriptor of `{name}`: {what}");
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(wrong("a verb's name is letters and digits".into()));
    }
    if given.answer_ms == 0 || given.answer_ms > MAX_ANSWER_MS {
        return Err(wrong(format!("answer-ms must be 1 to {MAX_ANSWER_MS}")));
    }
    if given.default_error.code == 0 {
        return Err(wrong("its default error has code 0, which is success".into()));
    }
    let optional_first = given.parameters.iter().skip_while(|parameter| !parameter.optional).any(|parameter| !parameter.optional);
    if optional_first {
        return Err(wrong("optional parameters come last".into()));
    }
    if given.face != handler::Face::None {
        return Err(wrong("tasks are not served yet: `face` must be none".into()));
    }
    let path = |text: String| ArgumentPath::parse(&text).map_err(|error| wrong(error.to_string()));
    let subjects = given.subjects.into_iter().map(|given| subject(given).map_err(wrong)).collect::<Result<_, _>>()?;
    Ok(Descriptor {
        plane: match given.plane {
            handler::Plane::Global => Plane::Global,
            handler::Plane::Storage => Plane::Storage,
        },
        face: match given.face {
            handler::Face::None => Face::None,
            handler::Face::HsmTask => Face::HsmTask,
            handler::Face::SpmTask => Face::SpmTask,
        },
        help: given.help,
        parameters: given
            .parameters
            .into_iter()
            .map(|given| Parameter { name: given.name, shape: given.shape, optional: given.optional, help: given.help })
            .collect(),
        secrets: given.secrets.into_iter().map(path).collect::<Result<_, _>>()?,
        subjects,
        answer_ms: given.answer_ms,
        default_error: given.default_error.into(),
        name,
    })
}

fn subject(given: handler::Subject) -> Result<Subject, String> {
    if given.access.is_some() && LeaseKind::parse(&given.kind).is_none() {
        return Err(format!("no lease is taken on a `{}`", given.kind));
    }
    if given.busy.iter().any(|rule| matches!(&rule.then, handler::WhenBusy::Refuse(status) if status.code == 0)) {
        return Err("it refuses with code 0, which is success".into());
    }
    let busy = given.busy.into_iter().map(|rule| Busy {
        holder: rule.holder,
        then: match rule.then {
            handler::WhenBusy::Wait(ms) => WhenBusy::Wait(ms),
            handler::WhenBusy::Refuse(status) => WhenBusy::Refuse(status.into()),
            handler::WhenBusy::Cancel => WhenBusy::Cancel,
        },
    });
    Ok(Subject {
        path: ArgumentPath::parse(&given.path).map_err(|error| error.to_string())?,
        access: given.access.map(|access| match access {
            types::Access::Shared => Access::Shared,
            types::Access::Exclusive => Access::Exclusive,
        }),
        busy: busy.collect(),
        kind: given.kind,
    })
}

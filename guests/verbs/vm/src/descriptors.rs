//! What the verbs are, as data: arguments in VDSM's order, what they are about, and who waits for whom.

use vdsm_sdk::verb::{Access, Busy, Descriptor, Parameter, Plane, Subject, WhenBusy, descriptor};

use crate::answers::{EXISTS, UNEXPECTED, refuse};

/// Where parameters of `create` name disks, a subject each from 1 on.
pub(crate) const FILE_PATHS: [&str; 6] = ["0.devices.*.path", "0.drives.*.path", "0.hda", "0.hdb", "0.hdc", "0.hdd"];

/// Every verb.
pub(crate) fn all() -> Vec<Descriptor> {
    vec![
        create(),
        destroy(),
        list(),
        of_one("getVmStats", "Statistics of one machine"),
        Descriptor { help: "Statistics of every machine".into(), ..verb("getAllVmStats") },
        of_one("pause", "Stop the virtual CPUs of a machine"),
        of_one("cont", "Let the virtual CPUs of a machine go on"),
        shutdown(),
        balloon(),
    ]
}

fn verb(name: &str) -> Descriptor {
    descriptor(name, Plane::Global, refuse(UNEXPECTED, ""))
}

fn required(name: &str, shape: &str, help: &str) -> Parameter {
    Parameter { name: name.into(), shape: shape.into(), optional: false, help: help.into() }
}

fn optional(name: &str, shape: &str, help: &str) -> Parameter {
    Parameter { optional: true, ..required(name, shape, help) }
}

fn vm_id() -> Parameter {
    required("vmId", "string", "uuid of the machine")
}

/// The machine that the first argument names. Without a lease: what is done to it waits for nobody.
fn named_machine(access: Option<Access>) -> Subject {
    Subject { kind: "vm".into(), path: "0".into(), access, busy: Vec::new() }
}

fn of_one(name: &str, help: &str) -> Descriptor {
    Descriptor { help: help.into(), parameters: vec![vm_id()], subjects: vec![named_machine(None)], ..verb(name) }
}

fn create() -> Descriptor {
    let exists = Busy { holder: String::new(), then: WhenBusy::Refuse(refuse(EXISTS, "")) };
    let machine = Subject { kind: "vm".into(), path: "0.vmId".into(), access: Some(Access::Exclusive), busy: vec![exists] };
    let file = |path: &&str| Subject { kind: "file".into(), path: (*path).into(), access: None, busy: Vec::new() };
    Descriptor {
        help: "Create and start a machine; answers before it runs".into(),
        parameters: vec![required("vmParams", "struct", "its configuration, vmId included")],
        secrets: vec!["0.sysprepInf".into(), "0.devices.*.specParams.vmPayload.file.*".into()],
        subjects: std::iter::once(machine).chain(FILE_PATHS.iter().map(file)).collect(),
        ..verb("create")
    }
}

fn destroy() -> Descriptor {
    // A second destroy waits for the first and then finds nothing. A create is not waited for: it is what is to end.
    let starting = Busy { holder: "create".into(), then: WhenBusy::Cancel };
    let machine = Subject { busy: vec![starting], ..named_machine(Some(Access::Exclusive)) };
    // Managers wait 180 s for any answer; ours comes before they give up.
    Descriptor { subjects: vec![machine], answer_ms: 175_000, ..of_one("destroy", "End a machine and forget it") }
}

fn list() -> Descriptor {
    Descriptor {
        help: "Machines of this host".into(),
        parameters: vec![
            optional("fullStatus", "bool", "whole configurations instead of id and status; any text that is not empty says yes"),
            optional("vmList", "array", "ids to be listed; empty for all"),
        ],
        ..verb("list")
    }
}

fn shutdown() -> Descriptor {
    let mut descriptor = of_one("shutdown", "Ask a machine's guest to shut down");
    descriptor.parameters.push(optional("delay", "string", "seconds the guest's users are given; needs a guest agent"));
    descriptor.parameters.push(optional("message", "string", "what the guest's users are told; needs a guest agent"));
    descriptor
}

fn balloon() -> Descriptor {
    let mut descriptor = of_one("setBalloonTarget", "Ask a machine's balloon for an amount of memory");
    descriptor.parameters.push(required("target", "string", "KiB, as number or text"));
    descriptor
}

#[cfg(test)]
mod tests {
    //! Rung: pure.
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn of(name: &str) -> Descriptor {
        all().into_iter().find(|descriptor| descriptor.name == name).unwrap()
    }

    #[test]
    fn arguments_have_vdsms_order_and_the_optional_ones_come_last() {
        let names = |name: &str| -> Vec<String> { of(name).parameters.into_iter().map(|parameter| parameter.name).collect() };
        assert_eq!(names("create"), ["vmParams"]);
        assert_eq!(names("list"), ["fullStatus", "vmList"]);
        assert_eq!(names("shutdown"), ["vmId", "delay", "message"]);
        assert_eq!(names("setBalloonTarget"), ["vmId", "target"]);
        assert_eq!(names("getAllVmStats"), Vec::<String>::new());
        for descriptor in all() {
            assert!(descriptor.parameters.is_sorted_by_key(|parameter| parameter.optional), "{}", descriptor.name);
        }
    }

    #[test]
    fn only_verbs_that_make_or_end_a_machine_hold_it() {
        for descriptor in all() {
            let holds = descriptor.subjects.iter().any(|subject| subject.access.is_some());
            assert_eq!(holds, matches!(descriptor.name.as_str(), "create" | "destroy"), "{}", descriptor.name);
        }
    }

    #[test]
    fn a_second_create_is_refused_and_a_destroy_ends_a_create() {
        let busy = |name: &str| of(name).subjects.into_iter().next().unwrap().busy;
        assert_eq!(busy("create"), [Busy { holder: String::new(), then: WhenBusy::Refuse(refuse(EXISTS, "")) }]);
        assert_eq!(busy("destroy"), [Busy { holder: "create".into(), then: WhenBusy::Cancel }]);
    }
}

//! Verbs of virtual machines: what VDSM's names mean here, as a component that asks and plans.
//!
//! Each verb has a module: its rules are pure functions over values, tested natively; a thin shell around them asks the host and plans
//! steps. What a domain document looks like is in [`domain`], what statistics look like in [`shaper`].

mod answers;
mod create;
mod descriptors;
mod destroy;
mod devices;
mod domain;
mod list;
mod power;
mod reading;
mod shaper;
mod states;
mod statistics;

use vdsm_sdk::verb::{Call, Decision, Descriptor, Fact, VerbModule};

/// The verbs of this module.
struct Module;

impl VerbModule for Module {
    fn describe() -> Vec<Descriptor> {
        descriptors::all()
    }

    fn decide(call: &Call, facts: &[Fact]) -> Decision {
        let decided = match call.verb.as_str() {
            "create" => create::decide(call, facts),
            "list" => list::decide(call),
            "getVmStats" => statistics::of_one(call, facts),
            "getAllVmStats" => statistics::of_all(call, facts),
            "pause" => power::pause(call, facts),
            "cont" => power::cont(call, facts),
            "shutdown" => power::shutdown(call, facts),
            "setBalloonTarget" => power::balloon(call, facts),
            "destroy" => destroy::decide(),
            other => Err(answers::refuse(answers::UNEXPECTED, format!("{other} is no verb of this module"))),
        };
        decided.unwrap_or_else(Decision::Refuse)
    }
}

vdsm_sdk::export_verbs!(Module);
vdsm_sdk::export_shaper!(Module);

//! Verb handlers: the contract, and the steps that belong to no room.
//!
//! ```
//! use vdsm_sdk::verb::*;
//!
//! struct Module;
//!
//! impl VerbModule for Module {
//!     fn describe() -> Vec<Descriptor> {
//!         vec![descriptor("ping", Plane::Global, status(16, "Unexpected exception", ""))]
//!     }
//!     fn decide(_call: &Call, _facts: &[Fact]) -> Decision {
//!         Decision::Reply(answer(vdsm_sdk::object! {}))
//!     }
//! }
//!
//! vdsm_sdk::export_verbs!(Module);
//! ```

use std::collections::BTreeMap;

use crate::wire::{self, Value};

pub use crate::bindings::imports::vdsm::verb::plan;
pub use crate::bindings::imports::vdsm::wire::types::{Access, Answer, Fact, Outcome, Owner, Status, Step, SubjectRef, Tree};
pub use crate::bindings::verb::exports::vdsm::verb::handler::{
    Act, Busy, Call, Decision, Descriptor, Face, Guest, Order, Parameter, Plane, Subject, WhenBusy,
};

/// A verb handler: a pure function from a call and what it may ask, to a reply and a plan.
pub trait VerbModule {
    /// What it serves, stated once at load. It must ask and plan nothing.
    fn describe() -> Vec<Descriptor>;

    /// One round of a call. `facts` are the outcomes of the last round's steps; in the first round there are none.
    fn decide(call: &Call, facts: &[Fact]) -> Decision;
}

impl<T: VerbModule> Guest for T {
    fn describe() -> Vec<Descriptor> {
        crate::hook::log::panics();
        T::describe()
    }

    fn decide(call: Call, facts: Vec<Fact>) -> Decision {
        crate::hook::log::panics();
        T::decide(&call, &facts)
    }
}

/// A status: VDSM's code and text, and our detail (may be empty).
pub fn status(code: i32, message: impl Into<String>, detail: impl Into<String>) -> Status {
    Status { code, message: message.into(), detail: detail.into() }
}

/// A reply's members; the host adds the status, with the plane's usual message.
pub fn answer(members: impl Into<Value>) -> Answer {
    Answer { members: wire::encode(&members.into()), message: None }
}

/// Carry out the steps of this round, then call again with their outcomes and this note.
pub fn again(order: Order, note: impl Into<Value>) -> Decision {
    Decision::Act(Act { order, again: Some(wire::encode(&note.into())) })
}

/// Carry out the steps of this round; they are the last.
pub fn finish(order: Order) -> Decision {
    Decision::Act(Act { order, again: None })
}

/// The arguments of a call, an array.
pub fn arguments(call: &Call) -> Value {
    wire::decode(&call.arguments).unwrap_or_default()
}

/// The note of the round before; nil in the first round.
pub fn note(call: &Call) -> Value {
    call.note.as_ref().and_then(|note| wire::decode(note).ok()).unwrap_or_default()
}

/// What became of a step of the round before.
pub fn outcome(facts: &[Fact], step: Step) -> Option<&Outcome> {
    facts.iter().find(|fact| fact.step == step).map(|fact| &fact.outcome)
}

/// What the steps of a round *in turn* brought, or the refusal of the one that ended it: a step that failed, or of which nobody can
/// tell.
pub fn all_done(facts: &[Fact]) -> Result<BTreeMap<Step, Value>, Status> {
    facts
        .iter()
        .filter_map(|fact| match &fact.outcome {
            Outcome::Done(tree) => Some(Ok((fact.step, wire::decode(tree).unwrap_or_default()))),
            Outcome::Failed(status) | Outcome::Unknown(status) => Some(Err(status.clone())),
            Outcome::Skipped => None,
        })
        .collect()
}

/// A descriptor with nothing but a name and the error that an unexpected end of the verb becomes: no parameters, subjects or
/// secrets, one minute to answer. Name what differs: `Descriptor { parameters: …, ..descriptor("list", Plane::Global, error) }`.
pub fn descriptor(name: &str, plane: Plane, default_error: Status) -> Descriptor {
    Descriptor {
        name: name.into(),
        plane,
        face: Face::None,
        help: String::new(),
        parameters: Vec::new(),
        secrets: Vec::new(),
        subjects: Vec::new(),
        answer_ms: 60_000,
        default_error,
    }
}

/// Exports a type that implements [`VerbModule`] as the component's verb handler.
#[macro_export]
macro_rules! export_verbs {
    ($module:ident) => {
        const _: fn() = || {
            fn implements<T: $crate::verb::VerbModule>() {}
            implements::<$module>();
        };
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::verb::export_verbs_glue!($module with_types_in $crate::bindings::verb);
    };
}

#[cfg(test)]
mod tests {
    //! What a module makes of a round's outcomes. Rung: pure.
    #![allow(clippy::panic)]

    use super::*;

    fn fact(step: Step, outcome: Outcome) -> Fact {
        Fact { step, outcome }
    }

    fn done(value: i32) -> Outcome {
        Outcome::Done(wire::encode(&value.into()))
    }

    #[test]
    fn all_done_gives_the_outcomes_or_the_first_refusal() {
        let failed = status(9, "no", "");
        assert_eq!(all_done(&[fact(0, done(5)), fact(2, done(6))]), Ok(BTreeMap::from([(0, Value::Int(5)), (2, Value::Int(6))])));
        let ended = [fact(0, done(5)), fact(1, Outcome::Failed(failed.clone())), fact(2, Outcome::Skipped)];
        assert_eq!(all_done(&ended), Err(failed.clone()));
        assert_eq!(all_done(&[fact(0, Outcome::Unknown(failed.clone()))]), Err(failed));
        assert_eq!((outcome(&ended, 2), outcome(&ended, 3)), (Some(&Outcome::Skipped), None));
    }

    #[test]
    fn the_note_of_a_round_comes_back_in_the_next() {
        let Decision::Act(act) = again(Order::InTurn, crate::object! { "phase": "prepared" }) else { panic!("no round follows") };
        let call = Call { verb: "create".into(), arguments: wire::empty_object(), job: String::new(), time: 0, seed: 0, note: act.again };
        assert_eq!(note(&call).text("phase"), Some("prepared"));
        assert_eq!(note(&Call { note: None, ..call }), Value::Nil);
    }
}

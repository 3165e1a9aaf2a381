//! `getVmStats` and `getAllVmStats`: what [`crate::shaper`] made of the last samples, placed and not read.

use vdsm_sdk::object;
use vdsm_sdk::verb::{Answer, Call, Decision, Fact, Order, Outcome, Status, again};
use vdsm_sdk::vm::ask::State;
use vdsm_sdk::vm::{ask, plan};
use vdsm_sdk::wire::{Kind, Node, Tree};

use crate::answers::{NO_VM, UNEXPECTED, refuse};

/// What the reply's one structure lies in.
#[derive(Clone, Copy)]
enum Found {
    /// The outcome is one structure.
    One,
    /// The outcome is the array of all.
    All,
}

/// Statistics of one machine.
pub(crate) fn of_one(call: &Call, facts: &[Fact]) -> Result<Decision, Status> {
    if call.note.is_some() {
        return reply(facts, Found::One);
    }
    let vm = ask::subject(0, 0).filter(|vm| vm.state() != State::Absent).ok_or_else(|| refuse(NO_VM, ""))?;
    plan::statistics(&vm);
    Ok(again(Order::InTurn, object! {}))
}

/// Statistics of every machine.
pub(crate) fn of_all(call: &Call, facts: &[Fact]) -> Result<Decision, Status> {
    if call.note.is_some() {
        return reply(facts, Found::All);
    }
    plan::statistics_of_all();
    Ok(again(Order::InTurn, object! {}))
}

fn reply(facts: &[Fact], found: Found) -> Result<Decision, Status> {
    match facts.first().map(|fact| &fact.outcome) {
        Some(Outcome::Done(statistics)) => Ok(Decision::Reply(Answer { members: stats_list(statistics, found), message: None })),
        Some(Outcome::Failed(status) | Outcome::Unknown(status)) => Err(status.clone()),
        Some(Outcome::Skipped) | None => Err(refuse(UNEXPECTED, "no statistics")),
    }
}

/// `{statsList: […]}` around an outcome, node by node: with hundreds of machines nothing is decoded.
fn stats_list(outcome: &Tree, found: Found) -> Tree {
    let mut keys = outcome.keys.clone();
    let key = keys.len() as u16;
    keys.push("statsList".into());
    let mut nodes = Vec::with_capacity(outcome.nodes.len() + 2);
    nodes.push(Node { key: 0, kind: Kind::Object, a: 1, b: 0 });
    if let Found::One = found {
        nodes.push(Node { key, kind: Kind::Array, a: 1, b: 0 });
    }
    nodes.extend_from_slice(&outcome.nodes);
    if let (Found::All, Some(array)) = (found, nodes.get_mut(1)) {
        array.key = key;
    }
    Tree { keys, text: outcome.text.clone(), bytes: outcome.bytes.clone(), nodes }
}

#[cfg(test)]
mod tests {
    //! Rung: pure.

    use vdsm_sdk::wire::{Value, decode, encode};
    use vdsm_sdk::{array, object};

    use super::{Found, stats_list};

    #[test]
    fn one_structure_becomes_a_list_of_one() {
        let one = Value::from(object! { "vmId": "a", "status": "Up" });
        assert_eq!(decode(&stats_list(&encode(&one), Found::One)), Ok(object! { "statsList": array![&one] }.into()));
    }

    #[test]
    fn the_list_of_all_is_placed_as_it_is() {
        for all in [array![], array![object! { "vmId": "a" }, object! { "vmId": "b" }]] {
            assert_eq!(decode(&stats_list(&encode(&all), Found::All)), Ok(object! { "statsList": &all }.into()));
        }
    }
}

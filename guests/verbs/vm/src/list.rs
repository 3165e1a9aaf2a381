//! `list`: the machines of this host, short or whole.

use vdsm_sdk::object;
use vdsm_sdk::verb::{Call, Decision, Status, answer, arguments};
use vdsm_sdk::vm::ask::{self, State};
use vdsm_sdk::wire::{Object, Value, decode, lenient};

use crate::answers::{UNEXPECTED, refuse};
use crate::states;

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Request {
    detail: Detail,
    /// Ids to be listed; empty: all.
    ids: Vec<String>,
}

#[derive(Debug, PartialEq)]
enum Detail {
    Short,
    Full,
}

impl Request {
    /// `fullStatus` is Python's truth, so the text `false` says yes.
    fn read(arguments: &Value) -> Result<Request, Status> {
        let detail = if arguments.at("0").is_some_and(lenient::truthy) { Detail::Full } else { Detail::Short };
        let ids = match arguments.at("1") {
            None | Some(Value::Nil) => Vec::new(),
            Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_text).map(str::to_owned).collect(),
            Some(other) if !lenient::truthy(other) => Vec::new(),
            Some(_) => return Err(refuse(UNEXPECTED, "vmList is no array")),
        };
        Ok(Request { detail, ids })
    }

    /// Whether a machine is to be listed. An unknown id leads to nothing.
    fn wants(&self, id: &str) -> bool {
        self.ids.is_empty() || self.ids.iter().any(|wanted| wanted == id)
    }
}

/// The only round.
pub(crate) fn decide(call: &Call) -> Result<Decision, Status> {
    let request = Request::read(&arguments(call))?;
    let machines: Vec<Value> = match request.detail {
        Detail::Full => full(&request),
        Detail::Short => short(&request),
    };
    Ok(Decision::Reply(answer(object! { "vmList": machines })))
}

/// Whole configurations, as the host keeps them: none of them is read here.
fn full(request: &Request) -> Vec<Value> {
    let wanted = ask::all().into_iter().filter(|vm| request.wants(&vm.id()));
    wanted.filter_map(|vm| decode(&vm.held_conf()?).ok()).collect()
}

fn short(request: &Request) -> Vec<Value> {
    let states = ask::states();
    let wanted = states.into_iter().filter(|(id, state)| *state != State::Absent && request.wants(id));
    wanted.map(|(id, state)| summary(&id, state).into()).collect()
}

fn summary(id: &str, state: State) -> Object {
    object! { "vmId": id, "status": states::word(state) }
}

#[cfg(test)]
mod tests {
    //! What callers send for what they want. Rung: pure.
    #![allow(clippy::unwrap_used)]

    use vdsm_sdk::array;

    use super::{Detail, Request, State, summary};
    use vdsm_sdk::object;
    use vdsm_sdk::wire::Value;

    fn read(arguments: Value) -> Request {
        Request::read(&arguments).unwrap()
    }

    #[test]
    fn full_status_is_plain_truth() {
        for yes in [array![true], array!["true"], array!["false"], array![1]] {
            assert_eq!(read(yes).detail, Detail::Full);
        }
        for no in [array![], array![false], array![""], array![0]] {
            assert_eq!(read(no).detail, Detail::Short);
        }
    }

    #[test]
    fn ids_choose_and_unknown_ones_are_harmless() {
        let some = read(array!["true", array!["a", "x"]]);
        assert!(some.wants("a") && !some.wants("b"));
        for all in [array!["true"], array!["true", array![]], array!["true", ""]] {
            assert!(read(all).wants("b"));
        }
    }

    #[test]
    fn a_text_is_no_list_of_ids() {
        let refused = Request::read(&array!["true", "a"]).unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (16, "Unexpected exception"));
        assert!(refused.detail.contains("vmList"));
    }

    #[test]
    fn a_short_entry_is_two_texts() {
        assert_eq!(summary("a", State::MigrationSource), object! { "vmId": "a", "status": "Migration Source" });
    }
}

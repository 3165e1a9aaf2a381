//! Verbs that change how a running machine runs: `pause`, `cont`, `shutdown`, `setBalloonTarget`.
//!
//! Each is one step in the machine's own lane, which knows the states it is valid in. What VDSM answers where it is not is decided
//! here beforehand, by pure rules over the state.

use vdsm_sdk::verb::{Answer, Call, Decision, Fact, Order, Status, again, all_done, answer, arguments, status};
use vdsm_sdk::vm::ask::{State, Vm};
use vdsm_sdk::vm::{ask, plan};
use vdsm_sdk::wire::{Value, decode, empty_object, lenient};
use vdsm_sdk::{array, object};

use crate::answers::{BALLOON_ERROR, EXISTS, NO_VM, UNEXPECTED, refuse};
use crate::states;

fn machine() -> Result<Vm, Status> {
    ask::subject(0, 0).filter(|vm| vm.state() != State::Absent).ok_or_else(|| refuse(NO_VM, ""))
}

fn wrong_state(state: State) -> Status {
    refuse(UNEXPECTED, format!("the machine is {}", states::word(state)))
}

/// VDSM's answer where libvirt has no domain any more.
fn gone() -> Status {
    refuse(NO_VM, "it is Down")
}

/// Calls again once the planned step is done.
fn then() -> Result<Decision, Status> {
    Ok(again(Order::InTurn, object! {}))
}

/// Stop the virtual CPUs. The answer carries the configuration, because managers look for its status there.
pub(crate) fn pause(call: &Call, facts: &[Fact]) -> Result<Decision, Status> {
    let vm = machine()?;
    if call.note.is_some() {
        all_done(facts)?;
        return paused(&vm);
    }
    match pausing(vm.state())? {
        Pausing::Needed => {
            plan::pause(&vm);
            then()
        }
        Pausing::Done => paused(&vm),
    }
}

#[derive(Debug, PartialEq)]
enum Pausing {
    Needed,
    Done,
}

fn pausing(state: State) -> Result<Pausing, Status> {
    match state {
        State::Up | State::RebootInProgress | State::Unknown => Ok(Pausing::Needed),
        State::Paused => Ok(Pausing::Done),
        State::Down => Err(gone()),
        other => Err(wrong_state(other)),
    }
}

fn paused(vm: &Vm) -> Result<Decision, Status> {
    let conf = vm.held_conf().and_then(|conf| decode(&conf).ok()).ok_or_else(|| refuse(NO_VM, ""))?;
    Ok(Decision::Reply(answer(object! { "output": array![""], "vmList": conf })))
}

/// Let the virtual CPUs go on.
pub(crate) fn cont(call: &Call, facts: &[Fact]) -> Result<Decision, Status> {
    if call.note.is_some() {
        all_done(facts)?;
        return Ok(Decision::Reply(answer(object! { "output": array![""] })));
    }
    let vm = machine()?;
    continuing(vm.state())?;
    plan::cont(&vm);
    then()
}

fn continuing(state: State) -> Result<(), Status> {
    match state {
        State::Up | State::Paused | State::RebootInProgress | State::Unknown => Ok(()),
        other => Err(wrong_state(other)),
    }
}

/// Ask the guest to shut down, by its power button. Delay and message are for users of a guest whose agent answers; where none does
/// VDSM looks at neither.
pub(crate) fn shutdown(call: &Call, facts: &[Fact]) -> Result<Decision, Status> {
    if call.note.is_some() {
        all_done(facts).map_err(|cause| failed_shutdown(&cause.detail))?;
        return Ok(Decision::Reply(Answer { members: empty_object(), message: Some("Machine shut down".into()) }));
    }
    let vm = machine()?;
    let conf = vm.conf().and_then(|conf| decode(&conf).ok()).unwrap_or_default();
    shutting_down(vm.state(), conf.get("acpiEnable").is_none_or(lenient::tobool))?;
    plan::shutdown(&vm);
    then()
}

/// VDSM answers with the code of a machine that exists.
fn failed_shutdown(detail: &str) -> Status {
    status(EXISTS.0, "Failed to shutdown VM. Try Forced Shutdown.", detail)
}

fn shutting_down(state: State, has_power_button: bool) -> Result<(), Status> {
    match state {
        State::Down => Err(gone()),
        _ if !has_power_button => Err(status(EXISTS.0, "VM without ACPI or active SolidICE tools. Try Forced Shutdown.", "")),
        State::WaitForLaunch => Err(failed_shutdown("it has not started yet")),
        _ => Ok(()),
    }
}

/// Ask the balloon for an amount of memory.
pub(crate) fn balloon(call: &Call, facts: &[Fact]) -> Result<Decision, Status> {
    if call.note.is_some() {
        all_done(facts)?;
        return Ok(Decision::Reply(answer(object! {})));
    }
    let vm = machine()?;
    ballooning(vm.state())?;
    plan::balloon(&vm, target(arguments(call).at("1"))?);
    then()
}

fn ballooning(state: State) -> Result<(), Status> {
    match state {
        State::Down => Err(gone()),
        State::WaitForLaunch => Err(refuse(BALLOON_ERROR, "it has not started yet")),
        _ => Ok(()),
    }
}

/// KiB, as a number or as text.
fn target(value: Option<&Value>) -> Result<u64, Status> {
    let number = value.and_then(lenient::int_like).ok_or_else(|| status(BALLOON_ERROR.0, "an integer is required for target", ""))?;
    u64::try_from(number).map_err(|_| refuse(BALLOON_ERROR, "target is below zero"))
}

#[cfg(test)]
mod tests {
    //! What each verb does in each state. Rung: pure.
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn code<T: std::fmt::Debug>(course: Result<T, Status>) -> i32 {
        course.unwrap_err().code
    }

    #[test]
    fn pause_stops_what_runs_and_is_content_with_what_stands() {
        assert_eq!([State::Up, State::Paused].map(pausing), [Ok(Pausing::Needed), Ok(Pausing::Done)]);
        assert_eq!(code(pausing(State::Down)), 1);
        for other in [State::WaitForLaunch, State::MigrationSource, State::MigrationDestination, State::SavingState, State::RestoringState]
        {
            assert_eq!(code(pausing(other)), 16);
        }
    }

    #[test]
    fn cont_is_refused_where_it_would_spoil_something() {
        assert_eq!([State::Up, State::Paused].map(continuing), [Ok(()), Ok(())]);
        for other in [State::MigrationSource, State::SavingState, State::Down] {
            assert_eq!(code(continuing(other)), 16);
        }
    }

    #[test]
    fn shutdown_needs_a_power_button_while_no_agent_listens() {
        assert_eq!([State::Up, State::Paused].map(|state| shutting_down(state, true)), [Ok(()), Ok(())]);
        assert_eq!(code(shutting_down(State::Down, false)), 1);
        let refused = shutting_down(State::Up, false).unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (4, "VM without ACPI or active SolidICE tools. Try Forced Shutdown."));
        let early = shutting_down(State::WaitForLaunch, true).unwrap_err();
        assert_eq!((early.code, early.message.as_str()), (4, "Failed to shutdown VM. Try Forced Shutdown."));
    }

    #[test]
    fn a_balloon_target_is_whatever_python_takes_for_an_integer() {
        for value in [Value::from(4096), "4096".into(), " 4096\n".into(), 4096.9.into()] {
            assert_eq!(target(Some(&value)), Ok(4096));
        }
        for value in ["4 MiB", "", "-"] {
            let refused = target(Some(&value.into())).unwrap_err();
            assert_eq!((refused.code, refused.message.as_str()), (53, "an integer is required for target"));
        }
        assert_eq!(target(Some(&(-1).into())).unwrap_err().code, 53);
        assert_eq!([State::WaitForLaunch, State::Down].map(|state| code(ballooning(state))), [53, 1]);
    }
}

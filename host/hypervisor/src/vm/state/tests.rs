//! Rung: pure. What managers rely on, as single paths and as properties of any history.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;

use super::*;

const NOW: Millis = 1_700_000_000_000;

fn after(inputs: &[Input]) -> Machine {
    inputs.iter().fold(Machine::registered(), |machine, input| reduce(&machine, input, NOW))
}

fn up() -> Input {
    Input::Seen(Cpus::Running)
}

#[test]
fn a_start_leads_to_up_without_a_pause_code() {
    let machine = after(&[up()]);
    assert_eq!((machine.state(), machine.pause_code, machine.started_at), (State::Up, None, Some(NOW)));
}

#[test]
fn a_start_on_hold_is_paused_until_it_goes_on() {
    let machine = after(&[Input::Seen(Cpus::Stopped)]);
    assert_eq!((machine.state(), machine.pause_code), (State::Paused, Some(PauseCode::NoErr)));
    let machine = reduce(&machine, &Input::Continued, NOW);
    assert_eq!((machine.state(), machine.pause_code), (State::Up, None));
}

#[test]
fn a_failed_start_is_down_with_its_text() {
    let machine = after(&[Input::StartFailed("no space".into())]);
    assert_eq!(machine.state(), State::Down);
    assert_eq!(machine.exit, Some(Exit { code: ExitCode::Error, message: "no space".into() }));
}

#[test]
fn pause_and_its_event_in_either_order_are_one_pause() {
    let event = Input::Suspended(Suspension::Paused);
    assert_eq!(after(&[up(), Input::Paused, event.clone()]), after(&[up(), event.clone(), Input::Paused]));
    assert_eq!(after(&[up(), event]).state(), State::Paused);
}

#[test]
fn an_io_error_shows_its_reason_until_somebody_lets_the_machine_go_on() {
    let error = Input::IoError(IoAction::Pause, PauseCode::Enospc);
    let stop = Input::Suspended(Suspension::Other);
    for inputs in [[up(), error.clone(), stop.clone()], [up(), stop, error]] {
        let machine = after(&inputs);
        assert_eq!((machine.state(), machine.pause_code), (State::Paused, Some(PauseCode::Enospc)));
        assert_eq!(reduce(&machine, &Input::Resumed, NOW).state(), State::Up);
    }
    assert_eq!(after(&[up(), Input::IoError(IoAction::Report, PauseCode::Eio)]).state(), State::Up);
}

#[test]
fn a_guest_that_powers_itself_off_ends_well() {
    let ending = reduce(&after(&[up()]), &Input::Stopped(Stop::Shutdown), NOW);
    assert_eq!((ending.state(), left_to_do(&ending)), (State::PoweringDown, Some(Effect::ReleaseNatively)));
    let machine = reduce(&ending, &Input::Released, NOW);
    assert_eq!(machine.state(), State::Down);
    assert_eq!(machine.exit, Some(Exit { code: ExitCode::Normal, message: "User shut down".into() }));
}

#[test]
fn any_other_end_of_qemu_is_a_lost_one() {
    for input in [Input::Stopped(Stop::Other), Input::Stopped(Stop::Migrated), Input::Vanished] {
        let machine = after(&[up(), input, Input::Released]);
        assert_eq!(machine.exit, Some(Exit { code: ExitCode::Error, message: "Lost connection with qemu process".into() }));
    }
    let rebooted = after(&[up(), Input::OtherBoot, Input::Released]);
    assert_eq!(rebooted.exit.unwrap().message, "Lost connection with qemu process: the host was restarted");
}

#[test]
fn the_end_of_qemu_during_a_destroy_is_no_news() {
    let machine = reduce(&after(&[up(), Input::ReleaseBegun]), &Input::Stopped(Stop::Other), NOW);
    assert_eq!(left_to_do(&machine), None);
    assert_eq!(machine.exit.unwrap().message, "Admin shut down");
}

#[test]
fn an_end_while_starting_is_left_to_the_start() {
    assert_eq!(reduce(&Machine::registered(), &Input::Stopped(Stop::Other), NOW), Machine::registered());
}

#[test]
fn what_was_cut_short_of_an_end_is_left_to_do_in_its_order() {
    let ending = after(&[up(), Input::Vanished]);
    assert_eq!(left_to_do(&ending), Some(Effect::ReleaseNatively));
    let returned = reduce(&ending, &Input::Released, NOW);
    assert_eq!((returned.state(), left_to_do(&returned)), (State::Down, Some(Effect::RunAfterDestroy)));
    assert_eq!(left_to_do(&reduce(&returned, &Input::LastChainRan, NOW)), None);
    for done in [after(&[up()]), after(&[Input::StartFailed("no".into())]), after(&[up(), Input::ReleaseBegun])] {
        assert_eq!(left_to_do(&done), None);
    }
}

#[test]
fn a_reboot_starts_the_time_anew() {
    let machine = reduce(&after(&[up()]), &Input::Rebooted, NOW + 5_000);
    assert_eq!(machine.started_at, Some(NOW + 5_000));
    assert_eq!(machine.guest_event, Some((GuestEvent::RebootInProgress, NOW + 5_000)));
}

#[test]
fn out_of_sight_keeps_the_last_state_until_it_is_seen_again() {
    let machine = after(&[up(), Input::OutOfSight]);
    assert_eq!((machine.state(), machine.unknown_since), (State::Up, Some(NOW)));
    assert_eq!(reduce(&machine, &Input::Seen(Cpus::Running), NOW).unknown_since, None);
}

#[test]
fn migration_and_save_end_their_machines_themselves() {
    for (stored, stop) in [(State::MigrationSource, Stop::Migrated), (State::SavingState, Stop::Saved)] {
        let machine = Machine { stored, ..after(&[up()]) };
        assert_eq!(reduce(&machine, &Input::Stopped(stop), NOW), machine);
    }
}

fn cpus() -> impl Strategy<Value = Cpus> {
    prop_oneof![Just(Cpus::Running), Just(Cpus::Stopped)]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        cpus().prop_map(Input::Seen),
        "[a-z]{0,6}".prop_map(Input::StartFailed),
        prop_oneof![Just(Input::Paused), Just(Input::Continued), Just(Input::ShutdownRequested)],
        prop_oneof![Just(Input::ReleaseBegun), Just(Input::Released), Just(Input::LastChainRan)],
        prop_oneof![Just(Stop::Shutdown), Just(Stop::Migrated), Just(Stop::Saved), Just(Stop::Other)].prop_map(Input::Stopped),
        prop_oneof![Just(Suspension::Paused), Just(Suspension::Other)].prop_map(Input::Suspended),
        prop_oneof![Just(Input::Resumed), Just(Input::Rebooted), Just(Input::ClientGone)],
        prop_oneof![Just(IoAction::Pause), Just(IoAction::Report)].prop_map(|action| Input::IoError(action, PauseCode::Eio)),
        any::<i64>().prop_map(Input::ClockChanged),
        Just(Input::ClientConnected("192.0.2.1".into())),
        Just(Input::WatchdogFired("reset".into())),
        prop_oneof![Just(Input::Vanished), Just(Input::OtherBoot), Just(Input::OutOfSight)],
    ]
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::WaitForLaunch),
        Just(State::Up),
        Just(State::RebootInProgress),
        Just(State::Paused),
        Just(State::PoweringDown),
        Just(State::MigrationSource),
        Just(State::MigrationDestination),
        Just(State::SavingState),
        Just(State::RestoringState),
    ]
}

proptest! {
    /// Any history, from any state: nothing panics, and what must hold holds after each input.
    #[test]
    fn any_history_keeps_the_rules(begin in state(), inputs in prop::collection::vec(input(), 0..40)) {
        let mut machine = Machine { stored: begin, ..Machine::registered() };
        let mut releases = 0;
        for input in &inputs {
            let next = reduce(&machine, input, NOW);
            releases += usize::from(left_to_do(&machine).is_none() && left_to_do(&next) == Some(Effect::ReleaseNatively));
            if let Some(exit) = &machine.exit {
                prop_assert_eq!(next.exit.as_ref(), Some(exit), "the first exit wins");
            }
            if machine.stored == State::Down {
                prop_assert_eq!(next.stored, State::Down, "Down is the last state");
                prop_assert!(left_to_do(&next) != Some(Effect::ReleaseNatively));
            }
            prop_assert!(next.stored != State::Down || next.exit.is_some(), "Down has a reason");
            if *input == Input::OutOfSight {
                prop_assert_eq!(next.stored, machine.stored, "out of sight changes no state");
                prop_assert_eq!(&next.exit, &machine.exit);
            }
            prop_assert!(next.state() != State::Down || next.unknown_since.is_none(), "Down is known");
            machine = next;
        }
        prop_assert!(releases <= 1, "what a machine held is given back by one");
    }

    /// A migration's state is its own: neither pause, cont nor events of the CPUs overwrite it.
    #[test]
    fn nothing_small_overwrites_a_migration(input in prop_oneof![
        Just(Input::Paused), Just(Input::Continued), Just(Input::Resumed), cpus().prop_map(Input::Seen),
        Just(Input::Suspended(Suspension::Other)), Just(Input::Stopped(Stop::Migrated)),
    ]) {
        let machine = Machine { stored: State::MigrationSource, ..Machine::found(Cpus::Running, NOW) };
        prop_assert_eq!(reduce(&machine, &input, NOW).stored, State::MigrationSource);
    }
}

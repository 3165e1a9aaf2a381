//! States of a machine, in VDSM's words.

use vdsm_sdk::vm::ask::State;

/// The word `list` shows.
pub(crate) fn word(state: State) -> &'static str {
    match state {
        // Shown to people only: nothing is listed that is not there.
        State::Absent => "absent",
        // Managers take it for running, the state that has the least consequences.
        State::Unknown => "Unknown",
        State::WaitForLaunch => "WaitForLaunch",
        State::Up => "Up",
        State::RebootInProgress => "RebootInProgress",
        State::Paused => "Paused",
        State::PoweringDown => "Powering down",
        State::MigrationSource => "Migration Source",
        State::MigrationDestination => "Migration Destination",
        State::SavingState => "Saving State",
        State::RestoringState => "Restoring state",
        State::Down => "Down",
    }
}

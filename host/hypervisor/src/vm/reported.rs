//! The status that statistics report: the internal state refined by the guest's agent and its latest event, as VDSM 3.3 does it.

use vdsm_core::clock::Millis;

use super::state::{GuestEvent, Machine, State};

/// How long a request to power down shows.
const POWERING_DOWN_SHOWS: Millis = 300_000;
/// How long any other guest event shows.
const EVENT_SHOWS: Millis = 60_000;

/// What is known of the agent inside the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// Nothing was heard of it within 120 s.
    Silent,
    /// It answered lately.
    Responsive(AgentStatus),
}

/// What a responsive agent says of its guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentStatus {
    /// It runs.
    Running,
    /// It restarts.
    RebootInProgress,
}

impl AgentStatus {
    const fn name(self) -> &'static str {
        match self {
            AgentStatus::Running => "Running",
            AgentStatus::RebootInProgress => "RebootInProgress",
        }
    }
}

/// The status text of `getVmStats`.
pub fn reported_status(machine: &Machine, agent: Agent, now: Millis) -> &'static str {
    match machine.state() {
        State::Up => reported_up(machine, agent, now),
        state @ (State::WaitForLaunch
        | State::RebootInProgress
        | State::Paused
        | State::PoweringDown
        | State::MigrationSource
        | State::MigrationDestination
        | State::SavingState
        | State::RestoringState
        | State::Down) => state.name(),
    }
}

fn reported_up(machine: &Machine, agent: Agent, now: Millis) -> &'static str {
    let younger = |than: Millis, at: Millis| now.saturating_sub(at) < than;
    match (machine.guest_event, agent) {
        (Some((GuestEvent::PoweringDown, at)), _) if younger(POWERING_DOWN_SHOWS, at) => GuestEvent::PoweringDown.name(),
        (_, Agent::Responsive(status)) => status.name(),
        (Some((event, at)), Agent::Silent) if younger(EVENT_SHOWS, at) => event.name(),
        (Some(_) | None, Agent::Silent) => State::Up.name(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use super::*;
    use crate::vm::state::{Cpus, Input, reduce};

    const T: Millis = 1_000_000_000;

    fn up(event: Option<(GuestEvent, Millis)>) -> Machine {
        Machine { guest_event: event, ..Machine::found(Cpus::Running, T) }
    }

    #[test]
    fn a_started_machine_powers_up_for_a_minute_and_is_up_then() {
        let machine = reduce(&Machine::registered(), &Input::Seen(Cpus::Running), T);
        assert_eq!(reported_status(&machine, Agent::Silent, T + 59_999), "Powering up");
        assert_eq!(reported_status(&machine, Agent::Silent, T + 60_000), "Up");
    }

    #[test]
    fn an_agent_that_answers_says_running_at_once() {
        let machine = up(Some((GuestEvent::PoweringUp, T)));
        assert_eq!(reported_status(&machine, Agent::Responsive(AgentStatus::Running), T + 1), "Running");
        assert_eq!(reported_status(&machine, Agent::Responsive(AgentStatus::RebootInProgress), T + 1), "RebootInProgress");
    }

    #[test]
    fn a_requested_shutdown_shows_for_five_minutes_whatever_the_agent_says() {
        let machine = up(Some((GuestEvent::PoweringDown, T)));
        let agent = Agent::Responsive(AgentStatus::Running);
        assert_eq!(reported_status(&machine, agent, T + 299_999), "Powering down");
        assert_eq!(reported_status(&machine, agent, T + 300_000), "Running");
        assert_eq!(reported_status(&machine, Agent::Silent, T + 300_000), "Up");
    }

    #[test]
    fn stopped_cpus_show_as_paused_and_other_states_as_themselves() {
        let machine = Machine { cpus: Cpus::Stopped, ..up(None) };
        assert_eq!(reported_status(&machine, Agent::Silent, T), "Paused");
        assert_eq!(reported_status(&Machine::registered(), Agent::Silent, T), "WaitForLaunch");
    }
}

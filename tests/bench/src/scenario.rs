//! What is measured. A scenario is a module with one function that adds its rows to the table; a new one gets a [`Name`].

mod create;
mod hook;
mod ping;
mod start;
mod stats;
mod swap;

use crate::setup::Setup;
use crate::table::Table;

/// The scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    /// From the start of the daemon to its first answer.
    Start,
    /// `ping` with many clients, and the memory of the daemon some time after.
    Ping,
    /// `getAllVmStats` of many machines whose figures are made up.
    Stats,
    /// An edit of a domain document by a component.
    Hook,
    /// The way of a `create`: rounds, journal, a running machine.
    Create,
    /// Another version of a module while it is called.
    Swap,
}

impl Name {
    /// In the order they run.
    pub(crate) const ALL: [Name; 6] = [Name::Start, Name::Ping, Name::Stats, Name::Hook, Name::Create, Name::Swap];

    /// Measures and adds rows.
    pub(crate) fn run(self, setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
        match self {
            Name::Start => start::run(setup, table),
            Name::Ping => ping::run(setup, table),
            Name::Stats => stats::run(setup, table),
            Name::Hook => hook::run(setup, table),
            Name::Create => create::run(setup, table),
            Name::Swap => swap::run(setup, table),
        }
    }
}

//! What is measured. A scenario is a module with one function that adds its rows to the table; a new one gets a [`Name`].

mod ping;
mod start;
mod stats;

use crate::Setup;
use crate::table::Table;

/// The scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    /// From the start of the daemon to its first answer.
    Start,
    /// `ping` with many clients, and the memory of the daemon some time after.
    Ping,
    /// `getAllVmStats` of many machines that are not there.
    Stats,
}

impl Name {
    /// In the order they run.
    pub(crate) const ALL: [Name; 3] = [Name::Start, Name::Ping, Name::Stats];

    /// Measures and adds rows.
    pub(crate) fn run(self, setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
        match self {
            Name::Start => start::run(setup, table),
            Name::Ping => ping::run(setup, table),
            Name::Stats => stats::run(setup, table),
        }
    }
}

//! Statistics per machine, for the module that serves `getVmStats`: samples as a shaper reads them.
//!
//! Samples are columns, so that hundreds of machines cross in some dozens of blocks. A shaper looks its columns up once and then goes
//! through the machines:
//!
//! ```
//! use vdsm_sdk::{mock, vm::shaper::Samples};
//!
//! const NAME: u32 = 200; // in the list of metrics beside the interface
//! const RX_ERRORS: u32 = 213;
//!
//! fn broken_taps(samples: &Samples) -> Vec<&str> {
//!     let nics = samples.table("nic");
//!     let (names, errors) = (nics.texts(NAME), nics.numbers(RX_ERRORS));
//!     (0..nics.rows()).filter(|row| errors.at(*row) > Some(0.0)).filter_map(|row| names.at(row)).collect()
//! }
//!
//! let mut samples = mock::Samples::new();
//! samples.machine("a");
//! samples.device("nic").text(NAME, "vnet0").number(RX_ERRORS, 3.0);
//! samples.device("nic").text(NAME, "vnet1");
//! assert_eq!(broken_taps(&samples.finish()), ["vnet0"]);
//! ```

use crate::bindings::shaper::exports::vdsm::vm::shaper as raw;
pub use crate::wire::Tree;
pub use raw::{Guest, Samples};

/// Makes the statistics of machines from their samples: pure, and without asks or plans.
pub trait Shaper {
    /// An array: one statistics structure a machine, in their order.
    fn shape(samples: &Samples) -> Tree;
}

impl<T: Shaper> Guest for T {
    fn shape(samples: Samples) -> Tree {
        crate::hook::log::panics();
        T::shape(&samples)
    }
}

/// `start` of a text that is not known.
pub(crate) const UNKNOWN: u32 = 0xffff_ffff;

impl Samples {
    /// What is known of all things of one kind; a kind that is not there has no rows.
    pub fn table(&self, kind: &str) -> Table<'_> {
        Table { columns: self.tables.iter().find(|table| table.kind == kind), text: &self.text }
    }
}

/// The things of one kind, machine after machine.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    columns: Option<&'a raw::Table>,
    text: &'a str,
}

impl<'a> Table<'a> {
    /// How many they are.
    pub fn rows(&self) -> usize {
        self.owners().len()
    }

    /// The number of the machine of each row, ascending.
    pub fn owners(&self) -> &'a [u32] {
        self.columns.map(|table| table.owners.as_slice()).unwrap_or_default()
    }

    /// A metric that is a number.
    pub fn numbers(&self, metric: u32) -> Numbers<'a> {
        let known = self.columns.and_then(|table| table.numbers.iter().find(|numbers| numbers.metric == metric));
        Numbers(known.map(|numbers| numbers.values.as_slice()).unwrap_or_default())
    }

    /// A metric that is a text.
    pub fn texts(&self, metric: u32) -> Texts<'a> {
        match self.columns.and_then(|table| table.texts.iter().find(|texts| texts.metric == metric)) {
            Some(raw::Texts { starts, lengths, .. }) => Texts { starts, lengths, text: self.text },
            None => Texts::default(),
        }
    }
}

/// A number in every row of a table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers<'a>(&'a [f64]);

impl Numbers<'_> {
    /// The number in that row, when it is known.
    pub fn at(&self, row: usize) -> Option<f64> {
        self.0.get(row).copied().filter(|value| !value.is_nan())
    }
}

/// A text in every row of a table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Texts<'a> {
    starts: &'a [u32],
    lengths: &'a [u32],
    text: &'a str,
}

impl<'a> Texts<'a> {
    /// The text in that row, when it is known.
    pub fn at(&self, row: usize) -> Option<&'a str> {
        let (start, length) = (*self.starts.get(row)?, *self.lengths.get(row)?);
        if start == UNKNOWN { None } else { self.text.get(start as usize..(start as usize).saturating_add(length as usize)) }
    }
}

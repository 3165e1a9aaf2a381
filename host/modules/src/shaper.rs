//! Shaping samples into statistics structures with the module that serves them.

use vdsm_core::tree::Tree;

use crate::call::bindings::shaper::exports::vdsm::vm::shaper::{Numbers, Samples as Raw, Table, Texts};

/// A kind of thing that samples have a table of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The machine itself.
    Machine,
    /// A NIC of a machine.
    Nic,
    /// A disk of a machine.
    Disk,
}

impl Kind {
    /// As `metrics.md` beside the interface calls it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Machine => "machine",
            Kind::Nic => "nic",
            Kind::Disk => "disk",
        }
    }
}

/// `start` of a text that is not known.
const UNKNOWN: u32 = u32::MAX;

/// What the host knows of machines, as the interface `vdsm:vm/shaper` carries it: a table of columns for each kind of thing. Metric ids:
/// `wit/deps/vm/metrics.md`. Rows are added machine by machine; a column reaches as far as its last known value until the samples are
/// handed over.
#[derive(Clone, Debug)]
pub struct Samples {
    machines: u32,
    /// In the order of [`Kind`].
    tables: [Table; 3],
    text: String,
}

impl Default for Samples {
    fn default() -> Samples {
        let table = |kind: Kind| Table { kind: kind.name().to_owned(), owners: Vec::new(), numbers: Vec::new(), texts: Vec::new() };
        Samples { machines: 0, tables: [Kind::Machine, Kind::Nic, Kind::Disk].map(table), text: String::new() }
    }
}

impl Samples {
    /// Adds a machine.
    pub fn machine(&mut self) -> Row<'_> {
        self.machines += 1;
        self.row(Kind::Machine)
    }

    /// Adds a thing of the machine that was added last.
    pub fn row(&mut self, kind: Kind) -> Row<'_> {
        let [machine, nic, disk] = &mut self.tables;
        let table = match kind {
            Kind::Machine => machine,
            Kind::Nic => nic,
            Kind::Disk => disk,
        };
        let before = table.owners.len();
        table.owners.push(self.machines.saturating_sub(1));
        Row { table, text: &mut self.text, before, number: 0, texts: 0 }
    }

    /// How many machines they are of.
    pub fn machines(&self) -> usize {
        self.machines as usize
    }

    fn table(&self, kind: Kind) -> &Table {
        let [machine, nic, disk] = &self.tables;
        match kind {
            Kind::Machine => machine,
            Kind::Nic => nic,
            Kind::Disk => disk,
        }
    }

    /// The number of the machine of each row, ascending.
    pub fn owners(&self, kind: Kind) -> &[u32] {
        &self.table(kind).owners
    }

    /// A number, when it is known.
    pub fn number(&self, kind: Kind, row: usize, metric: u32) -> Option<f64> {
        let numbers = self.table(kind).numbers.iter().find(|numbers| numbers.metric == metric)?;
        numbers.values.get(row).copied().filter(|value| !value.is_nan())
    }

    /// A text, when it is known.
    pub fn text(&self, kind: Kind, row: usize, metric: u32) -> Option<&str> {
        let texts = self.table(kind).texts.iter().find(|texts| texts.metric == metric)?;
        let (start, length) = (*texts.starts.get(row)? as usize, *texts.lengths.get(row)? as usize);
        self.text.get(start..start.saturating_add(length))
    }

    /// As a module takes them: every column as long as its table.
    pub(crate) fn complete(mut self) -> Raw {
        for table in &mut self.tables {
            let rows = table.owners.len();
            table.numbers.iter_mut().for_each(|numbers| numbers.values.resize(rows, f64::NAN));
            for texts in &mut table.texts {
                texts.starts.resize(rows, UNKNOWN);
                texts.lengths.resize(rows, 0);
            }
        }
        Raw { machines: self.machines, tables: self.tables.into(), text: self.text }
    }
}

/// The values of a thing in the making. Rows of a kind usually have the same metrics in the same order: the column after the last one is
/// looked at first.
#[derive(Debug)]
pub struct Row<'a> {
    table: &'a mut Table,
    text: &'a mut String,
    /// Rows before this one.
    before: usize,
    /// Where the next number and the next text probably go.
    number: usize,
    texts: usize,
}

impl Row<'_> {
    /// Sets a number; one that was set before is replaced.
    pub fn number(&mut self, metric: u32, value: f64) {
        let columns = &mut self.table.numbers;
        if columns.get(self.number).is_none_or(|column| column.metric != metric) {
            self.number = columns.iter().position(|column| column.metric == metric).unwrap_or_else(|| {
                columns.push(Numbers { metric, values: Vec::new() });
                columns.len() - 1
            });
        }
        if let Some(column) = columns.get_mut(self.number) {
            column.values.resize(self.before, f64::NAN);
            column.values.push(value);
        }
        self.number += 1;
    }

    /// Sets a text; one that was set before is replaced. What no longer fits 4 GiB of text is not known.
    pub fn text(&mut self, metric: u32, value: &str) {
        let (Ok(start), Ok(length)) = (u32::try_from(self.text.len()), u32::try_from(value.len())) else { return };
        let columns = &mut self.table.texts;
        if columns.get(self.texts).is_none_or(|column| column.metric != metric) {
            self.texts = columns.iter().position(|column| column.metric == metric).unwrap_or_else(|| {
                columns.push(Texts { metric, starts: Vec::new(), lengths: Vec::new() });
                columns.len() - 1
            });
        }
        if let Some(column) = columns.get_mut(self.texts) {
            column.starts.resize(self.before, UNKNOWN);
            column.lengths.resize(self.before, 0);
            column.starts.push(start);
            column.lengths.push(length);
            self.text.push_str(value);
        }
        self.texts += 1;
    }
}

/// Why shaping failed; the statistics of that round are those of the last one, with their age.
#[derive(Debug, thiserror::Error)]
#[error("shaping statistics: {0}")]
pub struct ShapeError(pub String);

/// Turns samples into structures. The module runtime implements it.
#[async_trait::async_trait]
pub trait Shaper: Send + Sync + 'static {
    /// An array with one structure a machine, in order.
    async fn shape(&self, samples: Samples) -> Result<Tree, ShapeError>;

    /// Changes when the module that shapes changes: fragments of another generation are stale.
    fn generation(&self) -> u64;
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    //! Rung: pure.
    use super::*;

    #[test]
    fn columns_are_as_long_as_their_table_and_what_is_not_known_is_marked() {
        let mut samples = Samples::default();
        samples.machine().text(1, "Up");
        samples.row(Kind::Nic).number(213, 4.0);
        let mut second = samples.machine();
        second.number(101, 7.0);
        second.number(101, 8.0);
        samples.row(Kind::Nic).text(200, "é");
        assert_eq!((samples.machines(), samples.owners(Kind::Nic)), (2, &[0, 1][..]));
        assert_eq!((samples.number(Kind::Machine, 0, 101), samples.number(Kind::Machine, 1, 101)), (None, Some(8.0)));
        assert_eq!((samples.text(Kind::Nic, 0, 200), samples.text(Kind::Nic, 1, 200)), (None, Some("é")));
        let raw = samples.complete();
        assert_eq!(raw.text, "Upé");
        assert_eq!((&*raw.tables[0].texts[0].starts, &*raw.tables[0].texts[0].lengths), (&[0, UNKNOWN][..], &[2, 0][..]));
        assert!(raw.tables[1].numbers[0].values[1].is_nan() && raw.tables[2].owners.is_empty());
    }
}

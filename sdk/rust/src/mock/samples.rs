//! Samples for tests of shapers: rows are added one after the other, columns come of themselves.

use crate::bindings::shaper::exports::vdsm::vm::shaper as raw;
use crate::vm::shaper;

/// Samples in the making.
#[derive(Debug)]
pub struct Samples(shaper::Samples);

/// The values of a row in the making.
#[derive(Debug)]
pub struct Row<'a> {
    samples: &'a mut shaper::Samples,
    table: usize,
}

impl Default for Samples {
    fn default() -> Samples {
        Samples::new()
    }
}

impl Samples {
    /// No machine yet.
    pub fn new() -> Samples {
        Samples(shaper::Samples { machines: 0, tables: Vec::new(), text: String::new() })
    }

    /// Adds a machine, with its id (metric 0).
    pub fn machine(&mut self, id: &str) -> Row<'_> {
        self.0.machines += 1;
        self.device("machine").text(0, id)
    }

    /// Adds a thing of that kind to the machine that was added last.
    pub fn device(&mut self, kind: &str) -> Row<'_> {
        let table = self.0.tables.iter().position(|table| table.kind == kind).unwrap_or_else(|| {
            self.0.tables.push(raw::Table { kind: kind.to_owned(), owners: Vec::new(), numbers: Vec::new(), texts: Vec::new() });
            self.0.tables.len() - 1
        });
        let owner = self.0.machines.saturating_sub(1);
        self.0.tables.get_mut(table).into_iter().for_each(|table| table.owners.push(owner));
        Row { samples: &mut self.0, table }
    }

    /// As the host hands them to a shaper.
    pub fn finish(mut self) -> shaper::Samples {
        for table in &mut self.0.tables {
            let rows = table.owners.len();
            table.numbers.iter_mut().for_each(|numbers| numbers.values.resize(rows, f64::NAN));
            table.texts.iter_mut().for_each(|texts| fit(texts, rows));
        }
        self.0
    }
}

fn fit(texts: &mut raw::Texts, rows: usize) {
    texts.starts.resize(rows, shaper::UNKNOWN);
    texts.lengths.resize(rows, 0);
}

impl Row<'_> {
    fn set(self, set: impl FnOnce(&mut raw::Table, &mut String, usize)) -> Self {
        if let Some(table) = self.samples.tables.get_mut(self.table) {
            let before = table.owners.len() - 1;
            set(table, &mut self.samples.text, before);
        }
        self
    }

    /// Sets a number; one that was set before is replaced.
    pub fn number(self, metric: u32, value: f64) -> Self {
        self.set(|table, _, before| {
            if !table.numbers.iter().any(|numbers| numbers.metric == metric) {
                table.numbers.push(raw::Numbers { metric, values: Vec::new() });
            }
            if let Some(numbers) = table.numbers.iter_mut().find(|numbers| numbers.metric == metric) {
                numbers.values.resize(before, f64::NAN);
                numbers.values.push(value);
            }
        })
    }

    /// Sets a text; one that was set before is replaced.
    pub fn text(self, metric: u32, value: &str) -> Self {
        self.set(|table, text, before| {
            if !table.texts.iter().any(|texts| texts.metric == metric) {
                table.texts.push(raw::Texts { metric, starts: Vec::new(), lengths: Vec::new() });
            }
            if let Some(texts) = table.texts.iter_mut().find(|texts| texts.metric == metric) {
                fit(texts, before);
                texts.starts.push(text.len() as u32);
                texts.lengths.push(value.len() as u32);
                text.push_str(value);
            }
        })
    }
}

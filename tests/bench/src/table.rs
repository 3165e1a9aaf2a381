//! The table that is printed: what was measured, beside what it is compared with.

use std::fmt::{self, Display, Formatter};

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// It is a floor, a peer or for orientation.
    None,
}

impl Goal {
    fn is_missed(self, value: f64) -> bool {
        match self {
            // A figure that is no number reaches nothing.
            Goal::AtLeast(least) => !matches!(value.partial_cmp(&least), Some(order) if order.is_ge()),
            Goal::AtMost(most) => !matches!(value.partial_cmp(&most), Some(order) if order.is_le()),
            Goal::None => false,
        }
    }
}

/// A line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// The figure that the goal is about.
    pub(crate) value: f64,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// What it must reach.
    pub(crate) goal: Goal,
    /// From what it was made.
    pub(crate) from: String,
}

/// All lines.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn add(&mut self, what: impl Into<String>, value: f64, unit: &'static str, goal: Goal, from: impl Into<String>) {
        self.0.push(Row { what: what.into(), value, unit, goal, from: from.into() });
    }

    /// How many goals were missed.
    pub(crate) fn missed(&self) -> usize {
        self.0.iter().filter(|row| row.goal.is_missed(row.value)).count()
    }
}

impl Row {
    fn cells(&self) -> [String; 5] {
        let goal = match self.goal {
            Goal::AtLeast(least) => format!(">= {least}"),
            Goal::AtMost(most) => format!("<= {most}"),
            Goal::None => String::new(),
        };
        let verdict = match self.goal {
            Goal::None => "",
            goal if goal.is_missed(self.value) => "MISSED",
            _ => "ok",
        };
        let digits = if self.value.abs() >= 100.0 { 0 } else { 2 };
        [self.what.clone(), format!("{:.digits$} {}", self.value, self.unit), goal, verdict.to_owned(), self.from.clone()]
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let head = ["what", "figure", "goal", "", "from"].map(str::to_owned);
        let lines: Vec<[String; 5]> = std::iter::once(head).chain(self.0.iter().map(Row::cells)).collect();
        for [what, figure, goal, verdict, from] in &lines {
            let width = |column: fn(&[String; 5]) -> &String| lines.iter().map(|line| column(line).chars().count()).max().unwrap_or(0);
            let (first, second, third) = (width(|[a, ..]| a), width(|[_, b, ..]| b), width(|[_, _, c, ..]| c));
            let line = format!("{what:first$}  {figure:>second$}  {goal:third$}  {verdict:6}  {from}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

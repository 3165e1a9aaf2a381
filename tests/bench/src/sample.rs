//! Times of one thing done many times.

use std::time::Duration;

/// What a run of times comes to, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Times {
    /// The shortest.
    pub(crate) best: f64,
    /// The one in the middle.
    pub(crate) median: f64,
    /// How many.
    pub(crate) count: usize,
}

impl Times {
    /// Of `took`; figures of nothing are no numbers, which reach no goal.
    pub(crate) fn of(mut took: Vec<Duration>) -> Times {
        took.sort_unstable();
        let at = |index: usize| took.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
        Times { best: at(0), median: at(took.len() / 2), count: took.len() }
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} ms, best {:.3} ms of {}", self.median, self.best, self.count)
    }
}

#[cfg(test)]
mod tests {
    //! Rung: pure.
    use super::*;

    #[test]
    fn the_best_and_the_middle() {
        let times = Times::of([5, 1, 3].map(Duration::from_millis).to_vec());
        assert_eq!(times, Times { best: 1.0, median: 3.0, count: 3 });
        assert!(Times::of(Vec::new()).best.is_nan());
    }
}

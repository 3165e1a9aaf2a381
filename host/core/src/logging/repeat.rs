//! Warnings that repeat: the first is written, the others of an interval are counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Level;

/// How many different warnings are watched at once; further ones are written each time.
const WATCHED: usize = 256;

#[derive(Debug)]
struct Seen {
    level: Level,
    since: Instant,
    more: u64,
}

/// What to do with a warning.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Write it.
    Write,
    /// It is counted.
    Counted,
}

/// A warning that came again, to be told in one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repeated {
    /// Its level.
    pub(super) level: Level,
    /// Its text.
    pub(super) text: Arc<str>,
    /// How often after the first time.
    pub(super) times: u64,
}

/// The warnings of the running intervals.
#[derive(Debug)]
pub(super) struct Repeats {
    interval: Duration,
    seen: HashMap<Arc<str>, Seen>,
}

impl Repeats {
    pub(super) fn new(interval: Duration) -> Repeats {
        Repeats { interval, seen: HashMap::new() }
    }

    /// Takes note of a warning. Intervals that are over must have been taken with [`Repeats::ended`] before.
    pub(super) fn note(&mut self, now: Instant, level: Level, text: &Arc<str>) -> Verdict {
        if let Some(seen) = self.seen.get_mut(text) {
            seen.more += 1;
            return Verdict::Counted;
        }
        if self.seen.len() < WATCHED {
            self.seen.insert(text.clone(), Seen { level, since: now, more: 0 });
        }
        Verdict::Write
    }

    /// Ends the intervals that are over, and gives what repeated in them.
    pub(super) fn ended(&mut self, now: Instant) -> Vec<Repeated> {
        self.end(|seen, interval| now.saturating_duration_since(seen.since) >= interval)
    }

    /// Ends all intervals.
    pub(super) fn end_all(&mut self) -> Vec<Repeated> {
        self.end(|_, _| true)
    }

    fn end(&mut self, over: impl Fn(&Seen, Duration) -> bool) -> Vec<Repeated> {
        let interval = self.interval;
        let ended = self.seen.extract_if(|_, seen| over(seen, interval));
        let mut repeated: Vec<_> = ended
            .filter(|(_, seen)| seen.more > 0)
            .map(|(text, seen)| (seen.since, Repeated { level: seen.level, text, times: seen.more }))
            .collect();
        repeated.sort_by_key(|(since, _)| *since);
        repeated.into_iter().map(|(_, repeated)| repeated).collect()
    }
}

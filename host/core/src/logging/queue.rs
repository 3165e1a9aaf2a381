//! The bounded queue between those who log and the thread that writes.
//!
//! Its lock is held for moves of pointers only, never while something is written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::Level;

use super::Limits;
use super::line;
use super::repeat::{Repeated, Repeats, Verdict};

/// A line to write.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Decides what is lost first.
    pub(super) level: Level,
    /// The whole line with its end.
    pub(super) text: Arc<str>,
    /// For warnings: the part that is equal when the warning is.
    pub(super) repeats: Option<Arc<str>>,
}

/// How many lines were lost, by level.
pub(super) type Lost = BTreeMap<Level, u64>;

#[derive(Debug)]
struct State {
    /// By importance, most important first; each line with its number in the order of arrival.
    lanes: BTreeMap<Level, VecDeque<(u64, Arc<str>)>>,
    next: u64,
    lines: usize,
    bytes: usize,
    lost: Lost,
    repeats: Repeats,
    /// Lines that the writer has taken and not yet written.
    taken: usize,
    closing: bool,
    /// The writer is gone.
    ended: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something came, or the queue closes.
    came: Condvar,
    /// What was taken is written.
    written: Condvar,
    limits: Limits,
}

/// What the writer finds.
pub(super) enum Taken {
    /// Whole lines, in their order; possibly none after a quiet while.
    Lines(Vec<u8>),
    /// The queue is closed and empty.
    End,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Queue {
        let state = State {
            lanes: BTreeMap::new(),
            next: 0,
            lines: 0,
            bytes: 0,
            lost: Lost::new(),
            repeats: Repeats::new(limits.repeat),
            taken: 0,
            closing: false,
            ended: false,
        };
        Queue { state: Mutex::new(state), came: Condvar::new(), written: Condvar::new(), limits }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line, or counts it.
    pub(super) fn push(&self, now: Instant, line: Line) {
        let mut state = self.lock();
        if state.closing {
            return;
        }
        self.tell_repeats(&mut state, now);
        let counted = line.repeats.as_ref().is_some_and(|key| state.repeats.note(now, line.level, key) == Verdict::Counted);
        if !counted {
            state.admit(line.level, line.text, self.limits);
            self.came.notify_one();
        }
    }

    fn tell_repeats(&self, state: &mut State, now: Instant) {
        let over = if state.closing { state.repeats.end_all() } else { state.repeats.ended(now) };
        for Repeated { level, text, times } in over {
            state.admit(level, line::own(level, &format!("{text} (and {times} times more)")), self.limits);
        }
    }

    /// Waits at most `patience` for lines and takes up to `most` bytes of them (at least one line).
    pub(super) fn take(&self, most: usize, patience: Duration) -> Taken {
        let mut state = self.lock();
        if state.lines == 0 && !state.closing {
            state = self.came.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.tell_repeats(&mut state, Instant::now());
        if state.lines == 0 && state.closing {
            return Taken::End;
        }
        let mut batch = Vec::new();
        while let Some(text) = state.oldest(if batch.is_empty() { usize::MAX } else { most.saturating_sub(batch.len()) }) {
            batch.extend_from_slice(text.as_bytes());
            state.taken += 1;
        }
        Taken::Lines(batch)
    }

    /// What was taken is written.
    pub(super) fn settle(&self) {
        self.lock().taken = 0;
        self.written.notify_all();
    }

    /// The writer is gone, with everything written or after giving up.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.written.notify_all();
    }

    /// What was lost since this was last asked.
    pub(super) fn lost(&self) -> Lost {
        std::mem::take(&mut self.lock().lost)
    }

    /// Sleeps; an end of the queue cuts it short and is told.
    pub(super) fn pause(&self, length: Duration) -> bool {
        let closing = |state: &mut State| !state.closing;
        self.came.wait_timeout_while(self.lock(), length, closing).unwrap_or_else(PoisonError::into_inner).0.closing
    }

    /// Takes no further line.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.came.notify_all();
    }

    /// Waits until everything is written, and the writer gone where the queue is closed; how many lines are not.
    pub(super) fn wait_until_written(&self, until: Instant) -> usize {
        let mut state = self.lock();
        loop {
            let left = state.lines + state.taken;
            let patience = until.saturating_duration_since(Instant::now());
            if state.ended || (left == 0 && !state.closing) || patience.is_zero() {
                return left;
            }
            state = self.written.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    /// Makes room by losing what is less important than `level`, then takes the line or loses it.
    fn admit(&mut self, level: Level, text: Arc<str>, limits: Limits) {
        while self.lines >= limits.lines || self.bytes + text.len() > limits.bytes {
            let victim = self.lanes.iter_mut().rev().find(|(_, lane)| !lane.is_empty()).filter(|(other, _)| **other > level);
            let Some((victim, lane)) = victim else {
                *self.lost.entry(level).or_default() += 1;
                return;
            };
            *self.lost.entry(*victim).or_default() += 1;
            if let Some((_, text)) = lane.pop_front() {
                self.lines -= 1;
                self.bytes -= text.len();
            }
        }
        self.lines += 1;
        self.bytes += text.len();
        self.lanes.entry(level).or_default().push_back((self.next, text));
        self.next += 1;
    }

    /// The line that came first, unless it is longer than `most`.
    fn oldest(&mut self, most: usize) -> Option<Arc<str>> {
        let lane = self.lanes.values_mut().filter(|lane| !lane.is_empty()).min_by_key(|lane| lane.front().map(|(number, _)| *number))?;
        if lane.front().is_some_and(|(_, text)| text.len() > most) {
            return None;
        }
        let (_, text) = lane.pop_front()?;
        self.lines -= 1;
        self.bytes -= text.len();
        Some(text)
    }
}

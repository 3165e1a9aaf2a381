//! Where a job could die: named points between the write of a step and its outcome, for tests that kill it there.

use std::future::Future;
use std::pin::Pin;

/// The four points of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// Before the round with this step is written.
    BeforeWrite,
    /// The round is on the disk, nothing of the step is done.
    AfterWrite,
    /// The step has acted, nobody knows.
    AfterAct,
    /// Right before the outcome is taken to account: the commit mark, or the next round.
    BeforeOutcome,
}

impl Point {
    /// All points, in the order a step passes them.
    pub const ALL: [Point; 4] = [Point::BeforeWrite, Point::AfterWrite, Point::AfterAct, Point::BeforeOutcome];

    /// The name used to ask for it.
    pub const fn name(self) -> &'static str {
        match self {
            Point::BeforeWrite => "before-write",
            Point::AfterWrite => "after-write",
            Point::AfterAct => "after-act",
            Point::BeforeOutcome => "before-outcome",
        }
    }
}

/// Told whenever a job passes a point. It may not return: a process that died there would not either.
pub trait Probe: Send + Sync + 'static {
    /// The job of `verb` passes `point` of the step `kind`.
    fn pass<'a>(&'a self, verb: &'a str, kind: &'a str, point: Point) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

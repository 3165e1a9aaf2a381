//! The hook points that are served, with VDSM's rules for each: what the document is, whether failure stops the operation, and
//! whether edits are used (VDSM 3.3 `hooks.py` and its call sites).

/// A hook point.
#[derive(Debug, PartialEq, Eq)]
pub struct Point {
    /// VDSM's name.
    pub name: &'static str,
    /// Whether a failure of the chain fails the operation.
    pub aborts: bool,
    /// Whether edits are applied. Where they are not, an edit is refused and logged.
    pub edits: bool,
}

static POINTS: &[Point] = &[
    Point { name: "before_vm_start", aborts: true, edits: true },
    Point { name: "after_vm_start", aborts: false, edits: false },
    Point { name: "before_vm_destroy", aborts: false, edits: false },
    Point { name: "after_vm_destroy", aborts: false, edits: false },
];

/// The point of that name, when it is served.
pub fn find(name: &str) -> Option<&'static Point> {
    POINTS.iter().find(|point| point.name == name)
}

/// The names of all that are served.
pub fn names() -> impl Iterator<Item = &'static str> {
    POINTS.iter().map(|point| point.name)
}

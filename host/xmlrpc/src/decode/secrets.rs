//! Following secret paths while a call is read, so that a secret is known as one before it is stored anywhere.

use vdsm_core::descriptor::{ArgumentPath, Segment};

/// Where the value being read stands relative to the secret paths of the method.
#[derive(Debug)]
pub(super) struct Follow<'p> {
    /// What is left of each path that leads below this value.
    below: Vec<&'p [Segment]>,
    secret: bool,
}

impl<'p> Follow<'p> {
    /// No path at all.
    pub(super) fn nothing() -> Follow<'p> {
        Follow { below: Vec::new(), secret: false }
    }

    /// At the array of arguments.
    pub(super) fn from_root(paths: &'p [ArgumentPath]) -> Follow<'p> {
        Follow { below: paths.iter().map(ArgumentPath::segments).collect(), secret: false }
    }

    /// Whether the value is at or below the end of a path.
    pub(super) fn is_secret(&self) -> bool {
        self.secret
    }

    /// At item `index` of this array.
    pub(super) fn item(&self, index: usize) -> Follow<'p> {
        self.step(|name| name.parse() == Ok(index))
    }

    /// At member `key` of this struct.
    pub(super) fn member(&self, key: &str) -> Follow<'p> {
        self.step(|name| name == key)
    }

    fn step(&self, fits: impl Fn(&str) -> bool) -> Follow<'p> {
        let mut next = Follow { below: Vec::new(), secret: self.secret };
        for path in &self.below {
            let Some((first, rest)) = path.split_first() else { continue };
            let here = match first {
                Segment::Every => true,
                Segment::Name(name) => fits(name),
            };
            match (here, rest.is_empty()) {
                (true, true) => next.secret = true,
                (true, false) => next.below.push(rest),
                (false, _) => {}
            }
        }
        next
    }
}

//! Every verb name VDSM ever had on XML-RPC, so that one without a module is refused as VDSM refuses, and not as unknown; and the
//! names that managers declare though no VDSM had them, which are unknown.
//!
//! Also the statuses that answer a call before any module sees it: not served, refused module, wrong number of arguments, recovery.

mod verbs;

use std::ops::RangeInclusive;

pub use verbs::ENTRIES;

use crate::descriptor::{ArgumentPath, Plane};
use crate::errors::Code;
use crate::status::Status;

/// The release that brought a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// 3.3 or before: the reference.
    V3_3,
    /// 3.4.
    V3_4,
    /// 3.5.
    V3_5,
    /// 3.6.
    V3_6,
    /// 4.0.
    V4_0,
    /// 4.1, the last release with XML-RPC.
    V4_1,
    /// 3.3, only with the gluster extension.
    Gluster3_3,
    /// After 3.3, only with the gluster extension.
    Gluster4_0,
    /// Managers declare it, no VDSM had it: unknown, as it always was.
    Never,
}

/// What is known of a verb whether or not a module serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The XML-RPC method name.
    pub name: &'static str,
    /// The table it belongs to.
    pub plane: Plane,
    /// When it appeared.
    pub since: Since,
    /// How many arguments it takes in the release that brought it; all numbers where that is not on record.
    pub arguments: RangeInclusive<usize>,
    /// Paths of its secret arguments; see [`Entry::secret_paths`].
    pub secrets: &'static [&'static str],
}

impl Entry {
    /// Whether some VDSM had it; else managers only declare it, and a call of it is a fault.
    pub fn is_verb(&self) -> bool {
        self.since != Since::Never
    }

    /// Paths of arguments that must not be kept or printed.
    pub fn secret_paths(&self) -> impl Iterator<Item = ArgumentPath> {
        self.secrets.iter().filter_map(|path| ArgumentPath::parse(path).ok())
    }
}

/// What is known of the verb `name`.
pub fn lookup(name: &str) -> Option<&'static Entry> {
    let at = ENTRIES.binary_search_by(|entry| entry.name.cmp(name)).ok()?;
    ENTRIES.get(at)
}

/// The answer to a call of `name` when no module serves it; none: VDSM knows no such verb, which is a fault.
pub fn unserved(name: &str) -> Option<Status> {
    let entry = lookup(name).filter(|entry| entry.is_verb())?;
    let code = match entry.plane {
        Plane::Global => Code::NotImplemented,
        Plane::Storage => Code::NotImplementedException,
    };
    Some(code.with(format!("no module serves {name}")))
}

/// The answer to a call of `name` when `module`, which serves it, was refused at load.
pub fn refused(name: &str, plane: Plane, module: &str) -> Status {
    let code = match plane {
        Plane::Global => Code::Unexpected,
        Plane::Storage => Code::NotImplementedException,
    };
    code.with(format!("module {module}, which serves {name}, was refused"))
}

/// The answer to a call of `name` with `given` arguments where it takes `takes`.
pub fn wrong_arity(name: &str, plane: Plane, takes: &RangeInclusive<usize>, given: usize) -> Status {
    let detail = format!("{name} takes {} but {given} came", count(takes));
    match plane {
        Plane::Global => Code::Unexpected.with(detail),
        Plane::Storage => {
            let arguments = i64::try_from(given).unwrap_or(i64::MAX);
            Status { detail, ..Code::InvalidParameterException.about(&["arguments".into(), arguments.into()]) }
        }
    }
}

fn count(takes: &RangeInclusive<usize>) -> String {
    match (takes.start(), takes.end()) {
        (0, 0) => "no arguments".to_owned(),
        (1, 1) => "1 argument".to_owned(),
        (least, most) if least == most => format!("{least} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    }
}

/// The answer to a global verb while the host finds its machines again.
pub fn recovering() -> Status {
    Code::Recovery.status()
}

//! What a verb is, as data: stated once by the module that serves it, read by everything that must not run a module to know it.
//!
//! From the descriptor alone the host answers introspection, checks arity, masks secrets, answers 99 during recovery, takes
//! leases and makes handles (design section 3).

use serde::{Deserialize, Serialize};

use crate::status::Status;
use crate::tree::Value;

/// Which table of VDSM's the verb belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plane {
    /// Virtual machines, host and network: answers 99 while the host recovers; success message `Done`.
    Global,
    /// Storage: served during recovery; success message `OK`.
    Storage,
}

/// Whether a job of this verb shows among VDSM's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Face {
    /// It does not.
    None,
    /// A task of this host (`hsm`).
    HsmTask,
    /// A task of the storage pool manager, persisted on the master domain.
    SpmTask,
}

/// How a lease is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Access {
    /// With others.
    Shared,
    /// Alone.
    Exclusive,
}

/// What to do when somebody holds the lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenBusy {
    /// Wait so many milliseconds, then refuse with the verb's default error.
    Wait(u32),
    /// Refuse at once.
    Refuse(Status),
    /// Cancel the holder, then take its place before anyone else.
    Cancel,
}

/// A busy rule: the first whose `holder` fits applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    /// The verb that holds the lease; empty fits any.
    pub holder: String,
    /// What to do then.
    pub then: WhenBusy,
}

/// A thing the verb is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// `vm`, `connection`, …: a kind some room knows.
    pub kind: String,
    /// Where its id stands in the arguments, `*` for every item: `0.vmId`, `0.devices.*`.
    pub path: ArgumentPath,
    /// None: a handle, no lease.
    pub access: Option<Access>,
    /// What to do when the lease is held; none fits: wait until the verb's deadline.
    pub busy: Vec<Busy>,
}

/// One positional argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// VDSM's name.
    pub name: String,
    /// The type as documentation: `string`, `int`, `struct`, …. Leniency is the module's.
    pub shape: String,
    /// Whether it may be left out. Optional parameters come last.
    pub optional: bool,
    /// One line for `system.methodHelp`.
    pub help: String,
}

/// A verb as its module describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The XML-RPC method name.
    pub name: String,
    /// The table it belongs to.
    pub plane: Plane,
    /// Whether it shows as a task.
    pub face: Face,
    /// One line.
    pub help: String,
    /// Positional arguments in VDSM's order.
    pub parameters: Vec<Parameter>,
    /// Paths of arguments that become [`crate::held::Held::Secret`] while they are decoded.
    pub secrets: Vec<ArgumentPath>,
    /// What it is about; leases are taken in the global order whatever the order here.
    pub subjects: Vec<Subject>,
    /// Milliseconds from arrival to the answer.
    pub answer_ms: u32,
    /// Answered when something unexpected happens.
    pub default_error: Status,
}

impl Descriptor {
    /// How many arguments a call may have at least and at most.
    pub fn arity(&self) -> std::ops::RangeInclusive<usize> {
        let required = self.parameters.iter().filter(|parameter| !parameter.optional).count();
        required..=self.parameters.len()
    }
}

/// A path into the array of arguments: numbers, member names and `*`, joined by dots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArgumentPath(Vec<Segment>);

/// One part of an [`ArgumentPath`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// An item of an array by number, or a member of that name.
    Name(String),
    /// Every item or member.
    Every,
}

/// Why a text is no path.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no argument path: parts joined by single dots, the first an argument number")]
pub struct PathError(String);

impl TryFrom<String> for ArgumentPath {
    type Error = PathError;
    fn try_from(text: String) -> Result<Self, PathError> {
        ArgumentPath::parse(&text)
    }
}

impl From<ArgumentPath> for String {
    fn from(path: ArgumentPath) -> String {
        path.to_string()
    }
}

impl std::fmt::Display for ArgumentPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(match segment {
                Segment::Name(name) => name,
                Segment::Every => "*",
            })?;
        }
        Ok(())
    }
}

impl ArgumentPath {
    /// Reads `0.vmId` or `0.devices.*.path`.
    pub fn parse(text: &str) -> Result<ArgumentPath, PathError> {
        let segments: Vec<Segment> =
            text.split('.').map(|part| if part == "*" { Segment::Every } else { Segment::Name(part.to_owned()) }).collect();
        let numbered = matches!(segments.first(), Some(Segment::Every))
            || matches!(segments.first(), Some(Segment::Name(name)) if name.parse::<u16>().is_ok());
        let complete = !segments.iter().any(|segment| matches!(segment, Segment::Name(name) if name.is_empty()));
        if numbered && complete { Ok(ArgumentPath(segments)) } else { Err(PathError(text.to_owned())) }
    }

    /// The parts, for a decoder that follows the path while it reads.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Every value the path leads to in `arguments`.
    pub fn find<'a>(&self, arguments: Value<'a>) -> Vec<Value<'a>> {
        let mut found = vec![arguments];
        for segment in &self.0 {
            found = found
                .into_iter()
                .flat_map(|value| -> Vec<Value<'a>> {
                    match segment {
                        Segment::Every => value.items().collect(),
                        Segment::Name(name) => match value.get(name) {
                            Some(member) => vec![member],
                            None => name.parse().ok().and_then(|index| value.item(index)).into_iter().collect(),
                        },
                    }
                })
                .collect();
        }
        found
    }
}

//! Death on order, for the tests that kill the real daemon at every point of every step.
//!
//! `VDSMD_DIE_AT=verb/step/point#n` makes the process kill itself with signal 9 when jobs pass there the nth time; `VDSMD_POINTS=FILE`
//! writes down every point that is passed, which is how the tests learn what there is to kill. Unset, nothing is looked at.

use std::collections::HashMap;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use vdsm_core::jobs::{Point, Probe};

struct Deadly {
    die_at: Option<String>,
    points: Option<PathBuf>,
    /// How often each point was passed: a job may have two steps of a kind.
    passed: Mutex<HashMap<String, u32>>,
}

impl Deadly {
    fn nth(&self, place: &str) -> u32 {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let count = passed.entry(place.to_owned()).or_default();
        *count += 1;
        *count
    }
}

/// The probe the environment asks for, if any.
pub(super) fn from_environment() -> Option<Arc<dyn Probe>> {
    let die_at = std::env::var("VDSMD_DIE_AT").ok();
    let points = std::env::var_os("VDSMD_POINTS").map(PathBuf::from);
    (die_at.is_some() || points.is_some()).then(|| Arc::new(Deadly { die_at, points, passed: Mutex::default() }) as Arc<dyn Probe>)
}

impl Probe for Deadly {
    fn pass<'a>(&'a self, verb: &'a str, kind: &'a str, point: Point) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        let place = format!("{verb}/{kind}/{}", point.name());
        let here = format!("{place}#{}", self.nth(&place));
        if let Some(file) = &self.points
            && let Err(error) = note(file, &here)
        {
            tracing::error!(%error, "a point could not be written down");
        }
        if self.die_at.as_ref() == Some(&here) {
            // Signal 9 to ourselves: nothing is flushed, nothing is closed. It cannot fail for our own pid.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            return Box::pin(std::future::pending());
        }
        Box::pin(std::future::ready(()))
    }
}

fn note(file: &PathBuf, here: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
    file.write_all(format!("{here}\n").as_bytes())
}

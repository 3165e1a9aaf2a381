//! Death on order, for the tests that kill the real daemon at every point of every step.
//!
//! `VDSMD_DIE_AT=verb/step/point` makes the process kill itself with signal 9 when a job passes there; `VDSMD_POINTS=FILE` writes
//! down every point that is passed, which is how the tests learn what there is to kill. Unset, nothing is looked at.

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use vdsm_core::jobs::{Point, Probe};

struct Deadly {
    die_at: Option<String>,
    points: Option<PathBuf>,
}

/// The probe the environment asks for, if any.
pub(super) fn from_environment() -> Option<Arc<dyn Probe>> {
    let die_at = std::env::var("VDSMD_DIE_AT").ok();
    let points = std::env::var_os("VDSMD_POINTS").map(PathBuf::from);
    (die_at.is_some() || points.is_some()).then(|| Arc::new(Deadly { die_at, points }) as Arc<dyn Probe>)
}

impl Probe for Deadly {
    fn pass<'a>(&'a self, verb: &'a str, kind: &'a str, point: Point) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        let here = format!("{verb}/{kind}/{}", point.name());
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

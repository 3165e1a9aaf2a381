//! Statistics of machines, shaped by the module that serves them and kept encoded.
//!
//! A call takes what is kept and shapes only what is stale: a machine whose figures, record or shaping module changed, or whose
//! structure holds a running time and is a second old. A shaper that fails costs freshness, not the answer: what was kept is served.

mod metric;
mod sample;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use vdsm_core::clock;
use vdsm_core::held::{Held, HeldTable};
use vdsm_core::tree::{Tree, Value};
use vdsm_modules::shaper::{ShapeError, Shaper};

use crate::libvirt::sampler::Sampler;
use crate::libvirt::{Samples, VmSamples};
use crate::room::Room;
use crate::vm::record::VmView;
use crate::vm::state::State;
use sample::{Moment, sample};

/// How long a structure with a running time in it may be served.
const FRESH: Duration = Duration::from_secs(1);
/// Older structures than this are served as a failure: VDSM calls a monitor silent then.
const OUTDATED: Duration = Duration::from_secs(60);

/// Encodes a value for the wire, with what it holds by name; none: it holds what the wire cannot carry.
pub type Encoder = Arc<dyn for<'a> Fn(Value<'a>, &HeldTable) -> Option<Arc<[u8]>> + Send + Sync>;

/// Where the newest figures of all machines are read: the sampler's memory.
pub trait Figures: Send + Sync + 'static {
    /// What is known now; never waits.
    fn latest(&self) -> Arc<Samples>;
}

impl Figures for Sampler {
    fn latest(&self) -> Arc<Samples> {
        self.samples()
    }
}

/// A machine's structure, encoded, with what it was made from.
struct Fragment {
    version: u64,
    figures: Option<Arc<VmSamples>>,
    generation: u64,
    /// When it was made; none: nothing in it runs on.
    aging_since: Option<Instant>,
    bytes: Arc<[u8]>,
}

impl Fragment {
    fn age(&self, now: Instant) -> Duration {
        self.aging_since.map_or(Duration::ZERO, |made| now.saturating_duration_since(made))
    }

    fn is_fresh(&self, view: &VmView, figures: Option<&Arc<VmSamples>>, generation: u64, now: Instant) -> bool {
        let same_figures = match (&self.figures, figures) {
            (Some(mine), Some(latest)) => Arc::ptr_eq(mine, latest),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let young = self.aging_since.is_none_or(|made| now.saturating_duration_since(made) < FRESH);
        self.version == view.version && same_figures && self.generation == generation && young
    }
}

/// Serves statistics.
pub struct Statistics {
    room: Arc<Room>,
    figures: Arc<dyn Figures>,
    shaper: Arc<dyn Shaper>,
    encoder: Encoder,
    /// Held while shaping: callers that come meanwhile find the result instead of shaping it again.
    fragments: Mutex<HashMap<String, Fragment>>,
    /// The array of all structures as it was encoded last, for as long as they are the same.
    joined: Mutex<Option<Joined>>,
    failing: AtomicBool,
}

/// Structures, and the array of them.
struct Joined {
    structures: Vec<Arc<[u8]>>,
    bytes: Arc<[u8]>,
}

impl Joined {
    fn is_of(&self, structures: &[Arc<[u8]>]) -> bool {
        self.structures.len() == structures.len() && self.structures.iter().zip(structures).all(|(mine, other)| Arc::ptr_eq(mine, other))
    }
}

impl Statistics {
    pub(crate) fn new(room: Arc<Room>, figures: Arc<dyn Figures>, shaper: Arc<dyn Shaper>, encoder: Encoder) -> Statistics {
        Statistics {
            room,
            figures,
            shaper,
            encoder,
            fragments: Mutex::default(),
            joined: Mutex::default(),
            failing: AtomicBool::new(false),
        }
    }

    /// The structure of one machine, encoded. None: there is no such machine.
    pub async fn of_one(&self, id: &str) -> Result<Option<Arc<[u8]>>, ShapeError> {
        match self.room.vms.get(id) {
            Some(view) => Ok(self.of(std::slice::from_ref(&view)).await?.pop()),
            None => Ok(None),
        }
    }

    /// The structures of all machines, encoded, in the order of their ids. Never a part of them.
    pub async fn of_all(&self) -> Result<Vec<Arc<[u8]>>, ShapeError> {
        let view = self.room.vms.view();
        let machines: Vec<_> = view.values().cloned().collect();
        let structures = self.of(&machines).await?;
        let mut fragments = self.fragments.lock().await;
        if fragments.len() > view.len() {
            fragments.retain(|id, _| self.room.vms.get(id).is_some());
        }
        Ok(structures)
    }

    /// The array of the structures of all machines, encoded.
    pub async fn all(&self) -> Result<Arc<[u8]>, ShapeError> {
        let structures = self.of_all().await?;
        let mut joined = self.joined.lock().await;
        if let Some(known) = joined.as_ref().filter(|known| known.is_of(&structures)) {
            return Ok(known.bytes.clone());
        }
        let held = HeldTable::new();
        let array = Tree::array(|out| {
            for bytes in &structures {
                out.held(held.keep(Held::Encoded(bytes.clone())));
            }
        });
        let bytes =
            (self.encoder)(array.root(), &held).ok_or_else(|| ShapeError("the list of all is more than the wire carries".into()))?;
        *joined = Some(Joined { structures, bytes: bytes.clone() });
        Ok(bytes)
    }

    /// What a memory policy may know of each machine that is up (`wit/deps/policy/metrics.md`). A machine whose last sample is older
    /// than `max_age` has no numbers.
    pub fn memory_figures(&self, max_age: Duration) -> Vec<(String, Vec<(u32, f64)>)> {
        let moment = Moment { wall: clock::now(), steady: Instant::now(), samples: self.figures.latest() };
        let view = self.room.vms.view();
        let up = view.values().filter(|view| view.record.machine.state() == State::Up);
        up.map(|view| (view.record.id.clone(), sample::memory_figures(&view.record, &moment, max_age))).collect()
    }

    async fn of(&self, machines: &[Arc<VmView>]) -> Result<Vec<Arc<[u8]>>, ShapeError> {
        let mut fragments = self.fragments.lock().await;
        let moment = Moment { wall: clock::now(), steady: Instant::now(), samples: self.figures.latest() };
        let generation = self.shaper.generation();
        let stale: Vec<_> = machines
            .iter()
            .filter(|view| {
                let kept = fragments.get(&view.record.id);
                !kept.is_some_and(|kept| kept.is_fresh(view, moment.figures(&view.record.id), generation, moment.steady))
            })
            .collect();
        if !stale.is_empty() {
            self.report(self.shape(&stale, &moment, generation, &mut fragments).await);
        }
        // What is kept may be of an older sample when shaping fails, but not of another state of the machine, and not for ever.
        let structure = |view: &Arc<VmView>| {
            let kept = fragments.get(&view.record.id).filter(|kept| kept.version == view.version && kept.age(moment.steady) < OUTDATED);
            kept.map(|kept| kept.bytes.clone())
                .ok_or_else(|| ShapeError(format!("there is no structure of {} as it is now", view.record.id)))
        };
        machines.iter().map(structure).collect()
    }

    async fn shape(
        &self,
        stale: &[&Arc<VmView>],
        moment: &Moment,
        generation: u64,
        fragments: &mut HashMap<String, Fragment>,
    ) -> Result<(), ShapeError> {
        let samples: Vec<_> = stale.iter().map(|view| sample(&view.record, moment)).collect();
        let structures = self.shaper.shape(samples).await?;
        if structures.root().len() != stale.len() {
            return Err(ShapeError(format!("{} structures for {} machines", structures.root().len(), stale.len())));
        }
        let nothing = HeldTable::new();
        let mut failed = Ok(());
        for (view, structure) in stale.iter().zip(structures.root().items()) {
            let id = &view.record.id;
            let Some(bytes) = (self.encoder)(structure, &nothing) else {
                // One machine's: the others are served.
                failed = Err(ShapeError(format!("the structure of {id} holds what the wire has no type for")));
                continue;
            };
            let aging_since = (view.record.machine.state() != State::Down).then_some(moment.steady);
            let figures = moment.figures(id).cloned();
            fragments.insert(id.clone(), Fragment { version: view.version, figures, generation, aging_since, bytes });
        }
        failed
    }

    /// One line when shaping begins to fail and one when it does again what it should.
    fn report(&self, result: Result<(), ShapeError>) {
        let failed = result.is_err();
        if self.failing.swap(failed, Ordering::Relaxed) == failed {
            return;
        }
        match result {
            Ok(()) => tracing::info!("statistics are shaped again"),
            Err(error) => tracing::error!(%error, "statistics stay as they were"),
        }
    }
}

#[cfg(test)]
mod tests;

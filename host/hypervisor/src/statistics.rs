//! Statistics of machines, shaped by the module that serves them and kept encoded.
//!
//! A call takes what is kept and shapes only what is stale: a machine whose figures, record or shaping module changed, or whose
//! structure holds a running time and is a second old. A shaper that fails costs freshness, not the answer: what was kept is served.

mod metric;
mod outline;
mod sample;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Mutex;
use vdsm_core::clock;
use vdsm_core::held::ArrayEncoder;
pub use vdsm_core::held::EncodeArray as Encoder;
use vdsm_core::tree::Tree;
use vdsm_modules::shaper::{self, ShapeError, Shaper};

use crate::libvirt::sampler::Sampler;
use crate::libvirt::{Samples, VmSamples};
use crate::room::Room;
use crate::vm::record::{View, VmView};
use crate::vm::state::State;
use outline::Outline;
use sample::{Moment, sample};

/// How long a structure with a running time in it may be served.
const FRESH: Duration = Duration::from_secs(1);
/// Older structures than this are served as a failure: VDSM calls a monitor silent then.
const OUTDATED: Duration = Duration::from_secs(60);

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
    /// Of that version.
    outline: Arc<Outline>,
    figures: Option<Arc<VmSamples>>,
    generation: u64,
    /// When it was made; none: nothing in it runs on.
    aging_since: Option<Instant>,
    bytes: Bytes,
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
    kept: Mutex<Kept>,
    failing: AtomicBool,
}

/// What was encoded last.
#[derive(Default)]
struct Kept {
    fragments: HashMap<String, Fragment>,
    whole: Option<Whole>,
}

impl Kept {
    /// Machines that are gone leave nothing behind.
    fn forget_all_but(&mut self, view: &View) {
        if self.fragments.len() > view.len() {
            self.fragments.retain(|id, _| view.contains_key(id));
        }
    }
}

/// The array of all fragments, with what shows that each of them is fresh without looking at each.
struct Whole {
    view: Arc<View>,
    samples: Arc<Samples>,
    generation: u64,
    /// Since when the oldest of them ages.
    aging_since: Option<Instant>,
    bytes: Bytes,
}

impl Whole {
    fn is_fresh(&self, view: &Arc<View>, moment: &Moment, generation: u64) -> bool {
        let young = self.aging_since.is_none_or(|made| moment.steady.saturating_duration_since(made) < FRESH);
        Arc::ptr_eq(&self.view, view) && Arc::ptr_eq(&self.samples, &moment.samples) && self.generation == generation && young
    }
}

/// A machine whose structure is wanted.
struct Wanted<'v> {
    view: &'v Arc<VmView>,
    /// When it is to be shaped: what its record tells.
    stale: Option<Arc<Outline>>,
}

impl Statistics {
    pub(crate) fn new(room: Arc<Room>, figures: Arc<dyn Figures>, shaper: Arc<dyn Shaper>, encoder: Encoder) -> Statistics {
        Statistics { room, figures, shaper, encoder, kept: Mutex::default(), failing: AtomicBool::new(false) }
    }

    /// The structure of one machine, encoded. None: there is no such machine.
    pub async fn of_one(&self, id: &str) -> Result<Option<Bytes>, ShapeError> {
        let mut kept = self.kept.lock().await;
        let Some(view) = self.room.vms.get(id) else { return Ok(None) };
        let (moment, generation) = (self.moment(), self.shaper.generation());
        let wanted = wanted(std::iter::once(&view), &kept.fragments, &moment, generation);
        if wanted.iter().any(|wanted| wanted.stale.is_some()) {
            // Its fragment is another one now.
            kept.whole = None;
            self.write(&wanted, &moment, generation, &mut kept.fragments).await?;
            kept.forget_all_but(&self.room.vms.view());
        }
        Ok(kept.fragments.get(id).map(|fragment| fragment.bytes.clone()))
    }

    /// The array of the structures of all machines, encoded, in the order of their ids. Never a part of them.
    pub async fn all(&self) -> Result<Bytes, ShapeError> {
        let mut kept = self.kept.lock().await;
        let kept = &mut *kept;
        let (view, moment, generation) = (self.room.vms.view(), self.moment(), self.shaper.generation());
        if let Some(whole) = kept.whole.as_ref().filter(|whole| whole.is_fresh(&view, &moment, generation)) {
            return Ok(whole.bytes.clone());
        }
        let wanted = wanted(view.values(), &kept.fragments, &moment, generation);
        let unchanged = wanted.iter().all(|wanted| wanted.stale.is_none());
        let same = kept.whole.take().filter(|whole| unchanged && Arc::ptr_eq(&whole.view, &view));
        let bytes = match same {
            Some(whole) => whole.bytes,
            None => self.write(&wanted, &moment, generation, &mut kept.fragments).await?,
        };
        kept.forget_all_but(&view);
        // After a failure some are of an older sample: the next call tries again.
        if !self.failing.load(Ordering::Relaxed) {
            let aging_since = kept.fragments.values().filter_map(|fragment| fragment.aging_since).min();
            kept.whole = Some(Whole { view, samples: moment.samples, generation, aging_since, bytes: bytes.clone() });
        }
        Ok(bytes)
    }

    fn moment(&self) -> Moment {
        Moment { wall: clock::now(), steady: Instant::now(), samples: self.figures.latest() }
    }

    /// What a memory policy may know of each machine that is up (`wit/deps/policy/metrics.md`). A machine whose last sample is older
    /// than `max_age` has no numbers.
    pub fn memory_figures(&self, max_age: Duration) -> Vec<(String, Vec<(u32, f64)>)> {
        let moment = self.moment();
        let view = self.room.vms.view();
        let up = view.values().filter(|view| view.record.machine.state() == State::Up);
        up.map(|view| (view.record.id.clone(), sample::memory_figures(&view.record, &moment, max_age))).collect()
    }

    /// Shapes what is stale and writes the array of what is wanted, of which each fragment is a part from then on.
    async fn write(
        &self,
        wanted: &[Wanted<'_>],
        moment: &Moment,
        generation: u64,
        fragments: &mut HashMap<String, Fragment>,
    ) -> Result<Bytes, ShapeError> {
        let (structures, shaped) = match self.shape(wanted, moment).await {
            Ok(structures) => (structures, Ok(())),
            Err(error) => (None, Err(error)),
        };
        let nothing = Tree::nil();
        let mut writing = Writing { moment, generation, fragments, failed: shaped, ranges: Vec::with_capacity(wanted.len()) };
        let mut array = (self.encoder)(structures.as_ref().unwrap_or(&nothing));
        let mut missing = None;
        for wanted in wanted {
            let fresh = structures.is_some().then_some(wanted.stale.as_ref()).flatten();
            let failed = writing.fragment(array.as_mut(), wanted.view, fresh).err();
            missing = missing.or(failed);
        }
        let bytes = array.finish();
        let Writing { failed, ranges, fragments, .. } = writing;
        if wanted.iter().any(|wanted| wanted.stale.is_some()) {
            self.report(failed);
        }
        for (id, range) in ranges {
            match (&bytes, fragments.get_mut(id)) {
                (Some(bytes), Some(fragment)) => fragment.bytes = bytes.slice(range),
                _ => _ = fragments.remove(id),
            }
        }
        let bytes = bytes.ok_or_else(|| ShapeError("the list of all is more than the wire carries".into()))?;
        missing.map_or(Ok(bytes), Err)
    }

    /// The structures of what is stale, as an array; none when nothing is.
    async fn shape(&self, wanted: &[Wanted<'_>], moment: &Moment) -> Result<Option<Tree>, ShapeError> {
        let mut samples = shaper::Samples::default();
        for Wanted { view, stale } in wanted {
            if let Some(outline) = stale {
                sample(&mut samples, &view.record, outline, moment);
            }
        }
        let machines = samples.machines();
        if machines == 0 {
            return Ok(None);
        }
        let structures = self.shaper.shape(samples).await?;
        match structures.root().len() {
            shaped if shaped == machines => Ok(Some(structures)),
            shaped => Err(ShapeError(format!("{shaped} structures for {machines} machines"))),
        }
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

/// Which of `machines` are stale.
fn wanted<'v>(
    machines: impl Iterator<Item = &'v Arc<VmView>>,
    fragments: &HashMap<String, Fragment>,
    moment: &Moment,
    generation: u64,
) -> Vec<Wanted<'v>> {
    let wanted = machines.map(|view| {
        let kept = fragments.get(&view.record.id);
        let fresh = kept.is_some_and(|kept| kept.is_fresh(view, moment.figures(&view.record.id), generation, moment.steady));
        let outline = || kept.filter(|kept| kept.version == view.version).map(|kept| kept.outline.clone());
        let stale = (!fresh).then(|| outline().unwrap_or_else(|| Arc::new(Outline::of(&view.record))));
        Wanted { view, stale }
    });
    wanted.collect()
}

/// An array being written.
struct Writing<'w> {
    moment: &'w Moment,
    generation: u64,
    fragments: &'w mut HashMap<String, Fragment>,
    failed: Result<(), ShapeError>,
    /// Where in the array the fragments lie.
    ranges: Vec<(&'w str, Range<usize>)>,
}

impl<'w> Writing<'w> {
    /// Writes the structure of one machine: the next of those that were shaped, where it is `fresh`, else the kept one.
    fn fragment(&mut self, array: &mut dyn ArrayEncoder, view: &'w VmView, fresh: Option<&Arc<Outline>>) -> Result<(), ShapeError> {
        let id = view.record.id.as_str();
        if let Some(outline) = fresh {
            match array.next() {
                Some(range) => {
                    self.take(view, outline);
                    self.ranges.push((id, range));
                    return Ok(());
                }
                // One machine's: the others' are new all the same, and each of them can be asked for.
                None => self.failed = Err(ShapeError(format!("the structure of {id} holds what the wire has no type for"))),
            }
        }
        // What is kept may be of an older sample when shaping fails, but not of another state of the machine, and not for ever.
        let kept = self.fragments.get(id).filter(|kept| kept.version == view.version && kept.age(self.moment.steady) < OUTDATED);
        let kept = kept.ok_or_else(|| ShapeError(format!("there is no structure of {id} as it is now")))?;
        self.ranges.push((id, array.kept(&kept.bytes)));
        Ok(())
    }

    /// Notes what a fragment is made from; its bytes come with the whole.
    fn take(&mut self, view: &VmView, outline: &Arc<Outline>) {
        let id = view.record.id.as_str();
        let fragment = Fragment {
            version: view.version,
            outline: outline.clone(),
            figures: self.moment.figures(id).cloned(),
            generation: self.generation,
            aging_since: (view.record.machine.state() != State::Down).then_some(self.moment.steady),
            bytes: Bytes::new(),
        };
        match self.fragments.get_mut(id) {
            Some(kept) => *kept = fragment,
            None => _ = self.fragments.insert(id.to_owned(), fragment),
        }
    }
}

#[cfg(test)]
mod tests;

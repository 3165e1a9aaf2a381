//! A chain as a transaction: a failed hook's edit is dropped and the next sees the document before it; nothing is applied unless the
//! point's rule allows. Each hook's diff and time are told and kept for a while.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use vdsm_core::clock;
use vdsm_core::jobs::JobId;
use vdsm_core::tree::Tree;

use crate::call::{self, bindings::hook::exports::vdsm::hook::domain_hook};
use crate::edit_scope;
use crate::hooks::{ChainOutcome, ChainRequest, HookRun, HookRunner};
use crate::manifest::{HookSection, Kind, OnFailure};
use crate::module::Module;
use crate::points::{self, Point};
use crate::registry::Registry;
use crate::state::{CallFacts, SubjectItem};

/// Chains remembered, newest last.
const RECENT: usize = 128;
/// Largest document a hook may return; domain documents are some KB.
const MAX_DOCUMENT: usize = 1 << 20;
/// Largest diff that is told and kept.
const MAX_DIFF: usize = 32 << 10;
/// Longest text of a failure that is told, kept and answered.
const MAX_FAILURE: usize = 2 << 10;
/// How long a diff is sought; past it, it is right but not the shortest.
const DIFF_TIME: Duration = Duration::from_millis(50);

/// A chain that ran.
#[derive(Clone, Debug)]
pub struct RecentChain {
    /// When, in milliseconds since the epoch.
    pub time: u64,
    /// The machine.
    pub vm: String,
    /// The point.
    pub point: String,
    /// What each hook did.
    pub runs: Vec<HookRun>,
    /// Why the point failed, if it did.
    pub failed: Option<String>,
}

/// The last chains, for people.
#[derive(Default)]
pub(crate) struct RecentChains(Mutex<VecDeque<RecentChain>>);

impl RecentChains {
    fn add(&self, chain: RecentChain) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() >= RECENT {
            list.pop_front();
        }
        list.push_back(chain);
    }
}

impl Registry {
    /// The last chains of a machine, oldest first.
    pub fn recent_chains(&self, vm: &str) -> Vec<RecentChain> {
        let list = self.recent.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.iter().filter(|chain| chain.vm == vm).cloned().collect()
    }
}

/// How one hook ended.
enum Ended {
    Kept,
    Edited(String),
    Failed { text: String, stop: bool },
}

#[async_trait::async_trait]
impl HookRunner for Registry {
    async fn run(&self, request: ChainRequest) -> ChainOutcome {
        let generation = self.current();
        let mut outcome = ChainOutcome { document: request.document.clone(), runs: Vec::new(), failed: None };
        let Some(point) = points::find(&request.point) else {
            outcome.failed = Some(format!("no hook point `{}` is served", request.point));
            return outcome;
        };
        let mut failure = None;
        for module in generation.chain(point.name) {
            let Kind::Hook(section) = &module.manifest.kind else { continue };
            let begun = Instant::now();
            let ended = one(module, section, point, &request, &outcome.document).await;
            let mut run = HookRun {
                module: module.manifest.name.clone(),
                digest: module.digest.short().to_owned(),
                micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
                diff: String::new(),
                failure: String::new(),
            };
            let mut stops = false;
            match ended {
                Ended::Kept => {}
                Ended::Edited(document) => {
                    run.diff = diff(&outcome.document, &document);
                    outcome.document = document;
                }
                Ended::Failed { text, stop } => {
                    let text = cut(text, MAX_FAILURE);
                    stops = stop;
                    if section.on_failure == OnFailure::Fail && failure.is_none() {
                        failure = Some(format!("hook {}: {text}", run.module));
                    }
                    run.failure = text;
                }
            }
            tell(&run, &request);
            outcome.runs.push(run);
            if stops {
                break;
            }
        }
        outcome.failed = failure.filter(|_| point.aborts);
        if outcome.failed.is_some() {
            outcome.document.clone_from(&request.document);
        }
        if !outcome.runs.is_empty() {
            self.recent.add(RecentChain {
                time: clock::now(),
                vm: request.vm,
                point: request.point,
                runs: outcome.runs.clone(),
                failed: outcome.failed.clone(),
            });
        }
        outcome
    }
}

fn tell(run: &HookRun, request: &ChainRequest) {
    let (module, point, vm) = (&run.module, &request.point, &request.vm);
    if !run.failure.is_empty() {
        tracing::warn!(
            module,
            digest = run.digest,
            point,
            vm,
            micros = run.micros,
            failure = run.failure,
            "hook failed; its edit is dropped"
        );
    } else if run.diff.is_empty() {
        tracing::debug!(module, digest = run.digest, point, vm, micros = run.micros, "hook kept the document");
    } else {
        tracing::info!(module, digest = run.digest, point, vm, micros = run.micros, diff = run.diff, "hook edited the document");
    }
}

async fn one(module: &Arc<Module>, section: &HookSection, point: &Point, request: &ChainRequest, document: &str) -> Ended {
    let failed = |text: String| Ended::Failed { text, stop: false };
    let properties = match shown(section, &request.properties) {
        Ok(properties) => properties,
        Err(text) => return failed(text),
    };
    let facts = facts(request);
    let snapshot = domain_hook::Snapshot {
        point: request.point.clone(),
        vm_id: request.vm.clone(),
        properties,
        document: document.to_owned(),
        time: facts.time,
        seed: facts.seed,
        note: None,
    };
    match call::edit(module, &facts, &snapshot).await {
        Err(failure) => failed(failure.to_string()),
        Ok(Err(domain_hook::Failure { text, stop })) => Ended::Failed { text, stop },
        Ok(Ok(domain_hook::Verdict::Keep)) => Ended::Kept,
        Ok(Ok(domain_hook::Verdict::Again(_))) => failed("it planned nothing and asks to be called again".into()),
        Ok(Ok(domain_hook::Verdict::Document(edited))) if edited == document => Ended::Kept,
        Ok(Ok(domain_hook::Verdict::Document(_))) if !point.edits => failed(format!("edits are not used at {}", point.name)),
        Ok(Ok(domain_hook::Verdict::Document(edited))) if edited.len() > MAX_DOCUMENT => {
            failed(format!("its document has more than {MAX_DOCUMENT} bytes"))
        }
        Ok(Ok(domain_hook::Verdict::Document(edited))) => match edit_scope::check(document, &edited, &section.edit) {
            Ok(()) => Ended::Edited(edited),
            Err(error) => failed(error.to_string()),
        },
    }
}

/// The properties the manifest names, their values held against its patterns.
fn shown(section: &HookSection, all: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, String> {
    let mut shown = Vec::new();
    for (name, pattern) in &section.properties {
        let Some(value) = all.get(name) else { continue };
        if !pattern.fits(value) {
            return Err(format!("custom property {name} does not match {pattern}"));
        }
        shown.push((name.clone(), value.clone()));
    }
    Ok(shown)
}

fn facts(request: &ChainRequest) -> Arc<CallFacts> {
    let id = uuid::Uuid::new_v4();
    Arc::new(CallFacts {
        descriptor: None,
        arguments: Arc::new(Tree::nil()),
        subjects: vec![vec![SubjectItem { kind: "vm".into(), id: request.vm.clone(), lease: None }]],
        job: JobId(id.to_string()),
        time: clock::now(),
        seed: id.as_u64_pair().0,
        client: Default::default(),
    })
}

fn diff(before: &str, after: &str) -> String {
    let diff = similar::TextDiff::configure().timeout(DIFF_TIME).diff_lines(before, after);
    cut(diff.unified_diff().context_radius(1).to_string(), MAX_DIFF)
}

/// `text`, or as much of it as `most` bytes hold.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str(" (cut)");
    }
    text
}

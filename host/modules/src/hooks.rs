//! Running the hooks of a point: a chain of modules, each seeing the document as edited so far.

use std::collections::BTreeMap;

/// What a chain is asked to do.
#[derive(Clone, Debug)]
pub struct ChainRequest {
    /// VDSM's name of the point, e.g. `before_vm_start`.
    pub point: String,
    /// The machine.
    pub vm: String,
    /// All custom properties of the machine; each hook sees only those its manifest names.
    pub properties: BTreeMap<String, String>,
    /// The document to edit or read.
    pub document: String,
}

/// What one hook of the chain did.
#[derive(Clone, Debug)]
pub struct HookRun {
    /// Module name.
    pub module: String,
    /// First 12 hex digits of the component's digest.
    pub digest: String,
    /// Microseconds of wall time.
    pub micros: u64,
    /// A unified diff of its edit; empty when it made none.
    pub diff: String,
    /// Why it failed; empty when it did not.
    pub failure: String,
}

/// How a chain ended.
#[derive(Clone, Debug)]
pub struct ChainOutcome {
    /// The document after the hooks that did not fail.
    pub document: String,
    /// What each hook did, in order.
    pub runs: Vec<HookRun>,
    /// Set when the point as a whole failed and the point may abort: nothing of the chain is applied.
    pub failed: Option<String>,
}

/// Runs chains. The rooms call it; the module runtime implements it.
#[async_trait::async_trait]
pub trait HookRunner: Send + Sync + 'static {
    /// Runs every hook of the point, in order. Never fails as such: see [`ChainOutcome::failed`].
    async fn run(&self, request: ChainRequest) -> ChainOutcome;
}

//! What a module's store holds during one call: its handles, the steps it has planned, what it may, and its budgets.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use vdsm_core::clock::Millis;
use vdsm_core::descriptor::Descriptor;
use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{JobId, Planned, Step};
use vdsm_core::lease::LeaseKey;
use vdsm_core::tree::Tree;
use wasmtime::component::ResourceTable;

use crate::grant::{Grant, Scope};
use crate::limits::{Budget, MemoryLimiter};
use crate::placed;

/// A thing the call is about, found at a subject's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectItem {
    /// The subject's kind, e.g. `vm`.
    pub kind: String,
    /// Its id as the arguments name it.
    pub id: String,
    /// The lease the call holds on it, when the descriptor asks for one.
    pub lease: Option<LeaseKey>,
}

/// Who called.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// The caller's address; empty on the control socket.
    pub peer: String,
    /// Our address of this connection; empty on the control socket.
    pub local: String,
}

/// What is fixed about a call, whatever module handles it.
#[derive(Debug)]
pub struct CallFacts {
    /// The verb's descriptor; none for hooks and policies.
    pub descriptor: Option<Arc<Descriptor>>,
    /// The decoded arguments, secrets held.
    pub arguments: Arc<Tree>,
    /// Items of each subject of the descriptor, in its order.
    pub subjects: Vec<Vec<SubjectItem>>,
    /// The job.
    pub job: JobId,
    /// When the call arrived.
    pub time: Millis,
    /// Its chance.
    pub seed: u64,
    /// Who called.
    pub client: Client,
}

impl CallFacts {
    /// Item `item` of subject `index`.
    pub fn subject(&self, index: u32, item: u32) -> Option<&SubjectItem> {
        self.subjects.get(index as usize)?.get(item as usize)
    }
}

/// Why a host function refuses a module. Each is an outcome of its own in log and metrics.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The handle or name is outside the scope of the grant.
    #[error("`{function}` reaches `{what}`, outside its scope {scope}")]
    Scope {
        /// `vdsm:vm/ask.all`
        function: String,
        /// What it reached for.
        what: String,
        /// The granted scope.
        scope: String,
    },
    /// A name that the runtime knows nothing of.
    #[error("`{function}`: {what}")]
    Name {
        /// `vdsm:verb/plan.lease`
        function: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// More steps than a round may have.
    #[error("more than {0} steps in a round")]
    Steps(usize),
}

/// The data of a module's store.
pub struct CallState {
    pub(crate) table: ResourceTable,
    pub(crate) steps: Vec<Planned>,
    pub(crate) held: HeldTable,
    pub(crate) grant: Arc<Grant>,
    pub(crate) facts: Arc<CallFacts>,
    pub(crate) budget: Budget,
    pub(crate) module: Arc<str>,
    pub(crate) rooms: HashMap<TypeId, Box<dyn Any + Send>>,
    pub(crate) memory: MemoryLimiter,
    /// Epoch ticks seen while running.
    pub(crate) ticks: u64,
    /// Bytes of log text left; at 0 that has been told.
    pub(crate) log_left: usize,
    /// Bytes of planned steps that may still be kept: the engine limits each host call, not their sum.
    pub(crate) placed_left: usize,
}

impl CallState {
    /// Where resources handed to the module live.
    pub fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// What is fixed about the call.
    pub fn facts(&self) -> &Arc<CallFacts> {
        &self.facts
    }

    /// Values the host keeps for this call.
    pub fn held(&self) -> &HeldTable {
        &self.held
    }

    /// The snapshot of type `T` that [`crate::capability::Capability::snapshot`] took for this round.
    pub fn room<T: Any + Send>(&self) -> wasmtime::Result<&T> {
        self.rooms
            .get(&TypeId::of::<T>())
            .and_then(|room| room.downcast_ref())
            .ok_or_else(|| wasmtime::Error::msg("a capability was linked whose room gave no snapshot"))
    }

    /// The scope this module has for `function` of `interface`. Linked functions always have one.
    pub fn scope(&self, interface: &str, function: &str) -> wasmtime::Result<Scope> {
        self.grant.scope(interface, function).cloned().ok_or_else(|| {
            Denied::Scope { function: format!("{interface}.{function}"), what: "anything".into(), scope: "nothing".into() }.into()
        })
    }

    /// Checks that `id` (of subject kind `kind`) lies within the scope of `function`; traps the module when not.
    pub fn allow(&self, interface: &str, function: &str, kind: &str, id: &str) -> wasmtime::Result<()> {
        let scope = self.scope(interface, function)?;
        let inside = match &scope {
            Scope::All => true,
            Scope::Subjects => self.facts.subjects.iter().flatten().any(|item| item.kind == kind && item.id == id),
            Scope::Only(ids) => ids.iter().any(|known| known == id),
        };
        if inside {
            return Ok(());
        }
        Err(Denied::Scope { function: format!("{interface}.{function}"), what: id.to_owned(), scope: scope.describe() }.into())
    }

    /// Records a step of this round and returns its index, which is what a plan function returns. `parameters` may contain held
    /// nodes: trees are put in their place, secrets stay held.
    pub fn plan(&mut self, mut step: Step) -> wasmtime::Result<u32> {
        self.place(&step.parameters)?;
        step.parameters = self.held.expand(step.parameters.root());
        self.record(Planned::Room(step))
    }

    /// Takes what a step or an answer places from what may still be kept.
    pub(crate) fn place(&mut self, tree: &Tree) -> wasmtime::Result<()> {
        self.placed_left -= placed::check(tree, &self.held, self.placed_left)?;
        Ok(())
    }

    /// What of a log line still fits the budget; none when it is spent. The last line that fits says so.
    pub(crate) fn log_text(&mut self, message: String) -> Option<String> {
        if self.log_left == 0 {
            return None;
        }
        let line = message.replace(['\n', '\r'], " ");
        if line.len() < self.log_left {
            self.log_left -= line.len() + 1;
            return Some(line);
        }
        self.log_left = 0;
        Some(format!("(log budget of {} bytes spent, further lines of this call are dropped)", self.budget.log_bytes))
    }

    pub(crate) fn record(&mut self, planned: Planned) -> wasmtime::Result<u32> {
        if self.steps.len() >= self.budget.steps {
            return Err(Denied::Steps(self.budget.steps).into());
        }
        self.steps.push(planned);
        Ok(u32::try_from(self.steps.len() - 1).unwrap_or(u32::MAX))
    }
}

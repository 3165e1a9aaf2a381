//! A verb module as the job engine sees it, and the module that shapes as the hypervisor room sees it.

use std::sync::Arc;

use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{Decider, Decision, Fact};
use vdsm_core::status::Status;
use vdsm_core::tree::Tree;

use crate::call::{self, CallFailure};
use crate::generation::ServedVerb;
use crate::registry::Registry;
use crate::shaper::{Samples, ShapeError, Shaper};
use crate::state::CallFacts;

/// Asks one module, the one the call began with, for its rounds.
pub struct ModuleDecider {
    verb: ServedVerb,
    facts: Arc<CallFacts>,
    held: HeldTable,
}

impl ModuleDecider {
    /// A decider for one call.
    pub fn new(verb: ServedVerb, facts: Arc<CallFacts>, held: HeldTable) -> ModuleDecider {
        ModuleDecider { verb, facts, held }
    }
}

impl ModuleDecider {
    /// The next decision, or why the call of the module came to nothing.
    pub async fn attempt(&self, facts: Vec<Fact>, note: Option<Tree>) -> Result<Decision, CallFailure> {
        call::decide(&self.verb.module, &self.verb.descriptor.name, &self.facts, &self.held, facts, note).await
    }
}

#[async_trait::async_trait]
impl Decider for ModuleDecider {
    async fn decide(&mut self, facts: Vec<Fact>, note: Option<Tree>) -> Result<Decision, Status> {
        let descriptor = &self.verb.descriptor;
        self.attempt(facts, note).await.map_err(|failure| {
            let (verb, job, outcome) = (&descriptor.name, &self.facts.job, failure.outcome());
            tracing::error!(%verb, %job, outcome, %failure, "a module call came to nothing");
            descriptor.default_error.with_detail(failure.to_string())
        })
    }
}

#[async_trait::async_trait]
impl Shaper for Registry {
    async fn shape(&self, samples: Samples) -> Result<Tree, ShapeError> {
        let generation = self.current();
        let module = generation.shaper().ok_or_else(|| ShapeError("no module shapes machine statistics".into()))?;
        call::shape(module, samples).await.map_err(|failure| ShapeError(failure.to_string()))
    }

    fn generation(&self) -> u64 {
        self.current().number
    }
}

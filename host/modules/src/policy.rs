//! Asking a memory policy: facts in, decisions and memory out. What a decision may do is bounded by whoever applies it.

use vdsm_core::status::Status;
use vdsm_core::tree::Tree;

use crate::call::{self, CallFailure, bindings::policy::exports::vdsm::policy::memory};
use crate::manifest::Kind;
use crate::module::Module;

/// One guest, or the host (id empty), with what is known of it: (metric id, number), see `wit/deps/policy/metrics.md`.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySubject {
    /// The machine's id; empty: the host.
    pub id: String,
    /// Metric ids and numbers.
    pub metrics: Vec<(u32, f64)>,
}

/// What a policy wants.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyDecision {
    /// The machine, or empty for the host.
    pub subject: String,
    /// The control, e.g. `balloon-target`.
    pub name: String,
    /// Its value, in the control's unit.
    pub value: f64,
}

/// What a policy carries from tick to tick.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyMemory {
    /// Names the shape of `value`; a module with another schema starts empty.
    pub schema: String,
    /// Its own.
    pub value: Tree,
}

/// A tick of a policy.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Milliseconds since the epoch.
    pub time: u64,
    /// Its chance.
    pub seed: u64,
    /// Host and guests.
    pub subjects: Vec<PolicySubject>,
    /// What it remembered.
    pub memory: Option<PolicyMemory>,
}

impl Module {
    /// Asks this policy whether its manifest's parameters are acceptable. The inner error is the policy's own.
    pub async fn check_parameters(&self) -> Result<Result<(), Status>, CallFailure> {
        let Kind::Policy(section) = &self.manifest.kind else { return Err(call::not_a(self, "policy")) };
        call::check_policy(self, section.parameters_tree()).await
    }

    /// Asks this policy for its decisions.
    pub async fn decide_memory(&self, tick: Tick) -> Result<(Vec<PolicyDecision>, Option<PolicyMemory>), CallFailure> {
        let Kind::Policy(section) = &self.manifest.kind else { return Err(call::not_a(self, "policy")) };
        let subjects: Vec<memory::Subject> =
            tick.subjects.into_iter().map(|subject| memory::Subject { id: subject.id, metrics: subject.metrics }).collect();
        let remembered = tick.memory.map(|memory| memory::Memory { schema: memory.schema, value: memory.value.into() });
        let (decisions, remembered) =
            call::decide_policy(self, tick.time, tick.seed, &subjects, section.parameters_tree(), remembered.as_ref()).await?;
        let decisions = decisions
            .into_iter()
            .map(|decision| PolicyDecision { subject: decision.subject, name: decision.name, value: decision.value })
            .collect();
        let remembered = match remembered {
            None => None,
            Some(memory) => Some(PolicyMemory { schema: memory.schema, value: call::tree(self, memory.value)? }),
        };
        Ok((decisions, remembered))
    }
}

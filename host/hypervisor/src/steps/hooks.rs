//! `vm.run-hooks`: the chain of a hook point.

use std::sync::Arc;
use std::time::Duration;

use vdsm_core::errors::Code;
use vdsm_core::jobs::{Look, Nature, Outcome, Step, StepCall, StepKind, StepSpec};
use vdsm_core::tree::Tree;
use vdsm_modules::points;

use super::{VERSION, no_vm, planned, text, vm};
use crate::room::{Room, lease};

/// Runs a chain; its outcome is the document after it. Where a point's rules say so, failures and edits come to nothing.
pub(crate) struct RunHooks(pub(crate) Arc<Room>);

impl RunHooks {
    pub(crate) const NAME: &'static str = "vm.run-hooks";

    /// Of `point` for `vm`; an empty document stands for the live one, or the last one.
    pub(crate) fn plan(vm: &str, point: &str, document: &str) -> Step {
        planned(Self::NAME, vm, Some(lease(vm)), |parameters| {
            parameters.text_at("point", point).text_at("document", document);
        })
    }
}

#[async_trait::async_trait]
impl StepKind for RunHooks {
    fn spec(&self) -> StepSpec {
        StepSpec { name: Self::NAME, version: VERSION, nature: Nature::Undo, limit: Duration::from_secs(120), tries: 1 }
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        let (id, name) = (vm(call), text(call, "point"));
        let Some(point) = points::find(name) else {
            let known = points::names().collect::<Vec<_>>().join(", ");
            return Outcome::Failed(Code::Unexpected.with(format!("`{name}` is no hook point; there are {known}")));
        };
        let Some(view) = self.0.vms.get(id) else { return Outcome::Failed(no_vm()) };
        let given = text(call, "document");
        let before = if given.is_empty() { view.record.document.as_deref().unwrap_or_default() } else { given };
        let outcome = self.0.run_chain(&view.record, point, Some(before)).await;
        match outcome.failed {
            Some(failure) if point.aborts => Outcome::Failed(Code::Unexpected.with(format!("hook: {failure}"))),
            Some(failure) => {
                tracing::warn!(vm = id, point = name, failure, "hooks failed; nothing is stopped here");
                Outcome::Done(Tree::text(before))
            }
            None if point.edits => Outcome::Done(Tree::text(outcome.document)),
            None => {
                if outcome.document != before {
                    tracing::warn!(vm = id, point = name, "an edit is refused: nothing can be changed here");
                }
                Outcome::Done(Tree::text(before))
            }
        }
    }

    /// Hooks leave no trace to look at; they are written to bear a second run.
    async fn look(&self, _call: StepCall<'_>) -> Look {
        Look::NotDone
    }
}

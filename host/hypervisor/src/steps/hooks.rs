//! `vm.run-hooks`: the chain of a hook point.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vdsm_core::errors::Code;
use vdsm_core::jobs::{Look, Nature, Outcome, Step, StepCall, StepKind, StepSpec};
use vdsm_core::tree::Tree;
use vdsm_modules::points::{self, Point};

use super::{VERSION, no_vm, planned, text, vm};
use crate::room::{AFTER_VM_DESTROY, Room, custom_properties, lease};
use crate::vm::record::{VmRecord, VmView};
use crate::vm::state::{Machine, Release};

/// Runs a chain; its outcome is the document after it. Whether failures and edits count is the chain's own to know, by its point.
pub(crate) struct RunHooks(pub(crate) Arc<Room>);

impl RunHooks {
    pub(crate) const NAME: &'static str = "vm.run-hooks";

    /// Of `point` for `vm`; an empty document stands for the live one, or the last one. `record` is the machine as it is now: what a
    /// chain needs of one that is forgotten when the chain runs goes with the step.
    pub(crate) fn plan(vm: &str, point: &str, document: &str, record: Option<&VmRecord>) -> Step {
        planned(Self::NAME, vm, Some(lease(vm)), |parameters| {
            parameters.text_at("point", point).text_at("document", document);
            let Some(record) = record.filter(|_| point == AFTER_VM_DESTROY) else { return };
            parameters.text_at("last", record.document.as_deref().unwrap_or_default());
            if let Some(custom) = record.conf.root().get("custom") {
                parameters.value_at("custom", custom);
            }
            parameters.boolean_at("ran", chain_ran(&record.machine));
        })
    }
}

/// The hook point of that name; the error says which there are.
pub(crate) fn hook_point(name: &str) -> Result<&'static Point, String> {
    points::find(name).ok_or_else(|| format!("`{name}` is no hook point; there are {}", points::names().collect::<Vec<_>>().join(", ")))
}

/// Whether the chain of its end was run: that of a machine that ended by itself runs once. Where it did not yet, the plan, which
/// holds the machine's lease, was faster than the room.
fn chain_ran(machine: &Machine) -> bool {
    match machine.release {
        Release::Done => true,
        Release::No | Release::ByDestroy | Release::ByItself | Release::Returned => false,
    }
}

/// What a chain is given.
struct Given {
    properties: BTreeMap<String, String>,
    document: String,
}

/// From the record, or from what went with the step when there is none any more.
fn given(call: StepCall<'_>, view: Option<&VmView>) -> Option<Given> {
    let parameters = call.step.parameters.root();
    let (custom, last) = match view {
        Some(view) => (view.record.conf.root().get("custom"), view.record.document.as_deref()),
        None => (parameters.get("custom"), Some(parameters.get("last")?.as_text()?)),
    };
    let sent = text(call, "document");
    let document = if sent.is_empty() { last.unwrap_or_default() } else { sent };
    Some(Given { properties: custom_properties(custom), document: document.to_owned() })
}

#[async_trait::async_trait]
impl StepKind for RunHooks {
    fn spec(&self) -> StepSpec {
        StepSpec { name: Self::NAME, version: VERSION, nature: Nature::Undo, limit: Duration::from_secs(120), tries: 1 }
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        let (id, name) = (vm(call), text(call, "point"));
        let point = match hook_point(name) {
            Ok(point) => point,
            Err(why) => return Outcome::Failed(Code::Unexpected.with(why)),
        };
        let view = self.0.vms.get(id);
        let Some(Given { properties, document: before }) = given(call, view.as_deref()) else { return Outcome::Failed(no_vm()) };
        if call.step.parameters.root().get("ran").and_then(|ran| ran.as_bool()) == Some(true) {
            return Outcome::Done(Tree::text(before));
        }
        let outcome = self.0.run_chain(id, point, properties, &before).await;
        match outcome.failed {
            Some(failure) => Outcome::Failed(Code::Unexpected.with(failure)),
            None => Outcome::Done(Tree::text(outcome.document)),
        }
    }

    /// Hooks leave no trace to look at; they are written to bear a second run.
    async fn look(&self, _call: StepCall<'_>) -> Look {
        Look::NotDone
    }
}

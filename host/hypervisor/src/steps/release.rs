//! `vm.release`: the end of a machine.

use std::sync::Arc;
use std::time::Duration;

use vdsm_core::clock;
use vdsm_core::errors::Code;
use vdsm_core::jobs::{Look, Nature, Outcome, Step, StepCall, StepKind, StepSpec};
use vdsm_core::tree::Tree;

use super::{VERSION, planned, vm};
use crate::room::{EndError, Room, lease, take_back};
use crate::vm::state::Input;

/// Ends the domain, takes back all the machine keeps, removes its record. Bears repetition.
pub(crate) struct Release(pub(crate) Arc<Room>);

impl Release {
    pub(crate) const NAME: &'static str = "vm.release";

    /// Of `vm`.
    pub(crate) fn plan(vm: &str) -> Step {
        planned(Self::NAME, vm, Some(lease(vm)), |_| {})
    }
}

#[async_trait::async_trait]
impl StepKind for Release {
    fn spec(&self) -> StepSpec {
        // A graceful destroy, 30 s for what does not end, and one by force.
        StepSpec { name: Self::NAME, version: VERSION, nature: Nature::Destroys, limit: Duration::from_secs(110), tries: 5 }
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        let id = vm(call);
        let failed = |why: String| Outcome::Failed(Code::Unexpected.with(why));
        let view = match self.0.vms.take_in(id).await {
            Ok(Some(view)) => view,
            Ok(None) => return Outcome::Done(Tree::nil()),
            Err(error) => return failed(error.to_string()),
        };
        if let Err(error) = self.0.vms.apply(id, &Input::ReleaseBegun, clock::now()).await {
            return failed(error.to_string());
        }
        match self.0.end(&view.record).await {
            Ok(()) => {}
            Err(EndError::Libvirt(error)) if error.is_outcome_unknown() => {
                return Outcome::Unknown(Code::Unexpected.with(error.to_string()));
            }
            Err(error @ (EndError::Libvirt(_) | EndError::Survives)) => return failed(error.to_string()),
        }
        self.0.clear_channels(id).await;
        // The machine holds its lease until all it kept is back: nothing of it may be given to another.
        let kept = take_back(call.keepers, id).await;
        if !kept.is_empty() {
            return failed(kept.join("; "));
        }
        match self.0.vms.remove(id, |_| true).await {
            Ok(()) => Outcome::Done(Tree::nil()),
            Err(error) => failed(error.to_string()),
        }
    }

    async fn look(&self, call: StepCall<'_>) -> Look {
        match self.0.vms.take_in(vm(call)).await {
            Ok(None) => Look::Done(Tree::nil()),
            Ok(Some(_)) => Look::NotDone,
            Err(error) => Look::Unknown(error.to_string()),
        }
    }
}

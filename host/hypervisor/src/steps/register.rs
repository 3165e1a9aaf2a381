//! `vm.register`: the machine's record, in the commit of its round.

use std::sync::Arc;
use std::time::Duration;

use vdsm_core::clock;
use vdsm_core::errors::Code;
use vdsm_core::jobs::{Ending, Look, Nature, Outcome, Step, StepCall, StepKind, StepSpec, Undone};
use vdsm_core::store::{StoreError, WriteTransaction};
use vdsm_core::tree::{Kind, Tree, TreeBuilder, Value};

use super::{VERSION, planned, vm};
use crate::room::{Room, lease};
use crate::vm::record::VmRecord;
use crate::vm::state::Input;

/// Writes a machine down in state WaitForLaunch. Taken back: removed, or Down with the job's error once the caller was told
/// that the machine exists.
pub(crate) struct Register(pub(crate) Arc<Room>);

impl Register {
    pub(crate) const NAME: &'static str = "vm.register";

    /// Of `vm` with `conf`. Secrets in it do not reach the record.
    pub(crate) fn plan(vm: &str, conf: &Tree) -> Step {
        planned(Self::NAME, vm, Some(lease(vm)), |parameters| {
            parameters.value_at("conf", without_held(conf.root()).root());
        })
    }

    async fn take_back(&self, call: StepCall<'_>) -> Result<(), StoreError> {
        let id = vm(call);
        let ours = |record: &VmRecord| record.job.as_ref() == Some(call.job);
        match call.ending {
            Some(Ending { answered: false, .. }) => self.0.vms.remove(id, ours).await,
            Some(Ending { answered: true, reason }) => self.end(id, &ours, reason.text()).await,
            // Nobody keeps a record: it is its machine's.
            None => Ok(()),
        }
    }

    async fn end(&self, id: &str, ours: &(dyn Fn(&VmRecord) -> bool + Sync), why: String) -> Result<(), StoreError> {
        let shown = self.0.vms.take_in(id).await?;
        if shown.is_some_and(|view| ours(&view.record)) {
            self.0.vms.apply(id, &Input::StartFailed(why), clock::now()).await?;
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl StepKind for Register {
    fn spec(&self) -> StepSpec {
        StepSpec { name: Self::NAME, version: VERSION, nature: Nature::Undo, limit: Duration::from_secs(10), tries: 3 }
    }

    fn record(&self, call: StepCall<'_>, transaction: &mut WriteTransaction<'_>) -> Result<(), StoreError> {
        let conf = call.step.parameters.root().get("conf").map_or_else(Tree::empty_object, Tree::copy_of);
        VmRecord::registered(vm(call), call.job, conf, &self.0.place).write_new(transaction)
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        match self.0.vms.take_in(vm(call)).await {
            Ok(Some(_)) => Outcome::Done(Tree::nil()),
            Ok(None) => Outcome::Failed(Code::Unexpected.with("the machine's record is not there")),
            Err(error) => Outcome::Failed(Code::Unexpected.with(error.to_string())),
        }
    }

    async fn look(&self, call: StepCall<'_>) -> Look {
        match self.0.vms.take_in(vm(call)).await {
            Ok(Some(view)) if view.record.job.as_ref() == Some(call.job) => Look::Done(Tree::nil()),
            Ok(_) => Look::NotDone,
            Err(error) => Look::Unknown(error.to_string()),
        }
    }

    async fn undo(&self, call: StepCall<'_>) -> Undone {
        match self.take_back(call).await {
            Ok(()) => Undone::Gone,
            Err(error) => Undone::NotNow(error.to_string()),
        }
    }
}

/// A copy of `value` without what only the call that brought it may hold.
fn without_held(value: Value<'_>) -> Tree {
    let mut out = TreeBuilder::new();
    copy_without_held(&mut out, value);
    out.finish().unwrap_or_else(|_| Tree::empty_object())
}

fn copy_without_held(out: &mut TreeBuilder, value: Value<'_>) {
    match value.kind() {
        Kind::Array => {
            out.open_array();
            for item in value.items().filter(|item| item.kind() != Kind::Held) {
                copy_without_held(out, item);
            }
            out.close();
        }
        Kind::Object => {
            out.open_object();
            for (name, member) in value.members().filter(|(_, member)| member.kind() != Kind::Held) {
                copy_without_held(out.key(name), member);
            }
            out.close();
        }
        Kind::Nil | Kind::Boolean | Kind::Int | Kind::Int64 | Kind::Double | Kind::Text | Kind::Bytes | Kind::Time | Kind::Held => {
            out.value(value);
        }
    }
}

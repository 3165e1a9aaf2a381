//! `storage.prepare`: makes a file readable for QEMU.
//!
//! A plain file or block device needs nothing made, so there is nothing to take back; volumes will need links and active devices,
//! and their undo stands here then. The kind is *undo* from the start because its place in plans depends on it.

use vdsm_core::jobs::{Look, Nature, Outcome, Owner, Step, StepCall, StepKind, StepSpec};
use vdsm_core::status::Status;
use vdsm_core::tree::Tree;

use super::{outcome, spec, step};
use crate::calls::Calls;
use crate::errors::StorageError;
use crate::target::{DiskFile, look_at_file};

/// The kind.
pub(crate) struct Prepare {
    calls: Calls,
}

impl Prepare {
    pub(crate) const NAME: &'static str = "storage.prepare";

    pub(crate) fn new(calls: Calls) -> Prepare {
        Prepare { calls }
    }

    /// The step for the file at `path`, kept by `owner`.
    pub(crate) fn plan(path: &str, owner: Owner) -> Step {
        let parameters = Tree::object(|object| {
            object.text_at("path", path);
        });
        step(Self::NAME, parameters, None, owner)
    }

    async fn look_at(&self, step: &Step) -> Result<Tree, Status> {
        let path = step.parameters.root().get("path").and_then(|value| value.as_text());
        let path = path.ok_or_else(|| StorageError::Parameters("path").status())?.to_owned();
        let named = path.clone();
        let DiskFile { path, block } = self.calls.run(&path, move || look_at_file(&named)).await?;
        Ok(Tree::object(|object| {
            object.text_at("path", &path).boolean_at("block", block);
        }))
    }
}

#[async_trait::async_trait]
impl StepKind for Prepare {
    fn spec(&self) -> StepSpec {
        spec(Self::NAME, Nature::Undo)
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        outcome(self.look_at(call.step).await)
    }

    async fn look(&self, call: StepCall<'_>) -> Look {
        self.look_at(call.step).await.map_or(Look::NotDone, Look::Done)
    }
}

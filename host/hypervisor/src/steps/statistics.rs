//! `vm.statistics` and `vm.statistics-of-all`: reads of encoded structures, which the reply places without copying them.

use std::sync::Arc;
use std::time::Duration;

use vdsm_core::errors::Code;
use vdsm_core::held::Held;
use vdsm_core::jobs::{Look, Nature, Outcome, Step, StepCall, StepKind, StepSpec};
use vdsm_core::tree::TreeBuilder;

use super::{VERSION, no_vm, planned, vm};
use crate::statistics::Statistics;

const LIMIT: Duration = Duration::from_secs(5);

/// Of one machine.
pub(crate) struct StatisticsOfOne(pub(crate) Arc<Statistics>);

/// Of every machine.
pub(crate) struct StatisticsOfAll(pub(crate) Arc<Statistics>);

impl StatisticsOfOne {
    pub(crate) const NAME: &'static str = "vm.statistics";

    /// Of `vm`.
    pub(crate) fn plan(vm: &str) -> Step {
        planned(Self::NAME, vm, None, |_| {})
    }
}

impl StatisticsOfAll {
    pub(crate) const NAME: &'static str = "vm.statistics-of-all";

    /// Of all.
    pub(crate) fn plan() -> Step {
        planned(Self::NAME, "", None, |_| {})
    }
}

fn read(name: &'static str) -> StepSpec {
    StepSpec { name, version: VERSION, nature: Nature::Read, limit: LIMIT, tries: 1 }
}

fn done(out: TreeBuilder) -> Outcome {
    match out.finish() {
        Ok(tree) => Outcome::Done(tree),
        Err(error) => Outcome::Failed(Code::Unexpected.with(error.to_string())),
    }
}

#[async_trait::async_trait]
impl StepKind for StatisticsOfOne {
    fn spec(&self) -> StepSpec {
        read(Self::NAME)
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        match self.0.of_one(vm(call)).await {
            Ok(Some(bytes)) => {
                let mut out = TreeBuilder::new();
                out.held(call.held.keep(Held::Encoded(bytes)));
                done(out)
            }
            Ok(None) => Outcome::Failed(no_vm()),
            Err(error) => Outcome::Failed(Code::Unexpected.with(error.to_string())),
        }
    }

    async fn look(&self, _call: StepCall<'_>) -> Look {
        Look::NotDone
    }
}

#[async_trait::async_trait]
impl StepKind for StatisticsOfAll {
    fn spec(&self) -> StepSpec {
        read(Self::NAME)
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        match self.0.all().await {
            Ok(bytes) => {
                let mut out = TreeBuilder::new();
                out.held(call.held.keep(Held::Encoded(bytes)));
                done(out)
            }
            Err(error) => Outcome::Failed(Code::Unexpected.with(error.to_string())),
        }
    }

    async fn look(&self, _call: StepCall<'_>) -> Look {
        Look::NotDone
    }
}

//! The steps of this room. Each is a kind of its own: what it means for its job, how long it may take, and how to look at it when
//! in doubt stands beside what it does.

mod control;
mod hooks;
mod register;
mod release;
mod start;
mod statistics;

use std::sync::Arc;

use vdsm_core::errors::Code;
use vdsm_core::jobs::{Outcome, Owner, Step, StepCall, StepKind};
use vdsm_core::lease::LeaseKey;
use vdsm_core::status::Status;
use vdsm_core::tree::{Tree, TreeBuilder};

use crate::libvirt::CallError;
use crate::room::Room;
use crate::statistics::Statistics;

pub(crate) use control::Control;
pub(crate) use hooks::{RunHooks, hook_point};
pub(crate) use register::Register;
pub(crate) use release::Release;
pub(crate) use start::{START_LIMIT, Start};
pub(crate) use statistics::{StatisticsOfAll, StatisticsOfOne};

/// Version of all kinds here; a kind whose parameters change meaning gets one of its own.
const VERSION: u16 = 1;

/// All kinds.
pub(crate) fn kinds(room: &Arc<Room>, statistics: &Arc<Statistics>) -> Vec<Arc<dyn StepKind>> {
    let mut kinds: Vec<Arc<dyn StepKind>> = vec![
        Arc::new(Register(room.clone())),
        Arc::new(RunHooks(room.clone())),
        Arc::new(Start(room.clone())),
        Arc::new(Release(room.clone())),
        Arc::new(StatisticsOfOne(statistics.clone())),
        Arc::new(StatisticsOfAll(statistics.clone())),
    ];
    kinds.extend(Control::ALL.map(|act| -> Arc<dyn StepKind> { Arc::new(Control::kind(room.clone(), act)) }));
    kinds
}

/// A step about machine `vm`.
fn planned(kind: &'static str, vm: &str, needs: Option<LeaseKey>, fill: impl FnOnce(&mut TreeBuilder)) -> Step {
    let parameters = Tree::object(|parameters| {
        parameters.text_at("vm", vm);
        fill(parameters);
    });
    Step { kind: kind.to_owned(), version: VERSION, parameters, needs, owner: Owner::Nobody }
}

fn text<'a>(call: StepCall<'a>, name: &str) -> &'a str {
    call.step.parameters.root().get(name).and_then(|value| value.as_text()).unwrap_or_default()
}

/// The machine a step is about.
fn vm(call: StepCall<'_>) -> &str {
    text(call, "vm")
}

fn no_vm() -> Status {
    Code::NoVm.status()
}

/// A libvirt call that did not succeed, as the outcome of its step: the machine's absence as VDSM's 1, all else as `code`.
fn call_failed(error: &CallError, code: Code) -> Outcome {
    match error {
        CallError::NoDomain => Outcome::Failed(no_vm()),
        error if error.is_outcome_unknown() => Outcome::Unknown(code.with(error.to_string())),
        error => Outcome::Failed(code.with(error.to_string())),
    }
}

#[cfg(test)]
mod tests;

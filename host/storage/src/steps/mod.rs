//! The kinds of steps of this room.

mod connect;
mod disconnect;
mod prepare;
#[cfg(test)]
mod tests;

pub(crate) use connect::ConnectLocal;
pub(crate) use disconnect::DisconnectLocal;
pub(crate) use prepare::Prepare;

use std::sync::Arc;
use std::time::Duration;

use vdsm_core::jobs::{Look, Nature, Outcome, Owner, Step, StepKind, StepSpec};
use vdsm_core::lease::LeaseKey;
use vdsm_core::status::Status;
use vdsm_core::tree::{Tree, TreeBuilder};

use crate::calls::Calls;
use crate::errors::StorageError;
use crate::links::Links;

/// Version of every kind here; each changes on its own once one of them does.
const VERSION: u16 = 1;
/// How long a path may keep the kernel waiting before the outcome counts as unknown.
const PATIENCE: Duration = Duration::from_secs(30);

/// All kinds, over one repository.
pub(crate) fn kinds(links: &Links) -> Vec<Arc<dyn StepKind>> {
    let calls = Calls::new();
    vec![
        Arc::new(ConnectLocal::new(links.clone(), calls.clone())),
        Arc::new(DisconnectLocal::new(links.clone(), calls.clone())),
        Arc::new(Prepare::new(calls)),
    ]
}

fn spec(name: &'static str, nature: Nature) -> StepSpec {
    StepSpec { name, version: VERSION, nature, limit: PATIENCE, tries: 3 }
}

/// What a step on a connection's link carries: where to, and what the link was when the step was planned. The call holds the
/// connection alone, so nobody changes it between the plan and the act, and a step that is taken back after a crash still knows
/// what to put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkStep {
    /// As the manager sent it.
    pub(crate) address: String,
    /// Where the link led before; none: there was none.
    pub(crate) before: Option<String>,
}

impl LinkStep {
    fn parameters(&self) -> Tree {
        Tree::object(|object| {
            object.text_at("address", &self.address);
            if let Some(before) = &self.before {
                object.text_at("before", before);
            }
        })
    }

    fn read(step: &Step) -> Result<LinkStep, StorageError> {
        let member = |key| step.parameters.root().get(key).and_then(|value| value.as_text()).map(str::to_owned);
        Ok(LinkStep { address: member("address").ok_or(StorageError::Parameters("address"))?, before: member("before") })
    }
}

/// The address of a connection's step; empty in a step of another program, which is then refused.
fn address(step: &Step) -> &str {
    step.parameters.root().get("address").and_then(|value| value.as_text()).unwrap_or_default()
}

fn outcome(result: Result<Tree, Status>) -> Outcome {
    match result {
        Ok(tree) => Outcome::Done(tree),
        Err(status) => Outcome::Failed(status),
    }
}

fn look(result: Result<Look, Status>) -> Look {
    result.unwrap_or_else(|status| Look::Unknown(status.text()))
}

/// The tree of one boolean.
fn boolean(value: bool) -> Tree {
    let mut tree = TreeBuilder::new();
    tree.boolean(value);
    tree.finish().unwrap_or_else(|_| Tree::nil())
}

/// A step of a kind here.
fn step(name: &'static str, parameters: Tree, needs: Option<LeaseKey>, owner: Owner) -> Step {
    Step { kind: name.to_owned(), version: VERSION, parameters, needs, owner }
}

//! `storage.disconnect-local`: takes the link of a local directory away.
//!
//! *Undo*, not *decides*: several of them run together, each with its own outcome, and where the link led is known from the
//! plan, so that a job that fails puts it back.

use vdsm_core::jobs::{Look, Nature, Outcome, Owner, Step, StepCall, StepKind, StepSpec, Undone};
use vdsm_core::lease::LeaseKey;

use super::{LinkStep, address, boolean, look, outcome, spec, step};
use crate::calls::Calls;
use crate::links::{Change, Links};

/// The kind.
pub(crate) struct DisconnectLocal {
    links: Links,
    calls: Calls,
}

impl DisconnectLocal {
    pub(crate) const NAME: &'static str = "storage.disconnect-local";

    pub(crate) fn new(links: Links, calls: Calls) -> DisconnectLocal {
        DisconnectLocal { links, calls }
    }

    /// The step for `address`, whose link now leads to `before`.
    pub(crate) fn plan(address: &str, before: Option<String>, lease: LeaseKey) -> Step {
        step(Self::NAME, LinkStep { address: address.to_owned(), before }.parameters(), Some(lease), Owner::Nobody)
    }
}

#[async_trait::async_trait]
impl StepKind for DisconnectLocal {
    fn spec(&self) -> StepSpec {
        spec(Self::NAME, Nature::Undo)
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        let (links, planned) = (self.links.clone(), LinkStep::read(call.step));
        let done = self.calls.run(address(call.step), move || {
            let LinkStep { address, before } = planned?;
            if links.remove(&address)? == Change::Made {
                tracing::info!(address, "disconnected");
            }
            Ok(boolean(before.is_some()))
        });
        outcome(done.await)
    }

    async fn look(&self, call: StepCall<'_>) -> Look {
        let (links, planned) = (self.links.clone(), LinkStep::read(call.step));
        let seen = self.calls.run(address(call.step), move || {
            let LinkStep { address, before } = planned?;
            Ok(if links.target(&address)?.is_none() { Look::Done(boolean(before.is_some())) } else { Look::NotDone })
        });
        look(seen.await)
    }

    async fn undo(&self, call: StepCall<'_>) -> Undone {
        let (links, planned) = (self.links.clone(), LinkStep::read(call.step));
        let restored = self.calls.run(address(call.step), move || {
            let LinkStep { address, before } = planned?;
            links.undo_disconnect(&address, before.as_deref())
        });
        match restored.await {
            Ok(_) => Undone::Gone,
            Err(status) => Undone::NotNow(status.text()),
        }
    }
}

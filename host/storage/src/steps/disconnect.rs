//! `storage.disconnect-local`: takes the link of a local directory away.
//!
//! It *decides*: removing a link is all or nothing, can be looked at, and once it is gone there is nothing to take back. So each
//! connection of a call ends by itself, and a crash leaves each either connected or not.

use vdsm_core::jobs::{Look, Nature, Outcome, Owner, Step, StepCall, StepKind, StepSpec};
use vdsm_core::lease::LeaseKey;

use super::{LinkStep, blocking, boolean, look, outcome, spec, step};
use crate::links::{Change, Links};

/// The kind.
pub(crate) struct DisconnectLocal {
    links: Links,
}

impl DisconnectLocal {
    pub(crate) const NAME: &'static str = "storage.disconnect-local";

    pub(crate) fn new(links: Links) -> DisconnectLocal {
        DisconnectLocal { links }
    }

    /// The step for `address`, whose link now leads to `before`.
    pub(crate) fn plan(address: &str, before: Option<String>, lease: LeaseKey) -> Step {
        step(Self::NAME, LinkStep { address: address.to_owned(), before }.parameters(), Some(lease), Owner::Nobody)
    }
}

#[async_trait::async_trait]
impl StepKind for DisconnectLocal {
    fn spec(&self) -> StepSpec {
        spec(Self::NAME, Nature::Decides)
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        let (links, planned) = (self.links.clone(), LinkStep::read(call.step));
        let done = blocking(move || {
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
        let seen = blocking(move || {
            let LinkStep { address, before } = planned?;
            Ok(if links.target(&address)?.is_none() { Look::Done(boolean(before.is_some())) } else { Look::NotDone })
        });
        look(seen.await)
    }
}

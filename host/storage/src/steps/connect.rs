//! `storage.connect-local`: a link in the repository to a local directory (storage domain type 4).

use vdsm_core::jobs::{Look, Nature, Outcome, Owner, Step, StepCall, StepKind, StepSpec, Undone};
use vdsm_core::lease::LeaseKey;
use vdsm_core::tree::Tree;

use super::{LinkStep, address, look, outcome, spec, step};
use crate::calls::Calls;
use crate::links::{Change, Links, same_place};
use crate::target::check_directory;

/// The kind. Nobody keeps its link: it is taken back when the job fails and stands when the job ends well, until a disconnect.
pub(crate) struct ConnectLocal {
    links: Links,
    calls: Calls,
}

impl ConnectLocal {
    pub(crate) const NAME: &'static str = "storage.connect-local";

    pub(crate) fn new(links: Links, calls: Calls) -> ConnectLocal {
        ConnectLocal { links, calls }
    }

    /// The step for `address`, whose link now leads to `before`.
    pub(crate) fn plan(address: &str, before: Option<String>, lease: LeaseKey) -> Step {
        step(Self::NAME, LinkStep { address: address.to_owned(), before }.parameters(), Some(lease), Owner::Nobody)
    }
}

fn made(links: &Links, address: &str) -> Tree {
    Tree::object(|object| {
        object.text_at("path", &links.path(address).to_string_lossy());
    })
}

#[async_trait::async_trait]
impl StepKind for ConnectLocal {
    fn spec(&self) -> StepSpec {
        spec(Self::NAME, Nature::Undo)
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        let (links, planned) = (self.links.clone(), LinkStep::read(call.step));
        let done = self.calls.run(address(call.step), move || {
            let LinkStep { address, .. } = planned?;
            check_directory(&address)?;
            if links.place(&address, &address)? == Change::Made {
                tracing::info!(address, link = %links.path(&address).display(), "connected");
            }
            Ok(made(&links, &address))
        });
        outcome(done.await)
    }

    async fn look(&self, call: StepCall<'_>) -> Look {
        let (links, planned) = (self.links.clone(), LinkStep::read(call.step));
        let seen = self.calls.run(address(call.step), move || {
            let LinkStep { address, .. } = planned?;
            Ok(match links.target(&address)? {
                Some(target) if same_place(&target, &address) => Look::Done(made(&links, &address)),
                _ => Look::NotDone,
            })
        });
        look(seen.await)
    }

    async fn undo(&self, call: StepCall<'_>) -> Undone {
        let (links, planned) = (self.links.clone(), LinkStep::read(call.step));
        let restored = self.calls.run(address(call.step), move || {
            let LinkStep { address, before } = planned?;
            links.undo_connect(&address, before.as_deref())
        });
        match restored.await {
            Ok(_) => Undone::Gone,
            Err(status) => Undone::NotNow(status.text()),
        }
    }
}

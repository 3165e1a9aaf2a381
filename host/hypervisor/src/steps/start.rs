//! `vm.start`: the domain.

use std::sync::Arc;
use std::time::Duration;

use vdsm_core::errors::{Code, texts};
use vdsm_core::jobs::{Look, Nature, Outcome, Step, StepCall, StepKind, StepSpec};
use vdsm_core::tree::Tree;

use super::{VERSION, call_failed, no_vm, planned, text, vm};
use crate::domains::Destroy;
use crate::libvirt::{CallError, StartMode};
use crate::ownership;
use crate::room::{Room, Sight, lease};
use crate::test_driver;
use crate::vm::state::State;
use crate::xml::Element;

/// How long a start may take: libvirt may ask a QEMU it has not seen yet what it can do, which takes most of a minute.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(200);

/// Creates the domain under our mark and reads it back. Its outcome is the live document.
pub(crate) struct Start(pub(crate) Arc<Room>);

impl Start {
    pub(crate) const NAME: &'static str = "vm.start";

    /// Of `vm` from `document`.
    pub(crate) fn plan(vm: &str, document: &str, mode: StartMode) -> Step {
        planned(Self::NAME, vm, Some(lease(vm)), |parameters| {
            parameters.text_at("document", document).boolean_at("paused", mode == StartMode::Paused);
        })
    }

    /// The document to start from, checked and marked; the error says what is wrong with it.
    fn prepare(&self, id: &str, document: &str) -> Result<String, String> {
        let domain = Element::parse_domain(document).map_err(|error| format!("domain XML: {error}"))?;
        match domain.child_text("uuid") {
            Some(uuid) if uuid.eq_ignore_ascii_case(id) => {}
            Some(other) => return Err(format!("domain XML: its uuid is {other}, the machine's id is {id}")),
            None => return Err("domain XML: it has no uuid".into()),
        }
        let marked =
            test_driver::adapt(&self.0.place.uri, document).and_then(|document| ownership::mark(&document, &self.0.identity.root_id));
        marked.map_err(|error| format!("domain XML: {error}"))
    }

    /// Looks at the domain that was just created.
    async fn read_back(&self, id: &str) -> Outcome {
        match self.0.look(id).await {
            Ok(Sight::Running(document)) => {
                if let Some(view) = self.0.vms.get(id) {
                    self.0.weigh(&view.record).await;
                }
                Outcome::Done(Tree::text(&*document))
            }
            Ok(Sight::Nothing) => {
                let exit = self.0.vms.get(id).and_then(|view| view.record.machine.exit.clone());
                let why = exit.map_or_else(|| texts::Exit::LostQemu.message().to_owned(), |exit| exit.message);
                Outcome::Failed(Code::CreateErr.with(why))
            }
            Err(error) => Outcome::Unknown(Code::CreateErr.with(error.to_string())),
        }
    }

    async fn give_up(&self, uuid: &str, id: &str) -> Outcome {
        if let Err(error) = self.0.domains.destroy(uuid, Destroy::AtOnce).await {
            tracing::error!(vm = id, uuid, %error, "a domain of another uuid than asked for cannot be ended");
        }
        Outcome::Failed(Code::CreateErr.with(format!("libvirt gave the domain the uuid {uuid}")))
    }
}

#[async_trait::async_trait]
impl StepKind for Start {
    fn spec(&self) -> StepSpec {
        StepSpec { name: Self::NAME, version: VERSION, nature: Nature::Decides, limit: START_LIMIT, tries: 1 }
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        let id = vm(call);
        let Some(view) = self.0.vms.get(id) else { return Outcome::Failed(no_vm()) };
        let state = view.record.machine.state();
        if state != State::WaitForLaunch {
            return Outcome::Failed(Code::CreateErr.with(format!("the machine is {}", state.name())));
        }
        let document = match self.prepare(id, text(call, "document")) {
            Ok(document) => document,
            Err(why) => return Outcome::Failed(Code::CreateErr.with(why)),
        };
        let paused = call.step.parameters.root().get("paused").and_then(|paused| paused.as_bool()) == Some(true);
        let mode = if paused { StartMode::Paused } else { StartMode::Running };
        match self.0.domains.create(id, document, mode).await {
            Ok(created) if created.uuid.eq_ignore_ascii_case(id) => self.read_back(id).await,
            Ok(created) => self.give_up(&created.uuid, id).await,
            // The machine is not gone: libvirt lost sight of the domain while it started.
            Err(CallError::NoDomain) => Outcome::Failed(Code::CreateErr.with(texts::Exit::NoDomain.message())),
            Err(error) => call_failed(&error, Code::CreateErr),
        }
    }

    async fn look(&self, call: StepCall<'_>) -> Look {
        match self.0.look(vm(call)).await {
            Ok(Sight::Running(document)) => Look::Done(Tree::text(&*document)),
            Ok(Sight::Nothing) => Look::NotDone,
            Err(error) => Look::Unknown(error.to_string()),
        }
    }
}

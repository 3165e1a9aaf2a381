//! What every module may be granted and no room owns: log lines, and the steps that belong to the job itself.

use vdsm_core::descriptor::Access;
use vdsm_core::jobs::{Answer, Planned};
use vdsm_core::lease::{LeaseKey, LeaseKind};
use vdsm_core::tree::{Kind, Tree};
use wasmtime::component::{HasData, Linker};

use crate::grant::{FunctionSpec, ScopeRule};
use crate::state::{CallState, Denied};
use crate::wire::types;

#[allow(missing_docs, unreachable_pub)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "vdsm:worlds/host-core",
        imports: { default: trappable },
        with: { "vdsm:wire/types": crate::wire::types },
    });
}
use bindings::vdsm::hook::log;
use bindings::vdsm::verb::plan;

const LOG: &str = "vdsm:hook/log";
pub(crate) const PLAN: &str = "vdsm:verb/plan";

const fn flag(interface: &'static str, name: &'static str) -> FunctionSpec {
    FunctionSpec { interface, name, rule: ScopeRule::Flag, step: None }
}

/// The functions of both interfaces.
pub(crate) const FUNCTIONS: &[FunctionSpec] =
    &[flag(LOG, "write"), flag(PLAN, "reply"), flag(PLAN, "lease"), flag(PLAN, "commit"), flag(PLAN, "cancel")];

/// How these interfaces reach a store's data.
struct Base;
impl HasData for Base {
    type Data<'a> = &'a mut CallState;
}

/// Links `interface`, when it is one of these.
pub(crate) fn link(interface: &str, linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    match interface {
        LOG => log::add_to_linker::<_, Base>(linker, |state| state),
        PLAN => plan::add_to_linker::<_, Base>(linker, |state| state),
        other => Err(wasmtime::Error::msg(format!("no interface {other}"))),
    }
}

impl log::Host for CallState {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let Some(message) = self.log_text(message) else { return Ok(()) };
        let module = &*self.module;
        match level {
            log::Level::Debug => tracing::debug!(target: "module", module, "{message}"),
            log::Level::Info => tracing::info!(target: "module", module, "{message}"),
            log::Level::Warning => tracing::warn!(target: "module", module, "{message}"),
            log::Level::Error => tracing::error!(target: "module", module, "{message}"),
        }
        Ok(())
    }
}

fn lease_key(function: &'static str, kind: &str, id: String) -> wasmtime::Result<LeaseKey> {
    let kind = LeaseKind::parse(kind).ok_or_else(|| Denied::Name { function, what: format!("no kind of lease is called `{kind}`") })?;
    Ok(LeaseKey { kind, id })
}

/// The members of an answer, which are an object: VDSM's replies are structures.
pub(crate) fn answer_members(members: types::Tree) -> wasmtime::Result<Tree> {
    let members = Tree::try_from(members)?;
    if members.root().kind() == Kind::Object { Ok(members) } else { Err(wasmtime::Error::msg("the members of an answer are an object")) }
}

impl plan::Host for CallState {
    fn reply(&mut self, answer: types::Answer) -> wasmtime::Result<u32> {
        let members = answer_members(answer.members)?;
        self.place(&members)?;
        let answer = Answer { members, message: answer.message, held: self.held.clone() };
        self.record(Planned::Answer(answer))
    }

    fn lease(&mut self, kind: String, id: String, access: types::Access, wait_ms: u32) -> wasmtime::Result<u32> {
        let access = match access {
            types::Access::Shared => Access::Shared,
            types::Access::Exclusive => Access::Exclusive,
        };
        self.record(Planned::Lease { key: lease_key("vdsm:verb/plan.lease", &kind, id)?, access, wait_ms })
    }

    fn commit(&mut self) -> wasmtime::Result<u32> {
        self.record(Planned::Commit)
    }

    fn cancel(&mut self, kind: String, id: String) -> wasmtime::Result<u32> {
        // Only what the call is about: a verb cannot end the jobs of others.
        let named = self.facts().subjects.iter().flatten().any(|item| item.kind == kind && item.id == id);
        if !named {
            let denied = Denied::Scope { function: format!("{PLAN}.cancel"), what: format!("{kind} {id}"), scope: "subjects".into() };
            return Err(denied.into());
        }
        self.record(Planned::Cancel(lease_key("vdsm:verb/plan.cancel", &kind, id)?))
    }
}

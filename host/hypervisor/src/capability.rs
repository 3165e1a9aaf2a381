//! What modules may ask of machines and plan with them: the package `vdsm:vm`.
//!
//! Asks answer from the records as they stood when the round began, so they agree with each other and never wait. A handle names a
//! machine; whether there is one is what it is asked for.

use std::any::Any;
use std::sync::Arc;

use vdsm_core::held::Held;
use vdsm_core::jobs::{Step, StepKind};
use vdsm_core::tree::{Tree, TreeBuilder};
use vdsm_modules::capability::Capability;
use vdsm_modules::grant::{FunctionSpec, ScopeRule};
use vdsm_modules::state::{CallFacts, CallState};
use vdsm_modules::wire::types;
use wasmtime::component::{HasData, Linker, Resource};

use crate::libvirt::StartMode;
use crate::room::Room;
use crate::statistics::Statistics;
use crate::steps::{Control, Register, Release, RunHooks, Start, StatisticsOfAll, StatisticsOfOne, hook_point, kinds};
use crate::vm::record::{View, VmView};
use crate::vm::state::State;

#[allow(missing_docs, unreachable_pub)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "vdsm:worlds/capability-vm",
        imports: { default: trappable },
        with: {
            "vdsm:wire/types": vdsm_modules::wire::types,
            "vdsm:vm/ask.vm": super::VmHandle,
        },
    });
}
use bindings::vdsm::vm::{ask, plan};

const ASK: &str = "vdsm:vm/ask";
const PLAN: &str = "vdsm:vm/plan";
/// The kind of subject a machine is.
const KIND: &str = "vm";

const fn asks(name: &'static str, rule: ScopeRule) -> FunctionSpec {
    FunctionSpec { interface: ASK, name, rule, step: None }
}

const fn plans(name: &'static str, rule: ScopeRule, step: &'static str) -> FunctionSpec {
    FunctionSpec { interface: PLAN, name, rule, step: Some(step) }
}

const FUNCTIONS: &[FunctionSpec] = &[
    asks("subject", ScopeRule::SubjectsOrAll),
    asks("subjects", ScopeRule::Flag),
    asks("all", ScopeRule::AllOnly),
    asks("states", ScopeRule::AllOnly),
    asks("channel-directory", ScopeRule::Flag),
    plans("register", ScopeRule::SubjectsOrAll, Register::NAME),
    plans("run-hooks", ScopeRule::SubjectsOrAll, RunHooks::NAME),
    plans("start", ScopeRule::SubjectsOrAll, Start::NAME),
    plans("release", ScopeRule::SubjectsOrAll, Release::NAME),
    plans("pause", ScopeRule::SubjectsOrAll, Control::Pause.name()),
    plans("cont", ScopeRule::SubjectsOrAll, Control::Cont.name()),
    plans("shutdown", ScopeRule::SubjectsOrAll, Control::Shutdown.name()),
    plans("balloon", ScopeRule::SubjectsOrAll, Control::Balloon.name()),
    plans("statistics", ScopeRule::SubjectsOrAll, StatisticsOfOne::NAME),
    plans("statistics-of-all", ScopeRule::AllOnly, StatisticsOfAll::NAME),
];

/// A machine as a module holds it.
pub struct VmHandle {
    id: String,
}

/// The room's offer to modules.
pub struct VmCapability {
    room: Arc<Room>,
    statistics: Arc<Statistics>,
}

impl VmCapability {
    pub(crate) fn new(room: Arc<Room>, statistics: Arc<Statistics>) -> VmCapability {
        VmCapability { room, statistics }
    }
}

/// What one round sees.
struct Snapshot {
    view: Arc<View>,
    room: Arc<Room>,
}

impl Capability for VmCapability {
    fn package(&self) -> &'static str {
        "vdsm:vm"
    }

    fn functions(&self) -> &'static [FunctionSpec] {
        FUNCTIONS
    }

    fn subject_kinds(&self) -> &'static [&'static str] {
        &[KIND]
    }

    fn link(&self, interface: &str, linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        match interface {
            ASK => ask::add_to_linker::<CallState, InCall>(linker, over),
            PLAN => plan::add_to_linker::<CallState, InCall>(linker, over),
            other => Err(wasmtime::Error::msg(format!("`{other}` is no interface of vdsm:vm"))),
        }
    }

    fn snapshot(&self, _call: &CallFacts) -> Box<dyn Any + Send> {
        Box::new(Snapshot { view: self.room.vms.view(), room: self.room.clone() })
    }

    fn steps(&self) -> Vec<Arc<dyn StepKind>> {
        kinds(&self.room, &self.statistics)
    }
}

/// The room's functions over one call.
struct Call<'a>(&'a mut CallState);

fn over(state: &mut CallState) -> Call<'_> {
    Call(state)
}

struct InCall;

impl HasData for InCall {
    type Data<'a> = Call<'a>;
}

impl Call<'_> {
    fn id(&mut self, handle: &Resource<VmHandle>) -> wasmtime::Result<String> {
        Ok(self.0.table().get(handle)?.id.clone())
    }

    /// The machine of a handle, at the round's instant.
    fn machine(&mut self, handle: &Resource<VmHandle>) -> wasmtime::Result<Option<Arc<VmView>>> {
        let id = self.id(handle)?;
        Ok(self.0.room::<Snapshot>()?.view.get(&id).cloned())
    }

    fn hand_out(&mut self, id: &str) -> wasmtime::Result<Resource<VmHandle>> {
        Ok(self.0.table().push(VmHandle { id: id.to_owned() })?)
    }

    /// Records a step about the machine of a handle, where the grant of `function` reaches it.
    fn plan(&mut self, function: &str, handle: &Resource<VmHandle>, step: impl FnOnce(&str) -> Step) -> wasmtime::Result<u32> {
        let id = self.id(handle)?;
        self.0.allow(PLAN, function, KIND, &id)?;
        self.0.plan(step(&id))
    }
}

fn state_of(state: State) -> ask::State {
    match state {
        State::WaitForLaunch => ask::State::WaitForLaunch,
        State::Up => ask::State::Up,
        State::RebootInProgress => ask::State::RebootInProgress,
        State::Paused => ask::State::Paused,
        State::PoweringDown => ask::State::PoweringDown,
        State::MigrationSource => ask::State::MigrationSource,
        State::MigrationDestination => ask::State::MigrationDestination,
        State::SavingState => ask::State::SavingState,
        State::RestoringState => ask::State::RestoringState,
        State::Down => ask::State::Down,
    }
}

impl ask::HostVm for Call<'_> {
    fn id(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<String> {
        Call::id(self, &handle)
    }

    fn state(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<ask::State> {
        // A machine that is out of sight is in its last state: managers are told so, and statistics say that it does not respond.
        Ok(self.machine(&handle)?.map_or(ask::State::Absent, |view| state_of(view.record.machine.state())))
    }

    fn conf(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<Option<types::Tree>> {
        Ok(self.machine(&handle)?.map(|view| Tree::clone(view.listed()).into()))
    }

    fn held_conf(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<Option<types::Tree>> {
        let Some(view) = self.machine(&handle)? else { return Ok(None) };
        let mut out = TreeBuilder::new();
        out.held(self.0.held().keep(Held::Tree(view.listed().clone())));
        Ok(Some(out.finish()?.into()))
    }

    fn document(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.machine(&handle)?.and_then(|view| view.record.document.as_deref().map(str::to_owned)))
    }

    fn drop(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<()> {
        self.0.table().delete(handle)?;
        Ok(())
    }
}

impl ask::Host for Call<'_> {
    fn subject(&mut self, index: u32, item: u32) -> wasmtime::Result<Option<Resource<VmHandle>>> {
        let Some(found) = self.0.facts().subject(index, item).filter(|found| found.kind == KIND) else { return Ok(None) };
        let id = found.id.clone();
        self.0.allow(ASK, "subject", KIND, &id)?;
        self.hand_out(&id).map(Some)
    }

    fn subjects(&mut self, index: u32) -> wasmtime::Result<u32> {
        let items = self.0.facts().subjects.get(index as usize).map_or(0, Vec::len);
        Ok(u32::try_from(items).unwrap_or(u32::MAX))
    }

    fn all(&mut self) -> wasmtime::Result<Vec<Resource<VmHandle>>> {
        let view = self.0.room::<Snapshot>()?.view.clone();
        view.keys().map(|id| self.hand_out(id)).collect()
    }

    fn states(&mut self) -> wasmtime::Result<Vec<(String, ask::State)>> {
        let view = &self.0.room::<Snapshot>()?.view;
        Ok(view.iter().map(|(id, view)| (id.clone(), state_of(view.record.machine.state()))).collect())
    }

    fn channel_directory(&mut self) -> wasmtime::Result<String> {
        Ok(self.0.room::<Snapshot>()?.room.channels.display().to_string())
    }
}

impl plan::Host for Call<'_> {
    fn register(&mut self, handle: Resource<VmHandle>, conf: types::Tree) -> wasmtime::Result<u32> {
        let conf = Tree::try_from(conf)?;
        // The record is the machine's own: what the module placed by name is put in its place first.
        let conf = self.0.held().expand(conf.root());
        self.plan("register", &handle, |id| Register::plan(id, &conf))
    }

    fn run_hooks(&mut self, handle: Resource<VmHandle>, point: String, document: String) -> wasmtime::Result<u32> {
        hook_point(&point).map_err(wasmtime::Error::msg)?;
        let view = self.machine(&handle)?;
        self.plan("run-hooks", &handle, |id| RunHooks::plan(id, &point, &document, view.as_deref().map(|view| &view.record)))
    }

    fn start(&mut self, handle: Resource<VmHandle>, domain_xml: String, paused: bool) -> wasmtime::Result<u32> {
        let mode = if paused { StartMode::Paused } else { StartMode::Running };
        self.plan("start", &handle, |id| Start::plan(id, &domain_xml, mode))
    }

    fn release(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<u32> {
        self.plan("release", &handle, Release::plan)
    }

    fn pause(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<u32> {
        self.plan("pause", &handle, |id| Control::Pause.plan(id))
    }

    fn cont(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<u32> {
        self.plan("cont", &handle, |id| Control::Cont.plan(id))
    }

    fn shutdown(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<u32> {
        self.plan("shutdown", &handle, |id| Control::Shutdown.plan(id))
    }

    fn statistics(&mut self, handle: Resource<VmHandle>) -> wasmtime::Result<u32> {
        self.plan("statistics", &handle, StatisticsOfOne::plan)
    }

    fn statistics_of_all(&mut self) -> wasmtime::Result<u32> {
        self.0.plan(StatisticsOfAll::plan())
    }

    fn balloon(&mut self, handle: Resource<VmHandle>, target_kib: u64) -> wasmtime::Result<u32> {
        self.plan("balloon", &handle, |id| Control::plan_balloon(id, target_kib))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use super::*;

    /// Functions of an interface as the published text has them, without the methods of its resources.
    fn published(interface: &str) -> Vec<String> {
        let text = include_str!("../../../wit/deps/vm/vm.wit");
        let body = text.split(&format!("interface {interface} {{")).nth(1).unwrap().split("\n}").next().unwrap();
        let functions = body.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        functions.filter_map(|line| line.split_once(": func(")).map(|(name, _)| name.trim().to_owned()).collect()
    }

    #[test]
    fn every_published_function_can_be_granted_and_no_other() {
        for (interface, package) in [("ask", ASK), ("plan", PLAN)] {
            let mut offered: Vec<_> =
                FUNCTIONS.iter().filter(|function| function.interface == package).map(|function| function.name.to_owned()).collect();
            let mut published = published(interface);
            offered.sort();
            published.sort();
            assert_eq!(offered, published);
        }
    }

    #[test]
    fn plan_functions_record_a_step_and_asks_none() {
        for function in FUNCTIONS {
            assert_eq!(function.step.is_some(), function.interface == PLAN, "{}", function.name);
        }
    }
}

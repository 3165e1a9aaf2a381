//! What modules may ask of the host: the package `vdsm:host`. Everything is read from the board; nothing waits.

mod trees;

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;
use vdsm_core::jobs::StepKind;
use vdsm_core::tree::Tree;
use vdsm_modules::capability::Capability;
use vdsm_modules::grant::{FunctionSpec, ScopeRule};
use vdsm_modules::state::{CallFacts, CallState};
use vdsm_modules::wire::types;
use wasmtime::component::{HasData, Linker};

use crate::board::{Board, Network, Statistics};
use crate::facts::Facts;
use crate::hypervisor::{HypervisorFacts, HypervisorView, MachineLoad};
use crate::settings::Settings;

#[allow(missing_docs, unreachable_pub)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "vdsm:worlds/capability-host",
        imports: { default: trappable },
        with: { "vdsm:wire/types": vdsm_modules::wire::types },
    });
}
use bindings::vdsm::host::ask;

const ASK: &str = "vdsm:host/ask";

const fn flag(name: &'static str) -> FunctionSpec {
    FunctionSpec { interface: ASK, name, rule: ScopeRule::Flag, step: None }
}

const FUNCTIONS: &[FunctionSpec] = &[
    flag("identity"),
    flag("hardware"),
    flag("packages"),
    flag("network"),
    flag("statistics"),
    flag("client"),
    FunctionSpec { interface: ASK, name: "setting", rule: ScopeRule::Names, step: None },
];

/// The room's offer to modules.
pub struct HostCapability {
    board: Arc<Board>,
    hypervisor: Arc<dyn HypervisorView>,
    settings: Settings,
    start: Start,
}

/// What names this start of the daemon.
#[derive(Clone)]
struct Start {
    generation: Arc<str>,
    boot: Arc<str>,
}

impl HostCapability {
    /// Over `board`; `boot` is the identity of this boot of the kernel ([`vdsm_core::clock::boot_id`]).
    pub fn new(board: Arc<Board>, hypervisor: Arc<dyn HypervisorView>, settings: Settings, boot: &str) -> HostCapability {
        let start = Start { generation: Uuid::new_v4().to_string().into(), boot: boot.into() };
        HostCapability { board, hypervisor, settings, start }
    }
}

impl Capability for HostCapability {
    fn package(&self) -> &'static str {
        "vdsm:host"
    }

    fn functions(&self) -> &'static [FunctionSpec] {
        FUNCTIONS
    }

    fn subject_kinds(&self) -> &'static [&'static str] {
        &[]
    }

    fn check_name(&self, function: &FunctionSpec, name: &str) -> Result<(), String> {
        if function.name == "setting" && self.settings.knows(name) {
            return Ok(());
        }
        Err(format!("`{name}` is no setting of vdsm.conf; they are named `section.key`"))
    }

    fn link(&self, interface: &str, linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        match interface {
            ASK => ask::add_to_linker::<CallState, InCall>(linker, in_call),
            other => Err(wasmtime::Error::msg(format!("`{other}` is no interface of vdsm:host"))),
        }
    }

    fn snapshot(&self, _call: &CallFacts) -> Box<dyn Any + Send> {
        Box::new(Snapshot {
            at: Instant::now(),
            started: self.board.started(),
            facts: self.board.facts(),
            network: self.board.network(),
            statistics: self.board.statistics(),
            hypervisor: self.hypervisor.facts(),
            load: self.hypervisor.load(),
            settings: self.settings.clone(),
            start: self.start.clone(),
        })
    }

    fn steps(&self) -> Vec<Arc<dyn StepKind>> {
        Vec::new()
    }
}

/// What one round sees.
struct Snapshot {
    at: Instant,
    started: Instant,
    facts: Arc<Facts>,
    network: Arc<Network>,
    statistics: Arc<Statistics>,
    hypervisor: Arc<HypervisorFacts>,
    load: MachineLoad,
    settings: Settings,
    start: Start,
}

/// The room's functions over one call.
struct Room<'a>(&'a mut CallState);

struct InCall;

impl HasData for InCall {
    type Data<'a> = Room<'a>;
}

fn in_call(state: &mut CallState) -> Room<'_> {
    Room(state)
}

impl Room<'_> {
    fn snapshot(&self) -> wasmtime::Result<&Snapshot> {
        self.0.room::<Snapshot>()
    }

    fn tree(&self, make: impl FnOnce(&Snapshot) -> Tree) -> wasmtime::Result<types::Tree> {
        Ok(make(self.snapshot()?).into())
    }
}

impl ask::Host for Room<'_> {
    fn identity(&mut self) -> wasmtime::Result<types::Tree> {
        self.tree(|seen| trees::identity(&seen.facts, &seen.start.generation, &seen.start.boot))
    }

    fn hardware(&mut self) -> wasmtime::Result<types::Tree> {
        self.tree(|seen| trees::hardware(&seen.facts, &seen.hypervisor))
    }

    fn packages(&mut self) -> wasmtime::Result<types::Tree> {
        self.tree(|seen| trees::packages(&seen.facts))
    }

    fn network(&mut self) -> wasmtime::Result<types::Tree> {
        self.tree(|seen| trees::network(&seen.network.links))
    }

    fn statistics(&mut self) -> wasmtime::Result<types::Tree> {
        self.tree(|seen| {
            let ages = trees::Ages {
                daemon: seen.at.duration_since(seen.started),
                sample: seen.at.duration_since(seen.statistics.sampled.unwrap_or(seen.started)),
            };
            trees::statistics(&seen.statistics, ages, seen.load)
        })
    }

    fn client(&mut self) -> wasmtime::Result<types::Tree> {
        let client = self.0.facts().client.clone();
        self.tree(|seen| trees::client(&client, seen.network.addresses.owner(&client.local)))
    }

    fn setting(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.0.allow(ASK, "setting", "setting", &name)?;
        Ok(self.snapshot()?.settings.value(&name))
    }
}

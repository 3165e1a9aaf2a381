//! Calling a module: a fresh store, its budgets, one export, and what came of it.

use std::collections::HashMap;
use std::sync::Arc;

use vdsm_core::descriptor::Descriptor;
use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{Answer, Decision, Fact, JobId, Order, Planned, Round};
use vdsm_core::status::Status;
use vdsm_core::tree::{Kind, Tree, TreeError};
use wasmtime::component::{ResourceTable, ResourceTableError};
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::limits::{MemoryLimiter, Spent};
use crate::module::{Exports, Module, snapshot_key};
use crate::placed;
use crate::shaper::Samples;
use crate::state::{CallFacts, CallState, Denied};

/// Bindings of what modules export.
#[allow(missing_docs, unreachable_pub)]
pub(crate) mod bindings {
    pub mod verb {
        wasmtime::component::bindgen!({
            path: "../../wit",
            world: "vdsm:worlds/host-verb",
            imports: { default: trappable },
            exports: { default: async },
            with: { "vdsm:wire/types": crate::wire::types },
        });
    }
    pub mod shaper {
        wasmtime::component::bindgen!({
            path: "../../wit",
            world: "vdsm:worlds/host-shaper",
            imports: { default: trappable },
            exports: { default: async },
            with: { "vdsm:wire/types": crate::wire::types },
        });
    }
    pub mod hook {
        wasmtime::component::bindgen!({
            path: "../../wit",
            world: "vdsm:worlds/host-hook",
            imports: { default: trappable },
            exports: { default: async },
            with: { "vdsm:wire/types": crate::wire::types },
        });
    }
    pub mod policy {
        wasmtime::component::bindgen!({
            path: "../../wit",
            world: "vdsm:worlds/host-policy",
            imports: { default: trappable },
            exports: { default: async },
            with: { "vdsm:wire/types": crate::wire::types },
        });
    }
}
use bindings::policy::exports::vdsm::policy::memory as policy_memory;
use bindings::verb::exports::vdsm::verb::handler;

/// Largest note between rounds, names of members included.
const MAX_NOTE: usize = 64 << 10;

/// Why a call of a module came to nothing. Each is an outcome of its own on the wire, in the log and in metrics.
#[derive(Debug, thiserror::Error)]
pub enum CallFailure {
    /// It trapped.
    #[error("module {module} trapped: {cause}")]
    Trap {
        /// Name and digest.
        module: Arc<str>,
        /// The trap, and where.
        cause: String,
    },
    /// A budget is spent.
    #[error("module {module} {spent}")]
    Spent {
        /// Name and digest.
        module: Arc<str>,
        /// Which.
        spent: String,
    },
    /// It reached for what it was not granted.
    #[error("module {module} was denied: {denied}")]
    Denied {
        /// Name and digest.
        module: Arc<str>,
        /// What.
        denied: String,
    },
    /// What it returned makes no sense.
    #[error("module {module} answered nonsense: {what}")]
    BadOutput {
        /// Name and digest.
        module: Arc<str>,
        /// What is wrong with it.
        what: String,
    },
    /// The runtime is closing.
    #[error("no module is called any more")]
    Closing,
}

impl CallFailure {
    /// The word in logs and metrics: `trap`, `budget`, `denied`, `bad-output`, `closing`.
    pub fn outcome(&self) -> &'static str {
        match self {
            CallFailure::Trap { .. } => "trap",
            CallFailure::Spent { .. } => "budget",
            CallFailure::Denied { .. } => "denied",
            CallFailure::BadOutput { .. } => "bad-output",
            CallFailure::Closing => "closing",
        }
    }
}

fn classify(module: &Module, error: wasmtime::Error) -> CallFailure {
    let label = module.label.clone();
    if let Some(spent) = error.downcast_ref::<Spent>() {
        return CallFailure::Spent { module: label, spent: spent.to_string() };
    }
    if let Some(denied) = error.downcast_ref::<Denied>() {
        return CallFailure::Denied { module: label, denied: denied.to_string() };
    }
    if let Some(tree) = error.downcast_ref::<TreeError>() {
        return CallFailure::BadOutput { module: label, what: tree.to_string() };
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        // Where in the component is for its author, in the log; who called hears what happened.
        tracing::warn!(module = %label, error = format!("{error:#}").replace('\n', " "), "trapped");
        return CallFailure::Trap { module: label, cause: trap.to_string() };
    }
    let what = error.root_cause().to_string();
    // What is left breaks the contract of the interface (a kind that does not exist, text that is none), or is a limit that the engine
    // tells by its message alone.
    let full = matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full));
    if full || what.contains("handle limit exceeded") {
        return CallFailure::Spent { module: label, spent: format!("holds more than its {} handles", module.manifest.budget.handles) };
    }
    if what.contains("allocated for hostcalls") {
        return CallFailure::Spent { module: label, spent: format!("was stopped: {what}") };
    }
    CallFailure::BadOutput { module: label, what }
}

/// A store for one call, its budgets armed.
fn store(module: &Module, facts: Arc<CallFacts>, held: HeldTable) -> Store<CallState> {
    let budget = module.manifest.budget;
    let mut table = ResourceTable::new();
    table.set_max_capacity(budget.handles);
    let rooms: HashMap<_, _> = module
        .rooms
        .iter()
        .map(|room| {
            let snapshot = room.snapshot(&facts);
            (snapshot_key(&*snapshot), snapshot)
        })
        .collect();
    let state = CallState {
        table,
        steps: Vec::new(),
        held,
        grant: module.grant.clone(),
        facts,
        budget,
        module: module.label.clone(),
        rooms,
        memory: MemoryLimiter::new(&budget),
        ticks: 0,
        log_left: budget.log_bytes,
        placed_left: budget.copied_kib << 10,
    };
    let mut store = Store::new(module.runtime.engine(), state);
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(budget.copied_kib << 10);
    store.set_max_component_handles(budget.handles);
    store.set_epoch_deadline(1);
    let most = budget.ticks();
    store.epoch_deadline_callback(move |mut context| {
        let state = context.data_mut();
        state.ticks += 1;
        if state.ticks > most { Err(Spent::Cpu(state.budget.cpu_ms).into()) } else { Ok(UpdateDeadline::Yield(1)) }
    });
    store
}

/// What a verb module said of itself.
pub(crate) async fn describe(module: &Module) -> Result<Vec<Descriptor>, CallFailure> {
    let Exports::Verb { handler, .. } = &module.exports else { return Ok(Vec::new()) };
    let _slot = module.runtime.slot().await.ok_or(CallFailure::Closing)?;
    let mut store = store(module, nobody(), HeldTable::new());
    let instance = handler.instantiate_async(&mut store).await.map_err(|error| classify(module, error))?;
    let described = instance.vdsm_verb_handler().call_describe(&mut store).await.map_err(|error| classify(module, error))?;
    let bad = |what: String| CallFailure::BadOutput { module: module.label.clone(), what };
    described.into_iter().map(|descriptor| crate::describe::descriptor(descriptor).map_err(bad)).collect()
}

/// Instantiates a module that describes nothing, so that one that cannot even start is refused at load.
pub(crate) async fn smoke(module: &Module) -> Result<(), CallFailure> {
    let _slot = module.runtime.slot().await.ok_or(CallFailure::Closing)?;
    let mut store = store(module, nobody(), HeldTable::new());
    let started = match &module.exports {
        Exports::Verb { handler, .. } => handler.instantiate_async(&mut store).await.map(drop),
        Exports::Hook(hook) => hook.instantiate_async(&mut store).await.map(drop),
        Exports::Policy(policy) => policy.instantiate_async(&mut store).await.map(drop),
    };
    started.map_err(|error| classify(module, error))
}

fn nobody() -> Arc<CallFacts> {
    Arc::new(CallFacts {
        descriptor: None,
        arguments: Arc::new(Tree::nil()),
        subjects: Vec::new(),
        job: JobId(String::new()),
        time: 0,
        seed: 0,
        client: Default::default(),
    })
}

/// One round of a verb: the decision and the steps it planned.
pub(crate) async fn decide(
    module: &Module,
    verb: &str,
    facts: &Arc<CallFacts>,
    held: &HeldTable,
    outcomes: Vec<Fact>,
    note: Option<Tree>,
) -> Result<Decision, CallFailure> {
    let Exports::Verb { handler, .. } = &module.exports else {
        return Err(CallFailure::BadOutput { module: module.label.clone(), what: "it is no verb module".into() });
    };
    let _slot = module.runtime.slot().await.ok_or(CallFailure::Closing)?;
    let mut store = store(module, facts.clone(), held.clone());
    let instance = handler.instantiate_async(&mut store).await.map_err(|error| classify(module, error))?;
    let call = handler::Call {
        verb: verb.to_owned(),
        arguments: Tree::clone(&facts.arguments).into(),
        job: facts.job.0.clone(),
        time: facts.time,
        seed: facts.seed,
        note: note.map(Into::into),
    };
    let outcomes: Vec<_> = outcomes.into_iter().map(Into::into).collect();
    let decided = instance.vdsm_verb_handler().call_decide(&mut store, &call, &outcomes).await.map_err(|error| classify(module, error))?;
    let steps = std::mem::take(&mut store.data_mut().steps);
    decision(decided, steps, held, store.data().placed_left).map_err(|error| classify(module, error))
}

fn decision(decided: handler::Decision, steps: Vec<Planned>, held: &HeldTable, most: usize) -> wasmtime::Result<Decision> {
    let nonsense = |what: &str| Err(wasmtime::Error::msg(what.to_owned()));
    match decided {
        handler::Decision::Act(act) => {
            let order = match act.order {
                handler::Order::InTurn => Order::InTurn,
                handler::Order::Together => Order::Together,
            };
            let again = act.again.map(Tree::try_from).transpose()?;
            if again.as_ref().is_some_and(|note| placed::size(note) > MAX_NOTE) {
                return nonsense(&format!("a note of more than {MAX_NOTE} bytes"));
            }
            Ok(Decision::Act(Round { order, steps, again }))
        }
        _ if !steps.is_empty() => nonsense("steps were planned, but the decision is not `act`"),
        handler::Decision::Reply(answer) => {
            let members = crate::base::answer_members(answer.members)?;
            placed::check(&members, held, most)?;
            Ok(Decision::Reply(Answer { members, message: answer.message, held: held.clone() }))
        }
        handler::Decision::Refuse(status) if status.code == 0 => nonsense("a refusal with code 0"),
        handler::Decision::Refuse(status) => Ok(Decision::Refuse(Status::from(status))),
    }
}

/// One hook of a chain. The inner error is the hook's own.
pub(crate) async fn edit(
    module: &Module,
    facts: &Arc<CallFacts>,
    snapshot: &bindings::hook::exports::vdsm::hook::domain_hook::Snapshot,
) -> Result<
    Result<bindings::hook::exports::vdsm::hook::domain_hook::Verdict, bindings::hook::exports::vdsm::hook::domain_hook::Failure>,
    CallFailure,
> {
    let Exports::Hook(hook) = &module.exports else {
        return Err(CallFailure::BadOutput { module: module.label.clone(), what: "it is no hook".into() });
    };
    let _slot = module.runtime.slot().await.ok_or(CallFailure::Closing)?;
    let mut store = store(module, facts.clone(), HeldTable::new());
    let instance = hook.instantiate_async(&mut store).await.map_err(|error| classify(module, error))?;
    instance.vdsm_hook_domain_hook().call_edit(&mut store, snapshot, &[]).await.map_err(|error| classify(module, error))
}

/// Shapes samples: an array with a structure for each machine.
pub(crate) async fn shape(module: &Module, samples: Samples) -> Result<Tree, CallFailure> {
    let Exports::Verb { shaper: Some(pre), .. } = &module.exports else {
        return Err(CallFailure::BadOutput { module: module.label.clone(), what: "it shapes nothing".into() });
    };
    let (machines, samples) = (samples.machines(), samples.complete());
    let _slot = module.runtime.slot().await.ok_or(CallFailure::Closing)?;
    let mut store = store(module, nobody(), HeldTable::new());
    let instance = pre.instantiate_async(&mut store).await.map_err(|error| classify(module, error))?;
    let shaped = instance.vdsm_vm_shaper().call_shape(&mut store, &samples).await.map_err(|error| classify(module, error))?;
    let shaped = tree(module, shaped)?;
    let count = if shaped.root().kind() == Kind::Array { shaped.root().len() } else { 0 };
    if count != machines {
        let what = format!("{count} structures for {machines} machines");
        return Err(CallFailure::BadOutput { module: module.label.clone(), what });
    }
    Ok(shaped)
}

pub(crate) fn not_a(module: &Module, kind: &str) -> CallFailure {
    CallFailure::BadOutput { module: module.label.clone(), what: format!("it is no {kind}") }
}

pub(crate) fn tree(module: &Module, tree: crate::wire::types::Tree) -> Result<Tree, CallFailure> {
    Tree::try_from(tree).map_err(|error| CallFailure::BadOutput { module: module.label.clone(), what: error.to_string() })
}

/// Asks a policy whether it accepts parameters.
pub(crate) async fn check_policy(module: &Module, parameters: Tree) -> Result<Result<(), Status>, CallFailure> {
    let Exports::Policy(policy) = &module.exports else { return Err(not_a(module, "policy")) };
    let _slot = module.runtime.slot().await.ok_or(CallFailure::Closing)?;
    let mut store = store(module, nobody(), HeldTable::new());
    let instance = policy.instantiate_async(&mut store).await.map_err(|error| classify(module, error))?;
    let checked = instance.vdsm_policy_memory().call_check(&mut store, &parameters.into()).await;
    Ok(checked.map_err(|error| classify(module, error))?.map_err(Status::from))
}

/// One tick of a policy.
pub(crate) async fn decide_policy(
    module: &Module,
    time: u64,
    seed: u64,
    subjects: &[policy_memory::Subject],
    parameters: Tree,
    memory: Option<&policy_memory::Memory>,
) -> Result<(Vec<policy_memory::Decision>, Option<policy_memory::Memory>), CallFailure> {
    let Exports::Policy(policy) = &module.exports else { return Err(not_a(module, "policy")) };
    let _slot = module.runtime.slot().await.ok_or(CallFailure::Closing)?;
    let mut store = store(module, nobody(), HeldTable::new());
    let instance = policy.instantiate_async(&mut store).await.map_err(|error| classify(module, error))?;
    let guest = instance.vdsm_policy_memory();
    guest.call_decide(&mut store, time, seed, subjects, &parameters.into(), memory).await.map_err(|error| classify(module, error))
}

//! The way of a call: from a verb name and its arguments to a reply, by the descriptor of whoever serves it.
//!
//! Nothing here knows a verb. What the descriptor says is done before a module is instantiated: recovery, arity, subjects, leases.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use vdsm_core::catalogue;
use vdsm_core::clock;
use vdsm_core::descriptor::{ArgumentPath, Descriptor, Plane};
use vdsm_core::errors;
use vdsm_core::jobs::{Answer, Decider, Engine, JobId, Request};
use vdsm_core::lease::{LeaseKey, LeaseKind, LeaseWish};
use vdsm_core::status::Status;
use vdsm_core::tree::{Tree, TreeBuilder};
use vdsm_hypervisor::libvirt;
use vdsm_modules::decider::ModuleDecider;
use vdsm_modules::registry::Registry;
use vdsm_modules::state::{CallFacts, Client, SubjectItem};
use vdsm_xmlrpc::{Caller, Fault, MethodCall, Reply, Service};

use super::introspection;

/// A verb that is served without a module when the module that should serve it is missing: always listed, never refused.
pub(super) trait NativeVerb: Send + Sync + 'static {
    /// What it is.
    fn descriptor(&self) -> &Arc<Descriptor>;
    /// Its plan for one call.
    fn decider(&self, facts: &Arc<CallFacts>) -> Box<dyn Decider>;
}

/// Answers the manager's calls.
pub(super) struct Dispatch {
    registry: Arc<Registry>,
    engine: Arc<Engine>,
    native: Vec<Arc<dyn NativeVerb>>,
    libvirt: watch::Receiver<libvirt::Status>,
    recovering: AtomicBool,
}

/// Who carries a verb out.
enum Server {
    Module(vdsm_modules::generation::ServedVerb),
    Native(Arc<dyn NativeVerb>),
}

impl Server {
    fn descriptor(&self) -> &Arc<Descriptor> {
        match self {
            Server::Module(verb) => &verb.descriptor,
            Server::Native(verb) => verb.descriptor(),
        }
    }
}

impl Dispatch {
    /// A dispatcher that answers global verbs with 99 until [`Dispatch::recovered`].
    pub(super) fn new(
        registry: Arc<Registry>,
        engine: Arc<Engine>,
        native: Vec<Arc<dyn NativeVerb>>,
        libvirt: watch::Receiver<libvirt::Status>,
    ) -> Dispatch {
        Dispatch { registry, engine, native, libvirt, recovering: AtomicBool::new(true) }
    }

    /// Virtual machines are found again: global verbs are served from now on.
    pub(super) fn recovered(&self) {
        self.recovering.store(false, Ordering::Release);
    }

    /// Whether global verbs answer 99.
    pub(super) fn is_recovering(&self) -> bool {
        self.recovering.load(Ordering::Acquire)
    }

    /// What the end of 99 waits for.
    fn awaited(&self) -> String {
        match &*self.libvirt.borrow() {
            libvirt::Status::Connecting { reason, .. } => format!("libvirt: {reason}"),
            libvirt::Status::Up { .. } => "machines are being found again".to_owned(),
        }
    }

    fn server(&self, verb: &str) -> Option<Server> {
        match self.registry.current().verb(verb) {
            Some(served) => Some(Server::Module(served.clone())),
            None => self.native.iter().find(|native| native.descriptor().name == verb).cloned().map(Server::Native),
        }
    }

    /// The descriptors of everything that is served, by name.
    pub(super) fn served(&self) -> Vec<Arc<Descriptor>> {
        let generation = self.registry.current();
        let mut served: Vec<_> = generation.verbs().map(|verb| verb.descriptor.clone()).collect();
        served
            .extend(self.native.iter().map(|native| native.descriptor().clone()).filter(|native| generation.verb(&native.name).is_none()));
        served.sort_by(|a, b| a.name.cmp(&b.name));
        served
    }

    async fn verb(&self, call: MethodCall) -> Result<Reply, Fault> {
        let Some(server) = self.server(&call.method) else { return self.unserved(&call.method).map(refuse) };
        let descriptor = server.descriptor().clone();
        let flow = call.caller.flow_id.clone().unwrap_or_default();
        tracing::debug!(verb = %call.method, peer = %call.caller.peer, flow, "call");
        if descriptor.plane == Plane::Global && self.is_recovering() {
            return Ok(refuse(catalogue::recovering().with_detail(self.awaited())));
        }
        let given = call.arguments.root().len();
        if !descriptor.arity().contains(&given) {
            return Ok(refuse(catalogue::wrong_arity(&call.method, descriptor.plane, &descriptor.arity(), given)));
        }
        let verb = call.method.clone();
        let outcome = self.run(&server, &descriptor, call).await;
        let reply = match outcome {
            Ok(answer) => accept(descriptor.plane, answer),
            Err(status) => {
                tracing::info!(verb, flow, %status, "refused");
                refuse(status)
            }
        };
        tracing::debug!(verb, flow, "return");
        Ok(reply)
    }

    async fn run(&self, server: &Server, descriptor: &Arc<Descriptor>, call: MethodCall) -> Result<Answer, Status> {
        let id = uuid::Uuid::new_v4();
        let arguments = Arc::new(call.arguments);
        let (subjects, leases) = subjects(descriptor, &arguments);
        let facts = Arc::new(CallFacts {
            descriptor: Some(descriptor.clone()),
            arguments,
            subjects,
            job: JobId(id.to_string()),
            time: clock::now(),
            seed: id.as_u64_pair().1,
            client: Client { peer: call.caller.peer, local: call.caller.local },
        });
        let request = Request {
            id: facts.job.clone(),
            verb: descriptor.name.clone(),
            leases,
            held: call.held.clone(),
            arrived: call.arrived,
            answer_within: Duration::from_millis(u64::from(descriptor.answer_ms)),
            default_error: descriptor.default_error.clone(),
        };
        let decider: Box<dyn Decider> = match server {
            Server::Module(verb) => Box::new(ModuleDecider::new(verb.clone(), facts, call.held)),
            Server::Native(verb) => verb.decider(&facts),
        };
        self.engine.run(request, decider).await
    }

    fn unserved(&self, method: &str) -> Result<Status, Fault> {
        if let Some(refused) = self.registry.current().refused_for(method) {
            let plane = catalogue::lookup(method).map_or(Plane::Global, |entry| entry.plane);
            return Ok(catalogue::refused(method, plane, &refused.name));
        }
        catalogue::unserved(method).ok_or_else(|| Fault::not_supported(method))
    }
}

#[async_trait::async_trait]
impl Service for Dispatch {
    fn secrets(&self, method: &str) -> Arc<[ArgumentPath]> {
        // Both: a module that forgets a secret VDSM has does not make it one less.
        let served = self.server(method).map(|server| server.descriptor().secrets.clone()).unwrap_or_default();
        let known = catalogue::lookup(method).map(|entry| entry.secret_paths().collect::<Vec<_>>()).unwrap_or_default();
        let missing = known.into_iter().filter(|path| !served.contains(path)).collect::<Vec<_>>();
        served.into_iter().chain(missing).collect()
    }

    /// No verb waits for a sign of the manager yet.
    fn seen(&self, _caller: &Caller) {}

    async fn call(&self, call: MethodCall) -> Result<Reply, Fault> {
        match call.method.strip_prefix("system.") {
            Some(method) => introspection::answer(method, &call.arguments, &self.served()),
            None => self.verb(call).await,
        }
    }
}

/// The things a call is about, and the leases it takes on them.
fn subjects(descriptor: &Descriptor, arguments: &Tree) -> (Vec<Vec<SubjectItem>>, Vec<LeaseWish>) {
    let mut leases = Vec::new();
    let mut all = Vec::new();
    for subject in &descriptor.subjects {
        let mut items = Vec::new();
        for id in subject.path.find(arguments.root()).into_iter().filter_map(|value| value.as_text()) {
            let key = LeaseKind::parse(&subject.kind).map(|kind| LeaseKey { kind, id: id.to_owned() });
            let lease = match (subject.access, key) {
                (Some(access), Some(key)) => {
                    leases.push(LeaseWish { key: key.clone(), access, busy: subject.busy.clone() });
                    Some(key)
                }
                _ => None,
            };
            items.push(SubjectItem { kind: subject.kind.clone(), id: id.to_owned(), lease });
        }
        all.push(items);
    }
    (all, leases)
}

fn status_at(builder: &mut TreeBuilder, code: i32, message: &str) {
    builder.object_at("status", |status| {
        status.int_at("code", code).text_at("message", message);
    });
}

/// A reply that is only a status.
pub(super) fn refuse(status: Status) -> Reply {
    let value = Tree::object(|builder| status_at(builder, status.code, &status.text()));
    Reply { value, held: Default::default() }
}

fn accept(plane: Plane, answer: Answer) -> Reply {
    let value = Tree::object(|builder| {
        match &answer.message {
            Some(message) => status_at(builder, 0, message),
            None => status_at(builder, 0, &errors::success(plane).text()),
        }
        for (key, member) in answer.members.root().members() {
            builder.value_at(key, member);
        }
    });
    Reply { value, held: answer.held }
}

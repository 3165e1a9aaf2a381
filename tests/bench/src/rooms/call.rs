//! A call into the rooms, as the daemon's dispatcher makes it, less the port.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use vdsm_core::clock;
use vdsm_core::descriptor::Descriptor;
use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{JobId, Request};
use vdsm_core::lease::{LeaseKey, LeaseKind, LeaseWish};
use vdsm_core::tree::Tree;
use vdsm_hypervisor::vm::state::State;
use vdsm_modules::decider::ModuleDecider;
use vdsm_modules::state::{CallFacts, SubjectItem};

use super::Rooms;
use super::timed::{Rounds, TimedDecider};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Rooms {
    /// Calls `verb` and waits for its answer; the job may go on, and its rounds are added as they end.
    pub(crate) async fn call(&self, verb: &str, arguments: Tree) -> anyhow::Result<Rounds> {
        let served = self.registry.current().verb(verb).cloned().with_context(|| format!("nobody serves {verb}"))?;
        let descriptor = served.descriptor.clone();
        let (subjects, leases) = subjects(&descriptor, &arguments);
        let id = uuid::Uuid::new_v4();
        let facts = Arc::new(CallFacts {
            descriptor: Some(descriptor.clone()),
            arguments: Arc::new(arguments),
            subjects,
            job: JobId(id.to_string()),
            time: clock::now(),
            seed: id.as_u64_pair().1,
            client: Default::default(),
        });
        let held = HeldTable::new();
        let request = Request {
            id: facts.job.clone(),
            verb: verb.to_owned(),
            leases,
            held: held.clone(),
            arrived: Instant::now(),
            answer_within: Duration::from_millis(u64::from(descriptor.answer_ms)),
            default_error: descriptor.default_error.clone(),
        };
        let (decider, rounds) = TimedDecider::new(ModuleDecider::new(served, facts, held));
        let answer = self.engine.run(request, Box::new(decider)).await;
        answer.map(|_| rounds).map_err(|status| anyhow!("{verb}: {status}"))
    }

    /// Waits until the machine runs; as exact as tokio's clock, which is a millisecond.
    pub(crate) async fn running(&self, id: &str) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let view = self.hypervisor.machines().get(id).cloned().with_context(|| format!("machine {id} is not known"))?;
            match view.record.machine.state() {
                State::Up => return Ok(()),
                State::WaitForLaunch if Instant::now() < until => tokio::time::sleep(Duration::from_micros(200)).await,
                other => bail!("machine {id} does not run: {other:?}, {:?}", view.record.machine.exit),
            }
        }
    }

    /// Waits until the job of a call is over: until nobody else adds rounds.
    pub(crate) async fn over(&self, rounds: &Rounds) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while Arc::strong_count(rounds) > 1 {
            ensure!(Instant::now() < until, "a job does not end");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

/// What the call is about, and the leases it takes on it.
fn subjects(descriptor: &Descriptor, arguments: &Tree) -> (Vec<Vec<SubjectItem>>, Vec<LeaseWish>) {
    let mut leases = Vec::new();
    let mut all = Vec::new();
    for subject in &descriptor.subjects {
        let ids = subject.path.find(arguments.root()).into_iter().filter_map(|value| value.as_text());
        let items = ids.map(|id| {
            let lease = subject.access.zip(LeaseKind::parse(&subject.kind)).map(|(access, kind)| {
                let key = LeaseKey { kind, id: id.to_owned() };
                leases.push(LeaseWish { key: key.clone(), access, busy: subject.busy.clone() });
                key
            });
            SubjectItem { kind: subject.kind.clone(), id: id.to_owned(), lease }
        });
        all.push(items.collect());
    }
    (all, leases)
}

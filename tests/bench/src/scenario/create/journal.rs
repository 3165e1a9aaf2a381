//! Journalling a round: from the decision to its first step, beside a bare commit of the same bytes, both durable, in turn.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use redb::{Database, TableDefinition};
use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{
    Answer, Decider, Decision, Engine, Fact, JobId, Look, Nature, Order, Outcome, Owner, Pace, Planned, Request, Round, Step, StepCall,
    StepKind, StepSpec, Undone,
};
use vdsm_core::status::Status;
use vdsm_core::store::{Store, Table as Stored};
use vdsm_core::tree::Tree;

use crate::machine;
use crate::sample::Times;
use crate::setup::Setup;
use crate::table::{Goal, Table};

/// Of a bare commit.
const MOST_OF_COMMIT: f64 = 1.5;

/// As long as the id of a job.
const KEY: &str = "6b0a1f5e-0000-4000-8000-000000000000";
/// The engine's own rows, read as what they are: self-describing.
const ROWS: Stored<ciborium::Value> = Stored::new("jobs", 1);
const BARE: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("jobs");

pub(super) fn run(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let folder = setup.root.join("bench-journal");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let conf = machine::arguments(0, &machine::disks(&setup.root)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // In a task of the runtime, where the daemon's calls run as well: from outside of it each job would begin with the wake of a worker.
    let measured = runtime.spawn(measure(folder, conf, setup.journals));
    let (ours, put, bare, bytes) = runtime.block_on(measured)??;
    let from = format!("medians, in turn: {ours}; the store alone {put}; bare {bare}; {bytes} bytes a row");
    table.add("journalling a round, of a bare redb commit", ours.median / bare.median, "x", Goal::AtMost(MOST_OF_COMMIT), from);
    Ok(())
}

async fn measure(folder: PathBuf, conf: Tree, jobs: usize) -> anyhow::Result<(Times, Times, Times, usize)> {
    let store = Store::open(&folder.join("journal.redb"))?;
    let watch = Arc::new(Watch { store: store.clone(), decided: Mutex::default(), took: Mutex::default(), row: Mutex::default() });
    let kind: Arc<dyn StepKind> = Arc::new(Mark(watch.clone()));
    let engine = Engine::new(store, [kind], Pace::default(), None)?;
    // The first job is warm-up, and its row is the one the bare commits write.
    job(&engine, &watch, &conf).await?;
    let row = lock(&watch.row).take().context("the row of a job")?;
    lock(&watch.took).clear();
    let database = Arc::new(Database::create(folder.join("bare.redb"))?);
    bare(&database, &row)?;
    let (mut commits, mut puts) = (Vec::new(), Vec::new());
    for _ in 0..jobs {
        job(&engine, &watch, &conf).await?;
        puts.push(put(&watch.store, &row).await?);
        let (database, row) = (database.clone(), row.clone());
        commits.push(tokio::task::spawn_blocking(move || bare(&database, &row)).await??);
    }
    let took = std::mem::take(&mut *lock(&watch.took));
    Ok((Times::of(took), Times::of(puts), Times::of(commits), row.len()))
}

/// The row through the store, without a job around it.
async fn put(store: &Store, row: &[u8]) -> anyhow::Result<Duration> {
    let value: ciborium::Value = ciborium::from_reader(row)?;
    let begun = Instant::now();
    store.put(ROWS, KEY, value).await?;
    let took = begun.elapsed();
    store.write(|transaction| transaction.remove(ROWS, KEY)).await?;
    Ok(took)
}

/// A job of one round like the first of `create`: a record, two files, and the answer.
async fn job(engine: &Arc<Engine>, watch: &Arc<Watch>, conf: &Tree) -> anyhow::Result<()> {
    let request = Request {
        id: JobId(uuid::Uuid::new_v4().to_string()),
        verb: "create".into(),
        leases: Vec::new(),
        held: HeldTable::new(),
        arrived: Instant::now(),
        answer_within: Duration::from_secs(60),
        default_error: Status::new(16, "Unexpected exception", ""),
    };
    let decider = Plan { watch: watch.clone(), round: Some(round(conf)) };
    engine.run(request, Box::new(decider)).await.map(drop).map_err(|status| anyhow!("{status}"))
}

fn round(conf: &Tree) -> Round {
    let step =
        |parameters: Tree| Planned::Room(Step { kind: Mark::NAME.into(), version: 1, parameters, needs: None, owner: Owner::Nobody });
    let file = || Tree::object(|out| _ = out.text_at("path", "/var/lib/vdsm/bench/system.img"));
    Round { order: Order::InTurn, steps: vec![step(conf.clone()), step(file()), step(file())], again: Some(Tree::nil()) }
}

/// The same bytes under the same key, and gone again as the row of a job is; only the first commit is timed.
fn bare(database: &Database, row: &[u8]) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let transaction = database.begin_write()?;
    transaction.open_table(BARE)?.insert(KEY, row)?;
    transaction.commit()?;
    let took = begun.elapsed();
    let transaction = database.begin_write()?;
    transaction.open_table(BARE)?.remove(KEY)?;
    transaction.commit()?;
    Ok(took)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What decider and step tell each other.
struct Watch {
    store: Store,
    /// When the round was decided; taken by its first step.
    decided: Mutex<Option<Instant>>,
    took: Mutex<Vec<Duration>>,
    /// The first row that was seen, encoded.
    row: Mutex<Option<Vec<u8>>>,
}

/// Decides one round, then answers.
struct Plan {
    watch: Arc<Watch>,
    round: Option<Round>,
}

#[async_trait::async_trait]
impl Decider for Plan {
    async fn decide(&mut self, _facts: Vec<Fact>, _note: Option<Tree>) -> Result<Decision, Status> {
        let Some(round) = self.round.take() else {
            return Ok(Decision::Reply(Answer { members: Tree::empty_object(), message: None, held: HeldTable::new() }));
        };
        *lock(&self.watch.decided) = Some(Instant::now());
        Ok(Decision::Act(round))
    }
}

/// A step that does nothing but look at the clock.
struct Mark(Arc<Watch>);

impl Mark {
    const NAME: &'static str = "bench.mark";

    fn keep_row(&self, id: &JobId) -> anyhow::Result<()> {
        let row = self.0.store.get(ROWS, &id.0)?.context("no row")?;
        let mut bytes = Vec::new();
        ciborium::into_writer(&row, &mut bytes)?;
        lock(&self.0.row).get_or_insert(bytes);
        Ok(())
    }
}

#[async_trait::async_trait]
impl StepKind for Mark {
    fn spec(&self) -> StepSpec {
        StepSpec { name: Self::NAME, version: 1, nature: Nature::Undo, limit: Duration::from_secs(5), tries: 1 }
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        let Some(decided) = lock(&self.0.decided).take() else { return Outcome::Done(Tree::nil()) };
        lock(&self.0.took).push(decided.elapsed());
        match self.keep_row(call.job) {
            Ok(()) => Outcome::Done(Tree::nil()),
            Err(error) => Outcome::Failed(Status::new(16, "Unexpected exception", error.to_string())),
        }
    }

    async fn look(&self, _call: StepCall<'_>) -> Look {
        Look::NotDone
    }

    async fn undo(&self, _call: StepCall<'_>) -> Undone {
        Undone::Gone
    }
}

//! Where libvirt calls run: threads of our own, so that a call which never returns costs one thread and delays nobody else.
//!
//! A libvirt call cannot be taken back. So each runs in the lane of its subject, one at a time, with a deadline: past it the caller
//! is told, the thread stays in the call and counts as stuck, and the lane answers at once that there is no answer, until the call
//! comes back. Destroying has lanes of its own, where a stuck call does not stand in the way of the next: it is what frees a domain
//! whose other calls hang. Threads are bounded in each kind, end when idle, and a stuck one is replaced up to that bound.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::CallError;

/// Whose turn a call waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lane {
    /// One domain: its calls run one after another.
    Domain(Arc<str>),
    /// The host as a whole: a few at once, in no order.
    Host,
    /// Opening and closing the connection.
    Connection,
    /// What must get through to a domain when its own lane is stuck: destroy and abort.
    Urgent(Arc<str>),
}

/// How things stand in the lanes, for people and for the daemon's own decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneStats {
    /// Threads that exist.
    pub threads: usize,
    /// Of them, in a call that is past its deadline.
    pub stuck: usize,
    /// Calls that wait for their turn.
    pub queued: usize,
}

/// All lanes of one libvirt handle; clones share them.
#[derive(Clone)]
pub struct Lanes {
    domains: Arc<Pool>,
    host: Arc<Pool>,
    connection: Arc<Pool>,
    urgent: Arc<Pool>,
}

impl Lanes {
    /// Lanes without threads; the first call of each kind begins one.
    #[allow(clippy::new_without_default, reason = "an empty set of lanes is not a default value of anything")]
    pub fn new() -> Lanes {
        let held = Overdue::HoldsTheLane;
        Lanes {
            domains: Pool::new("libvirt-domain", Width { working: 8, total: 32 }, held),
            host: Pool::new("libvirt-host", Width { working: 4, total: 8 }, held),
            connection: Pool::new("libvirt-open", Width { working: 1, total: 2 }, held),
            urgent: Pool::new("libvirt-urgent", Width { working: 4, total: 16 }, Overdue::LetsTheNextPass),
        }
    }

    /// Runs `call` in `lane`, known as `label` in the log, and waits for it for `budget`, its turn included:
    /// [`CallError::Deadline`] when it began and gave no answer in time, [`CallError::Busy`] when its turn did not come.
    ///
    /// A caller that goes away takes back a call that has not begun; one that has begun goes on.
    pub async fn run<T, F>(&self, lane: Lane, label: &'static str, budget: Duration, call: F) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, CallError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let taken = Arc::new(AtomicBool::new(false));
        let (pool, key) = self.pool(lane);
        let work = Box::new(Work { call, answer, taken: Arc::clone(&taken) });
        pool.submit(key, Waiting { label, deadline: Instant::now() + budget, work })?;
        match tokio::time::timeout(budget, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(CallError::Lost),
            Err(_) => {
                pool.look_for_overdue();
                if taken.swap(true, Ordering::AcqRel) { Err(CallError::Deadline) } else { Err(CallError::Busy) }
            }
        }
    }

    /// All lanes together.
    pub fn stats(&self) -> LaneStats {
        [&self.domains, &self.host, &self.connection, &self.urgent].into_iter().fold(LaneStats::default(), |sum, pool| {
            let one = pool.stats();
            LaneStats { threads: sum.threads + one.threads, stuck: sum.stuck + one.stuck, queued: sum.queued + one.queued }
        })
    }

    /// The domains' own lanes.
    pub fn domain_stats(&self) -> LaneStats {
        self.domains.stats()
    }

    fn pool(&self, lane: Lane) -> (&Arc<Pool>, Key) {
        match lane {
            Lane::Domain(uuid) => (&self.domains, Key::Subject(uuid)),
            Lane::Urgent(uuid) => (&self.urgent, Key::Subject(uuid)),
            Lane::Host => (&self.host, Key::NoOrder),
            Lane::Connection => (&self.connection, Key::Subject(Arc::from("connection"))),
        }
    }
}

/// Threads of one kind.
#[derive(Clone, Copy)]
struct Width {
    /// At most so many that are not stuck.
    working: usize,
    /// At most so many with the stuck ones.
    total: usize,
}

/// What a call past its deadline does to the others of its lane.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overdue {
    HoldsTheLane,
    LetsTheNextPass,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Subject(Arc<str>),
    /// A subject of its own for each call.
    NoOrder,
    Numbered(u64),
}

/// Calls of one lane that may wait.
const LANE_QUEUE: usize = 16;
/// Calls of one kind that may wait.
const POOL_QUEUE: usize = 1024;
/// How long a thread waits for the next call before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// A call with its answer's way back.
trait Run: Send {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool;
    fn run(self: Box<Self>);
}

struct Work<T, F> {
    call: F,
    answer: oneshot::Sender<Result<T, CallError>>,
    /// Set by whoever comes first: the thread that makes the call, or the caller whose time is over, so that a call which was never
    /// made is known not to have been.
    taken: Arc<AtomicBool>,
}

impl<T: Send, F: FnOnce() -> Result<T, CallError> + Send> Run for Work<T, F> {
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(self: Box<Self>) {
        let Work { call, answer, taken } = *self;
        if !taken.swap(true, Ordering::AcqRel) {
            // A caller that has gone away has no use for the answer.
            let _ = answer.send(call());
        }
    }
}

struct Waiting {
    label: &'static str,
    deadline: Instant,
    work: Box<dyn Run>,
}

struct Running {
    key: Key,
    label: &'static str,
    deadline: Instant,
    reported: bool,
}

/// The threads and queues of one kind of call.
struct Pool {
    name: &'static str,
    width: Width,
    overdue: Overdue,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    queues: HashMap<Key, VecDeque<Waiting>>,
    /// Lanes whose first waiting call may begin; each at most once.
    ready: VecDeque<Key>,
    running: HashMap<u64, Running>,
    queued: usize,
    threads: usize,
    idle: usize,
    next: u64,
}

impl Pool {
    fn new(name: &'static str, width: Width, overdue: Overdue) -> Arc<Pool> {
        Arc::new(Pool { name, width, overdue, state: Mutex::default(), wake: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(self: &Arc<Self>, key: Key, waiting: Waiting) -> Result<(), CallError> {
        let mut state = self.lock();
        let now = Instant::now();
        state.next += 1;
        let key = if key == Key::NoOrder { Key::Numbered(state.next) } else { key };
        if self.overdue == Overdue::HoldsTheLane && state.running.values().any(|call| call.key == key && call.deadline <= now) {
            return Err(CallError::Deadline);
        }
        state.make_room(&key)?;
        state.queues.entry(key).or_default().push_back(waiting);
        state.queued += 1;
        self.dispatch(&mut state, now);
        Ok(())
    }

    /// Called when a deadline has passed: what it held up may go on now.
    fn look_for_overdue(self: &Arc<Self>) {
        self.dispatch(&mut self.lock(), Instant::now());
    }

    fn dispatch(self: &Arc<Self>, state: &mut State, now: Instant) {
        state.report_overdue(now);
        state.find_ready(self.overdue, now);
        let stuck = state.stuck(now);
        let mut lacking = state.ready.len().saturating_sub(state.idle);
        while lacking > 0 && state.threads < self.width.total && state.threads.saturating_sub(stuck) < self.width.working {
            if !self.begin_thread(state) {
                break;
            }
            lacking -= 1;
        }
        self.wake.notify_all();
    }

    fn begin_thread(self: &Arc<Self>, state: &mut State) -> bool {
        let pool = Arc::clone(self);
        match std::thread::Builder::new().name(self.name.to_owned()).spawn(move || pool.work()) {
            Ok(_) => {
                state.threads += 1;
                true
            }
            Err(error) => {
                tracing::error!(%error, kind = self.name, "no thread for libvirt calls; they wait");
                false
            }
        }
    }

    /// A thread's life: the next ready call, until none comes for a while or there are threads enough.
    fn work(self: Arc<Self>) {
        let mut state = self.lock();
        loop {
            if let Some((number, waiting)) = state.begin() {
                drop(state);
                self.perform(waiting.label, waiting.work);
                state = self.lock();
                self.finish(&mut state, number);
                if state.threads.saturating_sub(state.stuck(Instant::now())) > self.width.working {
                    break;
                }
                continue;
            }
            state.idle += 1;
            let (woken, wait) = self.wake.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.ready.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }

    fn perform(&self, label: &'static str, work: Box<dyn Run>) {
        if catch_unwind(AssertUnwindSafe(|| work.run())).is_err() {
            tracing::error!(call = label, "a libvirt call panicked; its outcome is unknown");
        }
    }

    fn finish(self: &Arc<Self>, state: &mut State, number: u64) {
        let now = Instant::now();
        if let Some(call) = state.running.remove(&number)
            && call.reported
        {
            let late = now.saturating_duration_since(call.deadline);
            tracing::info!(call = call.label, subject = call.key.subject(), late_ms = late.as_millis(), "a stuck libvirt call came back");
        }
        self.dispatch(state, now);
    }

    fn stats(&self) -> LaneStats {
        let state = self.lock();
        LaneStats { threads: state.threads, stuck: state.stuck(Instant::now()), queued: state.queued }
    }
}

impl Key {
    fn subject(&self) -> &str {
        match self {
            Key::Subject(subject) => subject,
            Key::NoOrder | Key::Numbered(_) => "host",
        }
    }
}

impl State {
    fn stuck(&self, now: Instant) -> usize {
        self.running.values().filter(|call| call.deadline <= now).count()
    }

    /// One more call may wait in the lane, if need be after those nobody wants any more are dropped.
    fn make_room(&mut self, key: &Key) -> Result<(), CallError> {
        let full = |state: &State| state.queued >= POOL_QUEUE || state.queues.get(key).is_some_and(|queue| queue.len() >= LANE_QUEUE);
        if full(self) {
            for queue in self.queues.values_mut() {
                queue.retain(|waiting| waiting.work.is_wanted());
            }
            self.queues.retain(|_, queue| !queue.is_empty());
            self.queued = self.queues.values().map(VecDeque::len).sum();
        }
        if full(self) { Err(CallError::Busy) } else { Ok(()) }
    }

    fn report_overdue(&mut self, now: Instant) {
        for call in self.running.values_mut().filter(|call| call.deadline <= now && !call.reported) {
            call.reported = true;
            tracing::warn!(call = call.label, subject = call.key.subject(), "a libvirt call is stuck past its deadline");
        }
    }

    fn find_ready(&mut self, overdue: Overdue, now: Instant) {
        let held = |call: &Running| overdue == Overdue::HoldsTheLane || call.deadline > now;
        for key in self.queues.keys() {
            let busy = self.running.values().any(|call| call.key == *key && held(call));
            if !busy && !self.ready.contains(key) {
                self.ready.push_back(key.clone());
            }
        }
    }

    /// The next call that somebody still waits for, now running.
    fn begin(&mut self) -> Option<(u64, Waiting)> {
        while let Some(key) = self.ready.pop_front() {
            let waiting = self.next_wanted(&key);
            if self.queues.get(&key).is_some_and(VecDeque::is_empty) {
                self.queues.remove(&key);
            }
            if let Some(waiting) = waiting {
                self.next += 1;
                let call = Running { key, label: waiting.label, deadline: waiting.deadline, reported: false };
                self.running.insert(self.next, call);
                return Some((self.next, waiting));
            }
        }
        None
    }

    fn next_wanted(&mut self, key: &Key) -> Option<Waiting> {
        let queue = self.queues.get_mut(key)?;
        while let Some(waiting) = queue.pop_front() {
            self.queued -= 1;
            if waiting.work.is_wanted() {
                return Some(waiting);
            }
        }
        None
    }
}

//! The host sampler: one thread that reads counters every two seconds and keeps the board fresh.

pub mod memory;
pub mod sample;
pub mod window;

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::board::Board;
use crate::facts::Places;
use crate::network::Visibility;
use sample::{find_ksmd, take};
use window::Window;

/// Time between samples, and before the first one.
const INTERVAL: Duration = Duration::from_secs(2);
/// Samples between two readings of what seldom changes.
const FACTS_EVERY: u32 = 30;

/// The running sampler.
pub struct Sampler {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Sampler {
    /// Starts it. It reads from the places of `board` and publishes there.
    pub fn start(board: Arc<Board>) -> std::io::Result<Sampler> {
        let (stop, stopped) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("host-sampler".into()).spawn(move || {
            let mut state = State::new(&board);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(INTERVAL) {
                state.tick(&board);
            }
        })?;
        Ok(Sampler { stop, thread })
    }

    /// Whether its thread has ended: while it was not told to, by a fault of ours.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it and waits for the sample being taken.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the host sampler had ended by a panic");
        }
    }
}

struct State {
    places: Places,
    visibility: Visibility,
    ksmd: Option<u32>,
    window: Window,
    ticks: u32,
}

impl State {
    fn new(board: &Board) -> State {
        let places = board.places().clone();
        let ksmd = find_ksmd(&places.host);
        State { places, visibility: board.visibility().clone(), ksmd, window: Window::default(), ticks: 0 }
    }

    fn tick(&mut self, board: &Board) {
        let now = Instant::now();
        self.window.push(take(&self.places, &self.visibility, self.ksmd, now.duration_since(board.started())));
        board.sampled(now, self.window.rates());
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(FACTS_EVERY) {
            board.read_facts();
        }
        board.read_links();
    }
}

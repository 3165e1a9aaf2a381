//! The thread that writes: the only one that waits for a slow or full disk.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Level;

use super::line;
use super::queue::{Queue, Taken};
use super::sink::Sink;

/// Bytes taken from the queue at once; more than the longest line.
const BATCH: usize = 256 * 1024;

/// How often intervals of repeated warnings are looked at while nothing is logged.
const TICK: Duration = Duration::from_secs(1);

/// Losses are told at most this often.
const NOTICE: Duration = Duration::from_secs(1);

/// Starts the thread of one sink. It ends when the queue is closed and written, or closed and refused.
pub(super) fn start(queue: Arc<Queue>, sink: Box<dyn Sink>, retry: Duration) -> io::Result<()> {
    let writer = Writer { queue, sink, retry, told: None };
    std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.run())?;
    Ok(())
}

struct Writer {
    queue: Arc<Queue>,
    sink: Box<dyn Sink>,
    retry: Duration,
    told: Option<Instant>,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Progress {
    Written,
    GivenUp,
}

impl Writer {
    fn run(mut self) {
        while let Taken::Lines(batch) = self.queue.take(BATCH, TICK) {
            if self.put(&batch) == Progress::GivenUp {
                break;
            }
            self.queue.settle();
            if self.told.is_none_or(|told| told.elapsed() >= NOTICE) && self.tell_lost() == Progress::GivenUp {
                break;
            }
        }
        self.tell_lost();
        self.queue.end();
    }

    /// Writes all of `batch`, however often it takes; gives up only when the log ends and the sink still refuses.
    fn put(&mut self, batch: &[u8]) -> Progress {
        let mut left = batch;
        if !left.is_empty() {
            self.sink.follow();
        }
        while !left.is_empty() {
            match self.sink.write(left) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) if self.queue.pause(self.retry) => return Progress::GivenUp,
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(_) => self.sink.follow(),
            }
        }
        Progress::Written
    }

    fn tell_lost(&mut self) -> Progress {
        let lost = self.queue.lost();
        if lost.is_empty() {
            return Progress::Written;
        }
        self.told = Some(Instant::now());
        let counts: Vec<_> = lost.iter().map(|(level, count)| format!("{count} {}", line::level_name(*level))).collect();
        let text = format!("the log could not be written fast enough; lines lost: {}", counts.join(", "));
        self.put(line::own(Level::WARN, &text).as_bytes())
    }
}

//! The log people read: its lines, and what happens when they cannot be written. Rung: mock host (a sink that is slow or refuses), and
//! real files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};
use tracing_subscriber::layer::SubscriberExt;
use vdsm_core::logging::{Echo, FILE_NAME, FileSink, Limits, LogConfig, LogHandle, LoggingError, Sink, Unwritten, init, layer};

/// How the sink behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mood {
    Takes,
    Refuses,
    Hangs,
}

/// What came to the sink.
struct Seen {
    mood: Mood,
    written: Vec<u8>,
    attempts: usize,
}

#[derive(Clone)]
struct FakeSink(Arc<(Mutex<Seen>, Condvar)>);

impl FakeSink {
    fn new(mood: Mood) -> FakeSink {
        FakeSink(Arc::new((Mutex::new(Seen { mood, written: Vec::new(), attempts: 0 }), Condvar::new())))
    }

    fn set(&self, mood: Mood) {
        self.0.0.lock().unwrap().mood = mood;
        self.0.1.notify_all();
    }

    /// Waits until the writer has come with something.
    fn await_writer(&self) {
        while self.0.0.lock().unwrap().attempts == 0 {
            std::thread::yield_now();
        }
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.0.lock().unwrap().written.clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Sink for FakeSink {}

impl Write for FakeSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.0.lock().unwrap();
        state.attempts += 1;
        let mut state = self.0.1.wait_while(state, |state| state.mood == Mood::Hangs).unwrap();
        if state.mood == Mood::Refuses {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        // As a file may, it takes less than it is given.
        let taken = bytes.len().min(1000);
        state.written.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn limits(lines: usize) -> Limits {
    Limits { lines, bytes: 1 << 20, repeat: Duration::from_secs(60), retry: Duration::from_millis(5) }
}

const SOON: Duration = Duration::from_secs(10);

fn logged(limits: Limits, sink: impl Sink, log: impl FnOnce(&LogHandle)) -> Result<(), Unwritten> {
    let (layer, handle) = layer(vec![Box::new(sink)], limits).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || log(&handle));
    handle.shutdown(SOON)
}

/// What follows thread, level and time.
fn body(line: &str) -> &str {
    line.splitn(4, "::").nth(3).unwrap()
}

#[test]
fn a_line_has_vdsms_shape_and_carries_fields_spans_and_causes() {
    let sink = FakeSink::new(Mood::Takes);
    let first_line = line!() + 5;
    logged(limits(100), sink.clone(), |_| {
        let _call = tracing::info_span!("create", vm = "4a5", flow = "a b").entered();
        let cause: Box<dyn std::error::Error> =
            Box::new(vdsm_core::config::ConfigError::Read { path: "/x".into(), source: io::Error::other("gone") });
        info!(target: "vds", code = 4, text = %"two words", quoted = ?"q", "refused {}", 7);
        error!(error = &*cause, "no configuration");
    })
    .unwrap();
    let lines = sink.lines();
    let parts: Vec<_> = lines[0].splitn(4, "::").collect();
    assert_eq!(parts[1], "INFO");
    let shape: String = parts[2].chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00 00:00:00,000Z");
    let expected =
        format!("logging::{first_line}::vds::(create) refused 7 code=4 text=\"two words\" quoted=\"q\" [create vm=4a5 flow=\"a b\"]");
    assert_eq!(parts[3], expected);
    assert!(lines[1].contains("::ERROR::") && body(&lines[1]).contains("no configuration error=\"/x: gone: gone\""), "{}", lines[1]);
}

#[test]
fn a_message_cannot_forge_a_line_of_the_log() {
    let sink = FakeSink::new(Mood::Takes);
    logged(limits(100), sink.clone(), |_| {
        info!(name = "x\ny", "one\nMain::ERROR::\u{1b}[0m");
        info!("{}", "long".repeat(100_000));
    })
    .unwrap();
    let lines = sink.lines();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1], "    Main::ERROR::\\u{1b}[0m name=\"x\\ny\"");
    assert!(lines[2].len() < 20_000 && lines[2].ends_with("(cut)"));
}

#[test]
fn lines_keep_their_order() {
    let sink = FakeSink::new(Mood::Takes);
    logged(limits(100_000), sink.clone(), |_| {
        for number in 0..5000 {
            if number % 2 == 0 { info!("number {number}") } else { debug!("number {number}") }
        }
    })
    .unwrap();
    let lines = sink.lines();
    assert!(lines.len() == 5000 && lines.iter().enumerate().all(|(at, line)| line.ends_with(&format!("number {at}"))));
}

#[test]
fn a_full_disk_loses_the_least_important_first_and_says_how_much() {
    let sink = FakeSink::new(Mood::Refuses);
    logged(limits(10), sink.clone(), |handle| {
        // One batch is with the writer from here on.
        info!("first");
        sink.await_writer();
        for number in 0..20 {
            debug!("detail {number}");
        }
        for number in 0..8 {
            error!("error {number}");
        }
        sink.set(Mood::Takes);
        handle.flush(SOON).unwrap();
    })
    .unwrap();
    let lines = sink.lines();
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("error "), count("(-) first")), (8, 1), "{lines:#?}");
    assert_eq!(count("detail"), 2);
    assert_eq!(count("lines lost: 18 DEBUG"), 1, "{lines:#?}");
}

#[test]
fn nobody_waits_for_a_sink_that_hangs() {
    let sink = FakeSink::new(Mood::Hangs);
    let (layer, handle) = layer(vec![Box::new(sink.clone())], limits(1000)).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let start = Instant::now();
        for number in 0..20_000 {
            info!("number {number}");
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        let Err(Unwritten(left)) = handle.flush(Duration::from_millis(50)) else { panic!("nothing hangs") };
        // What waits is bounded: the queue, and one batch the writer has.
        assert!((1..=4000).contains(&left), "{left}");
    });
    assert!(handle.shutdown(Duration::from_millis(50)).is_err());
    sink.set(Mood::Takes);
}

#[test]
fn one_slow_sink_does_not_hold_up_another() {
    let (slow, fast) = (FakeSink::new(Mood::Hangs), FakeSink::new(Mood::Takes));
    let (layer, handle) = layer(vec![Box::new(slow.clone()), Box::new(fast.clone())], limits(100)).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || info!("here"));
    let _ = handle.flush(Duration::from_millis(200));
    assert_eq!(fast.lines().len(), 1);
    slow.set(Mood::Takes);
    handle.shutdown(SOON).unwrap();
}

#[test]
fn equal_warnings_are_written_once_with_a_count() {
    let sink = FakeSink::new(Mood::Takes);
    logged(limits(100), sink.clone(), |_| {
        for number in 0..50 {
            warn!("storage domain is slow");
            info!("tick");
            if number % 25 == 0 {
                warn!("other {number}");
            }
        }
    })
    .unwrap();
    let lines = sink.lines();
    let slow: Vec<_> = lines.iter().filter(|line| line.contains("storage domain")).collect();
    assert_eq!(slow.len(), 2, "{lines:#?}");
    assert!(slow[1].contains("::WARNING::") && slow[1].ends_with("storage domain is slow (and 49 times more)"));
    assert_eq!(lines.iter().filter(|line| line.contains("other")).count(), 2);
    assert_eq!(lines.iter().filter(|line| line.contains("tick")).count(), 50);
}

#[test]
fn a_warning_is_written_again_when_its_interval_is_over() {
    let sink = FakeSink::new(Mood::Takes);
    let limits = Limits { repeat: Duration::from_millis(40), ..limits(100) };
    logged(limits, sink.clone(), |_| {
        let warn_now = || warn!("again");
        warn_now();
        warn_now();
        std::thread::sleep(Duration::from_millis(80));
        warn_now();
    })
    .unwrap();
    let lines = sink.lines();
    let ends: Vec<_> = lines.iter().map(|line| line.rsplit(") ").next().unwrap()).collect();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(ends[0] == "again" && lines[1].ends_with("again (and 1 times more)") && ends[2] == "again", "{lines:#?}");
}

#[test]
fn a_sink_that_refuses_to_the_end_does_not_hold_up_the_shutdown() {
    let start = Instant::now();
    let end = logged(limits(100), FakeSink::new(Mood::Refuses), |_| info!("never"));
    assert_eq!(end, Err(Unwritten(1)));
    assert!(start.elapsed() < SOON);
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_file_that_was_moved_is_opened_anew_and_an_old_one_is_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("vdsm.log"), folder.path().join("vdsm.log.1"));
    std::fs::write(&path, "old\n").unwrap();
    logged(limits(100), FileSink::open(&path).unwrap(), |handle| {
        info!("before");
        handle.flush(SOON).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        info!("after");
        handle.flush(SOON).unwrap();
    })
    .unwrap();
    assert!(read(&moved).starts_with("old\n") && read(&moved).contains("before") && !read(&moved).contains("after"));
    assert!(read(&path).contains("after") && !read(&path).contains("before"));
}

#[test]
fn the_log_of_the_process_lies_in_its_directory_and_holds_the_levels_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("var/log/vdsm");
    let config = |level: &str| LogConfig { directory: directory.clone(), level: level.to_owned(), echo: Echo::Off };
    let refused = init(&config("info,vds=loud")).unwrap_err();
    assert!(refused.to_string().contains("info,vds=loud"), "{refused}");
    let handle = init(&config("info,quiet=error")).unwrap();
    info!("kept");
    debug!("left out");
    warn!(target: "quiet", "left out");
    handle.shutdown(SOON).unwrap();
    let text = read(&directory.join(FILE_NAME));
    assert!(text.contains("(-) kept") && !text.contains("left out"), "{text}");
    assert!(matches!(init(&config("info")), Err(LoggingError::Installed(_))));
}

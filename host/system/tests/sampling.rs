//! Samples and the rates between them. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod fixture;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fixture::{host, write};
use vdsm_system::network::Visibility;
use vdsm_system::sampler::memory;
use vdsm_system::sampler::sample::{Sample, find_ksmd, process_ticks, take, ticks};
use vdsm_system::sampler::window::{Rates, Window};
use vdsm_system::{Board, Sampler};

fn rates(window: &Window) -> Rates {
    window.rates().expect("two samples")
}

#[test]
fn one_sample_tells_no_rates() {
    let mut window = Window::default();
    assert_eq!(window.rates(), None);
    window.push(Sample { at: Duration::from_secs(2), ..Sample::default() });
    assert_eq!(window.rates(), None);
}

#[test]
fn rates_are_between_the_oldest_and_the_newest_of_five() {
    let directory = tempfile::tempdir().unwrap();
    let places = host(directory.path());
    let mut window = Window::default();
    // Bytes: 1000 in the first sample, which leaves the window, then 12.5 MB a second: a hundredth of 10 Gbit/s.
    for second in 0..6_u64 {
        let mut sample = take(&places, &Visibility::default(), find_ksmd(&places.host), Duration::from_secs(2 * second));
        sample.traffic.get_mut("em1").unwrap().rx += 25_000_000 * second;
        sample.processors.user += 100 * second;
        sample.processors.system += 60 * second;
        sample.processors.total += 400 * second;
        sample.daemon.0 += 20 * second;
        sample.same_pages += 2 * second;
        window.push(sample);
    }
    let rates = rates(&window);
    assert_eq!((rates.user, rates.system, rates.idle()), (25.0, 15.0, 60.0));
    assert_eq!((rates.daemon_user, rates.daemon_system, rates.same_pages), (10.0, 0.0, 1.0));
    let flow = rates.devices["em1"];
    assert_eq!((flow.speed, flow.rx_percent, flow.tx_percent, flow.now.up), (10_000, 1.0, 0.0, true));
    assert_eq!(rates.devices["vio"].speed, 1000, "the usual speed where none is known");
    assert_eq!(rates.dropped(), (3, 0));
    assert_eq!(rates.load, 0.25, "the five-minute average");
    assert_eq!(rates.transparent_huge_pages, "madvise");
    assert!(rates.disks["/tmp"].is_some());
    assert_eq!(rates.disks["/var/log/core"], None);
}

#[test]
fn a_counter_that_starts_anew_is_no_flood() {
    let sample = |seconds, rx| {
        let mut sample = Sample { at: Duration::from_secs(seconds), ..Sample::default() };
        sample.traffic.entry("em1".into()).or_default().rx = rx;
        sample
    };
    let mut window = Window::default();
    window.push(sample(0, u64::MAX - 1));
    window.push(sample(2, 2500));
    assert!(rates(&window).devices["em1"].rx_percent < 0.01);
}

#[test]
fn processor_time_counts_guests_once_and_names_may_contain_anything() {
    let found = ticks("cpu  100 10 50 1000 20 0 5 0 7 0\n").unwrap();
    assert_eq!((found.user, found.system, found.total), (110, 50, 1185));
    assert_eq!(ticks("cpu0 1 2 3\n"), None);
    assert_eq!(process_ticks("42 (a) b) S 1 1 1 0 -1 0 0 0 0 0 30 10 0 0"), Some((30, 10)));
    assert_eq!(process_ticks("42 (cut"), None);
}

#[test]
fn memory_is_in_mib_and_percent() {
    let found = memory::parse(fixture::MEMINFO);
    assert_eq!((found.total_mib, found.free_mib, found.used_percent), (15_625, 7812, 50));
    assert_eq!((found.swap_total_mib, found.swap_free_mib, found.anonymous_huge_mib), (2047, 1024, 200));
    assert_eq!(memory::parse(""), memory::Memory::default());
}

#[test]
fn a_word_managers_do_not_know_never_reaches_them() {
    let directory = tempfile::tempdir().unwrap();
    let places = host(directory.path());
    write(directory.path(), "sys/kernel/mm/transparent_hugepage/enabled", "always madvise [within_size] never");
    assert_eq!(memory::transparent_huge_pages(&places.host), "never");
    let pages = memory::same_pages(&places.host);
    assert_eq!((pages.running, pages.pages_to_scan, pages.shared_mib), (true, 100, 10));
}

#[test]
fn the_board_has_an_answer_before_the_first_sample_and_rates_after_two() {
    let directory = tempfile::tempdir().unwrap();
    let board = Arc::new(Board::new(host(directory.path()), Visibility::default()));
    assert_eq!(board.statistics().memory.total_mib, 15_625);
    assert!(board.statistics().sampled.is_none() && board.statistics().rates.is_none());
    let sampler = Sampler::start(board.clone()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while board.statistics().rates.is_none() {
        assert!(Instant::now() < deadline, "no two samples in 20 s");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(board.started().elapsed() >= Duration::from_secs(4));
    sampler.stop();
}

//! Calls that never come back cost their own lane and nothing else.
//!
//! Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use vdsm_hypervisor::libvirt::CallError;
use vdsm_hypervisor::libvirt::lanes::{Lane, Lanes};

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(10);

fn domain(name: &str) -> Lane {
    Lane::Domain(Arc::from(name))
}

/// A call that comes back when the sender is dropped.
fn hanging() -> (mpsc::Sender<()>, impl FnOnce() -> Result<(), CallError> + Send + 'static) {
    let (release, held) = mpsc::channel::<()>();
    (release, move || {
        let _ = held.recv();
        Ok(())
    })
}

#[tokio::test]
async fn a_hanging_call_ends_for_its_caller_and_holds_only_its_own_lane() {
    let lanes = Lanes::new();
    let (release, call) = hanging();
    let begin = Instant::now();
    assert_eq!(lanes.run(domain("hung"), "hang", SHORT, call).await, Err(CallError::Deadline));
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert_eq!(lanes.stats().stuck, 1);

    let begin = Instant::now();
    assert_eq!(lanes.run(domain("hung"), "next", LONG, || Ok(())).await, Err(CallError::Deadline));
    assert!(begin.elapsed() < Duration::from_secs(1), "a stuck lane answers at once");
    assert_eq!(lanes.run(domain("other"), "read", LONG, || Ok(1)).await, Ok(1));
    assert_eq!(lanes.run(Lane::Host, "list", LONG, || Ok(2)).await, Ok(2));
    assert_eq!(lanes.run(Lane::Urgent(Arc::from("hung")), "destroy", LONG, || Ok(3)).await, Ok(3));

    drop(release);
    let until = Instant::now() + LONG;
    while lanes.stats().stuck > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(lanes.run(domain("hung"), "again", LONG, || Ok(4)).await, Ok(4));
}

#[tokio::test]
async fn a_stuck_destroy_does_not_stand_in_the_way_of_the_next() {
    let lanes = Lanes::new();
    let (_release, call) = hanging();
    let urgent = || Lane::Urgent(Arc::from("vm"));
    assert_eq!(lanes.run(urgent(), "destroy gracefully", SHORT, call).await, Err(CallError::Deadline));
    assert_eq!(lanes.run(urgent(), "destroy", LONG, || Ok(())).await, Ok(()));
}

#[tokio::test]
async fn calls_on_one_domain_run_one_at_a_time_and_in_order() {
    let lanes = Lanes::new();
    let (seen, order) = mpsc::channel();
    let inside = Arc::new(AtomicUsize::new(0));
    let calls = (0..10).map(|index| {
        let (seen, inside) = (seen.clone(), Arc::clone(&inside));
        lanes.run(domain("vm"), "step", LONG, move || {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
            std::thread::sleep(Duration::from_millis(5));
            inside.fetch_sub(1, Ordering::SeqCst);
            let _ = seen.send(index);
            Ok(())
        })
    });
    assert!(futures_util::future::join_all(calls).await.into_iter().all(|result| result.is_ok()));
    assert_eq!(order.try_iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_whose_turn_does_not_come_is_not_made_and_says_so() {
    let lanes = Lanes::new();
    let (release, call) = hanging();
    let holder = {
        let lanes = lanes.clone();
        tokio::spawn(async move { lanes.run(domain("vm"), "long", LONG, call).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let result = lanes.run(domain("vm"), "read", SHORT, move || Ok(counted.fetch_add(1, Ordering::SeqCst))).await;
    assert_eq!(result, Err(CallError::Busy));
    drop(release);
    assert_eq!(holder.await.unwrap(), Ok(()));
    assert_eq!(lanes.run(domain("vm"), "read", LONG, || Ok(())).await, Ok(()));
    assert_eq!(made.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn many_hanging_domains_take_a_bounded_number_of_threads() {
    let lanes = Lanes::new();
    let mut held = Vec::new();
    for index in 0..60 {
        let (release, call) = hanging();
        held.push(release);
        let result = lanes.run(domain(&format!("vm{index}")), "hang", Duration::from_millis(20), call).await;
        assert!(matches!(result, Err(CallError::Deadline | CallError::Busy)));
    }
    let stats = lanes.stats();
    assert!(stats.threads <= 32, "{stats:?}");
    assert_eq!(lanes.run(Lane::Urgent(Arc::from("vm3")), "destroy", LONG, || Ok(())).await, Ok(()));
    assert_eq!(lanes.run(Lane::Host, "list", LONG, || Ok(())).await, Ok(()));
}

#[tokio::test]
async fn a_lanes_queue_is_bounded() {
    let lanes = Lanes::new();
    let (release, call) = hanging();
    let first = {
        let lanes = lanes.clone();
        tokio::spawn(async move { lanes.run(domain("vm"), "long", LONG, call).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let lanes = lanes.clone();
            tokio::spawn(async move { lanes.run(domain("vm"), "read", LONG, || Ok(())).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(lanes.stats().queued <= 16);
    drop(release);
    assert_eq!(first.await.unwrap(), Ok(()));
    let results: Vec<_> = futures_util::future::join_all(waiting).await.into_iter().map(|joined| joined.unwrap()).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 16);
    assert_eq!(results.iter().filter(|result| **result == Err(CallError::Busy)).count(), 24);
}

#[tokio::test]
async fn a_panicking_call_is_an_outcome_and_the_lane_goes_on() {
    let lanes = Lanes::new();
    assert_eq!(lanes.run(domain("vm"), "bad", LONG, || -> Result<(), CallError> { panic!("a test's own") }).await, Err(CallError::Lost));
    assert_eq!(lanes.run(domain("vm"), "read", LONG, || Ok(5)).await, Ok(5));
}

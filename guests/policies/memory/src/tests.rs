//! Targets as VDSM's stock policy works them out, the hysteresis that is ours, and parameters. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use vdsm_sdk::array;

const TOTAL: f64 = 16_777_216.0;
const MAX: f64 = 4_194_304.0;

fn host(free: f64) -> Subject {
    Subject { id: String::new(), metrics: vec![(metric::MEMORY_TOTAL, TOTAL), (metric::MEMORY_FREE, TOTAL * free), (9_999, 1.0)] }
}

fn guest(id: &str, current: f64, min: f64, unused: Option<f64>) -> Subject {
    let known = [(metric::BALLOON_MAX, MAX), (metric::BALLOON_MIN, min), (metric::BALLOON_CURRENT, current)];
    Subject { id: id.into(), metrics: known.into_iter().chain(unused.map(|unused| (metric::MEMORY_UNUSED, unused))).collect() }
}

fn tick(enabled: bool, subjects: Vec<Subject>) -> Tick {
    Tick { subjects, parameters: object! { "balloonEnabled": enabled }.into(), ..Tick::default() }
}

/// The targets, by machine.
fn targets(enabled: bool, free: f64, guests: Vec<Subject>) -> Vec<(String, f64)> {
    let subjects = std::iter::once(host(free)).chain(guests).collect();
    let decisions = Memory::decide(&tick(enabled, subjects)).0;
    decisions.into_iter().map(|Decision::BalloonTarget { machine, kib }| (machine, (kib * 10.0).round() / 10.0)).collect()
}

fn target(enabled: bool, free: f64, guest: Subject) -> Option<f64> {
    targets(enabled, free, vec![guest]).pop().map(|(_, kib)| kib)
}

const HALF: f64 = 2_097_152.0;

#[test]
fn a_relaxed_host_grows_guests_up_to_their_memory() {
    assert_eq!(target(true, 0.5, guest("a", HALF, 0.0, Some(1_048_576.0))), Some(2_202_009.6));
    assert_eq!(target(true, 0.5, guest("a", 4_100_000.0, 0.0, Some(1_048_576.0))), Some(MAX));
    assert_eq!(target(true, 0.5, guest("a", MAX, 0.0, Some(1_048_576.0))), None);
    assert_eq!(target(true, 0.5, guest("a", HALF, 0.0, None)), Some(2_202_009.6));
}

#[test]
fn a_host_under_pressure_takes_what_guests_do_not_need() {
    let guests = || {
        vec![
            guest("a", HALF, 0.0, Some(1_048_576.0)),
            guest("b", HALF, 0.0, Some(30_000.0)),
            guest("c", HALF, 2_090_000.0, Some(1_500_000.0)),
        ]
    };
    assert_eq!(targets(true, 0.1, guests()), [("a".into(), 1_992_294.4), ("c".into(), 2_090_000.0)]);
    let critical = vec![guest("a", HALF, 0.0, Some(1_048_576.0)), guest("b", HALF, 0.0, Some(0.0)), guest("c", HALF, 0.0, Some(100_000.0))];
    assert_eq!(targets(true, 0.04, critical), [("a".into(), 1_992_294.4), ("b".into(), 2_076_180.5), ("c".into(), 1_992_294.4)]);
    assert_eq!(target(false, 0.1, guest("a", HALF, 0.0, Some(1_048_576.0))), Some(2_202_009.6), "ballooning is off");
    assert_eq!(target(true, 0.1, guest("a", HALF, 0.0, None)), None, "the guest says nothing");
}

#[test]
fn small_changes_are_not_asked_for_and_the_guarantee_holds() {
    assert_eq!(target(true, 0.1, guest("a", HALF, 2_093_000.0, Some(1_500_000.0))), None);
    assert_eq!(target(true, 0.1, guest("a", HALF, 2_091_000.0, Some(1_500_000.0))), Some(2_091_000.0));
    for free in [0.5, 0.01] {
        assert_eq!(target(true, free, guest("a", 1_000_000.0, 2_000_000.0, Some(500_000.0))), Some(2_000_000.0));
    }
}

#[test]
fn pressure_ends_above_where_it_begins() {
    let under_pressure = |free: f64, memory: Value| {
        let (_, memory) = Memory::decide(&Tick { memory, ..tick(true, vec![host(free)]) });
        memory
    };
    let pressure = |memory: &Value| memory.get("pressure").and_then(Value::as_bool).unwrap();
    let calm = under_pressure(0.21, Value::Nil);
    assert!(!pressure(&calm));
    let pressed = under_pressure(0.19, calm);
    assert!(pressure(&pressed));
    let still = under_pressure(0.21, pressed);
    assert!(pressure(&still));
    assert!(!pressure(&under_pressure(0.23, still)));
}

#[test]
fn what_is_not_known_is_not_decided() {
    let known = guest("a", HALF, 0.0, Some(1_048_576.0));
    let kept: Value = object! { "pressure": true }.into();
    assert_eq!(Memory::decide(&Tick { memory: kept.clone(), ..tick(true, vec![known]) }), (vec![], kept), "no host");
    assert_eq!(targets(true, 0.1, vec![Subject { id: "a".into(), metrics: vec![] }]), []);
    assert_eq!(target(true, 0.1, guest("a", f64::NAN, 0.0, Some(1.0))), None);
    assert_eq!(target(true, f64::INFINITY, guest("a", HALF, 0.0, Some(1.0))), None);
}

#[test]
fn parameters_are_refused_with_what_is_wrong() {
    assert_eq!(Memory::check(&Value::Nil), Ok(()));
    assert_eq!(Memory::check(&object! { "balloonEnabled": true, "pressureThreshold": 0.3, "pressureRelief": 1 }.into()), Ok(()));
    let refused = [
        (object! { "balloonEnabled": "true" }.into(), "`balloonEnabled` is a boolean"),
        (object! { "pressureThreshold": 20 }.into(), "`pressureThreshold` is a share from 0 to 1"),
        (object! { "guestFree": "0.2" }.into(), "`guestFree` is a share from 0 to 1"),
        (object! { "ksmEnabled": true }.into(), "`ksmEnabled` is no parameter"),
        (object! { "pressureThreshold": 0.5 }.into(), "`pressureCritical` < `pressureThreshold` <= `pressureRelief` does not hold"),
        (object! { "largestChange": 0 }.into(), "`smallestChange` <= `largestChange` does not hold"),
        (array!["x"], "parameters are an object"),
    ];
    for (parameters, why) in refused {
        assert_eq!(Memory::check(&parameters), Err(status(54, "Failed to set mom policy", why)));
    }
}

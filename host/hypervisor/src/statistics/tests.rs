//! Rung: mock host. What is kept, what is shaped again, and what a shaper is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use vdsm_modules::shaper::Kind;

use super::metric::*;
use super::*;
use crate::fake::{House, VM};
use crate::libvirt::{CpuTimes, DomainStats, InterfaceStats, Sample, Traffic};
use crate::vm::state::Input;

fn shaped(house: &House) -> usize {
    house.shaper.shaped.load(Ordering::SeqCst)
}

fn told(house: &House) -> shaper::Samples {
    house.shaper.last.lock().unwrap().clone()
}

fn number(samples: &shaper::Samples, id: u32) -> Option<f64> {
    samples.number(Kind::Machine, 0, id)
}

fn text(samples: &shaper::Samples, id: u32) -> Option<&str> {
    samples.text(Kind::Machine, 0, id)
}

/// Figures of two samples, ten seconds apart; `grown` is what every counter grew by.
fn figures(house: &House, grown: u64) {
    let at = |at, count: u64| {
        let traffic = Traffic { bytes: Some(count), packets: None, errors: Some(1), dropped: Some(2) };
        let stats = DomainStats {
            cpu: CpuTimes { time: Some(count), user: Some(count / 2), system: None },
            interfaces: vec![InterfaceStats { name: Some("vnet0".into()), rx: traffic, tx: traffic }],
            ..DomainStats::default()
        };
        Some(Arc::new(Sample { at, stats }))
    };
    let now = Instant::now();
    let samples =
        VmSamples { last: at(now, 1000 + grown), previous: at(now - Duration::from_secs(10), 1000), state: None, silent_since: None };
    let vms = HashMap::from([(Arc::from(VM), Arc::new(samples))]);
    *house.figures.0.lock().unwrap() = Arc::new(Samples { sequence: 1, vms, ..Samples::default() });
}

#[tokio::test]
async fn what_did_not_change_is_shaped_once() {
    let house = House::new().await;
    house.started().await;
    figures(&house, 5);
    for _ in 0..3 {
        assert!(!house.statistics.all().await.unwrap().is_empty());
    }
    house.statistics.of_one(VM).await.unwrap().unwrap();
    assert_eq!(shaped(&house), 1);
}

#[tokio::test]
async fn what_one_caller_had_shaped_is_in_the_list_of_the_next() {
    let house = House::new().await;
    house.started().await;
    house.statistics.all().await.unwrap();
    house.room.vms.apply(VM, &Input::Paused, 1).await.unwrap();
    let one = house.statistics.of_one(VM).await.unwrap().unwrap();
    assert_eq!((house.statistics.all().await.unwrap(), shaped(&house)), (one, 2));
}

#[tokio::test]
async fn a_machine_that_is_gone_leaves_nothing_behind_though_only_single_ones_are_asked_for() {
    const OTHER: &str = "11111111-2222-4333-8444-666666666666";
    let house = House::new().await;
    house.started().await;
    house.room.vms.adopt(crate::vm::record::tests::record(OTHER)).await.unwrap();
    for id in [VM, OTHER] {
        house.statistics.of_one(id).await.unwrap().unwrap();
    }
    house.room.vms.remove(OTHER, |_| true).await.unwrap();
    house.room.vms.apply(VM, &Input::Paused, 1).await.unwrap();
    house.statistics.of_one(VM).await.unwrap().unwrap();
    assert_eq!(house.statistics.kept.lock().await.fragments.len(), 1);
}

#[tokio::test]
async fn a_new_sample_a_new_state_and_a_new_module_are_shaped_again() {
    let house = House::new().await;
    house.started().await;
    house.statistics.all().await.unwrap();
    figures(&house, 5);
    house.statistics.all().await.unwrap();
    assert_eq!(shaped(&house), 2);
    house.room.vms.apply(VM, &Input::Paused, 1).await.unwrap();
    let bytes = house.statistics.all().await.unwrap();
    assert_eq!(&*bytes, format!("{VM} Paused").as_bytes());
    house.shaper.generation.store(1, Ordering::SeqCst);
    house.statistics.all().await.unwrap();
    assert_eq!(shaped(&house), 4);
}

#[tokio::test]
async fn a_running_time_ages_and_an_end_does_not() {
    let house = House::new().await;
    house.started().await;
    house.statistics.all().await.unwrap();
    {
        let mut kept = house.statistics.kept.lock().await;
        let old = Some(Instant::now() - FRESH);
        kept.fragments.get_mut(VM).unwrap().aging_since = old;
        kept.whole.as_mut().unwrap().aging_since = old;
    }
    house.statistics.all().await.unwrap();
    assert_eq!(shaped(&house), 2);
    house.room.vms.apply(VM, &Input::StartFailed("x".into()), 1).await.unwrap();
    house.statistics.all().await.unwrap();
    assert_eq!(house.statistics.kept.lock().await.fragments[VM].aging_since, None);
}

#[tokio::test]
async fn a_shaper_that_fails_leaves_the_last_structure_of_a_machine_as_it_is_and_of_no_other() {
    let house = House::new().await;
    house.started().await;
    *house.shaper.broken.lock().unwrap() = true;
    assert!(house.statistics.all().await.is_err());
    *house.shaper.broken.lock().unwrap() = false;
    let before = house.statistics.all().await.unwrap();
    *house.shaper.broken.lock().unwrap() = true;
    house.shaper.generation.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(house.statistics.all().await.unwrap(), before);
    house.room.vms.apply(VM, &Input::Paused, 1).await.unwrap();
    assert!(house.statistics.all().await.is_err(), "a paused machine must not be shown running");
}

#[tokio::test]
async fn callers_that_come_together_cost_one_shaping() {
    let house = House::new().await;
    house.started().await;
    let all = futures_util::future::join_all((0..8).map(|_| house.statistics.all())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(shaped(&house), 1);
}

#[tokio::test]
async fn no_machine_no_structure() {
    let house = House::new().await;
    assert!(house.statistics.all().await.unwrap().is_empty());
    assert!(house.statistics.of_one(VM).await.unwrap().is_none());
}

#[tokio::test]
async fn a_sample_says_what_the_metrics_list_promises() {
    let house = House::new().await;
    house.started().await;
    house
        .room
        .vms
        .change(VM, |record| {
            record.balloon_target_kib = Some(4096);
            record.conf = Arc::new(Tree::object(|conf| {
                conf.int_at("memSize", 64).text_at("display", "vnc").text_at("timeOffset", "0");
                conf.array_at("devices", |devices| {
                    devices.open_object().text_at("type", "interface").text_at("name", "vnet0").text_at("macAddr", "m").close();
                    devices.open_object().text_at("type", "disk").text_at("name", "vda").text_at("imageID", "i").close();
                    devices.open_object().text_at("type", "balloon").object_at("specParams", |parameters| {
                        parameters.text_at("model", "virtio");
                    });
                    devices.close();
                });
            }));
        })
        .await
        .unwrap();
    figures(&house, 5);
    house.statistics.all().await.unwrap();
    let samples = told(&house);
    assert_eq!((samples.owners(Kind::Nic), samples.text(Kind::Nic, 0, NAME)), (&[0][..], Some("vnet0")));
    assert_eq!((samples.owners(Kind::Disk), samples.text(Kind::Disk, 0, NAME)), (&[0][..], Some("vda")));
    assert_eq!((text(&samples, STATUS), text(&samples, DISPLAY_TYPE)), (Some("Powering up"), Some("vnc")));
    assert_eq!((number(&samples, CPU_WINDOW), number(&samples, CPU_TIME)), (Some(10.0), Some(5.0)));
    assert_eq!(number(&samples, CPU_SYSTEM), None, "what libvirt does not say is not there");
    assert_eq!((samples.text(Kind::Nic, 0, MAC), samples.text(Kind::Disk, 0, IMAGE)), (Some("m"), Some("i")));
    assert_eq!((samples.number(Kind::Nic, 0, RX_BYTES), samples.number(Kind::Nic, 0, TX_DROPPED)), (Some(5.0), Some(2.0)));
    assert_eq!((number(&samples, BALLOON_MAX), number(&samples, BALLOON_TARGET)), (Some(65_536.0), Some(4096.0)));
    assert_eq!((number(&samples, STARTED), number(&samples, MONITOR_RESPONSE)), (Some(1.0), Some(0.0)));
}

#[tokio::test]
async fn what_is_unknown_is_said_and_never_zero() {
    let house = House::new().await;
    house.started().await;
    house.room.vms.apply(VM, &Input::OutOfSight, 1).await.unwrap();
    house.statistics.all().await.unwrap();
    let samples = told(&house);
    assert_eq!(number(&samples, MONITOR_RESPONSE), Some(-1.0));
    assert_eq!(number(&samples, STATS_AGE), Some(-1.0));
    assert_eq!(text(&samples, STATUS), Some("Powering up"), "the last status stays");
    assert_eq!(number(&samples, CPU_WINDOW), None);
}

#[tokio::test]
async fn a_machine_that_is_down_says_why_and_nothing_of_its_running() {
    let house = House::new().await;
    house.registered().await;
    house.room.vms.apply(VM, &Input::StartFailed("no".into()), 1).await.unwrap();
    house.statistics.all().await.unwrap();
    let samples = told(&house);
    assert_eq!((text(&samples, EXIT_MESSAGE), number(&samples, EXIT_CODE)), (Some("no"), Some(1.0)));
    assert_eq!((number(&samples, PID), number(&samples, ELAPSED)), (None, None));
}

#[test]
fn the_ids_are_those_of_the_published_lists() {
    let shapers = include_str!("../../../../wit/deps/vm/metrics.md");
    let policies = include_str!("../../../../wit/deps/policy/metrics.md");
    let row = |list: &'static str, id: &str| list.lines().find(|line| line.starts_with(&format!("| {id} |")));
    let source = include_str!("metric.rs");
    let constants = source.lines().filter_map(|line| line.strip_prefix("pub(super) const ")?.strip_suffix(';')?.split_once(": u32 = "));
    let mut of_shapers = 0;
    for (name, id) in constants {
        of_shapers += usize::from(row(shapers, id).is_some());
        let line = row(shapers, id).or(row(policies, id)).unwrap_or_else(|| panic!("{name} is in no list"));
        assert!(line.contains(&name.to_ascii_lowercase().replace('_', "-")), "{name}: {line}");
    }
    let listed =
        shapers.lines().filter(|line| line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit())));
    let ids: std::collections::BTreeSet<_> = listed.filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(of_shapers, ids.len());
}

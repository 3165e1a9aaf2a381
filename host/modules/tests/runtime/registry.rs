//! The registry: good modules beside bad ones, swaps under load, rollback, restarts, and the cache of compiled code.
//! Rung: mock host.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vdsm_core::held::HeldTable;
use vdsm_modules::components::{ComponentDigest, Components};
use vdsm_modules::decider::ModuleDecider;
use vdsm_modules::generation::Generation;
use vdsm_modules::registry::ChangeError;

use crate::build::{self, Described, Verb, ping};
use crate::lab::{self, House, facts, version};

/// The version of `ping` that a generation serves.
async fn served(generation: &Arc<Generation>) -> i32 {
    let verb = generation.verb("ping").unwrap().clone();
    let facts = facts(Some(verb.descriptor.clone()), &[]);
    version(&ModuleDecider::new(verb, facts, HeldTable::new()).attempt(Vec::new(), None).await.unwrap())
}

fn pong() -> Vec<u8> {
    Verb { described: &[Described { name: "pong", ..Described::default() }], ..Verb::default() }.build(|image| build::answer(image, 2))
}

#[tokio::test]
async fn the_rest_serves_beside_what_is_refused() {
    let house = House::new();
    house.install("good", &lab::verb("good", ""), &ping(1));
    house.install(
        "typo",
        &lab::verb("typo", "").replace("[verb]\nserves = [\"ping\"]", "[verb]\nserves = [\"pong\"]\nshape = true"),
        &pong(),
    );
    house.install("broken", &lab::verb("broken", "").replace("\"ping\"", "\"list\""), b"no component");
    house.install("absent", &lab::verb("absent", "").replace("\"ping\"", "\"create\""), b"");
    house.install("slip", &lab::verb("slip", "grant =").replace("\"ping\"", "\"destroy\""), b"");
    std::fs::remove_file(house.root.packaged_modules().join("absent.wasm")).unwrap();
    std::fs::write(house.root.manifests().join("notes.txt"), "no manifest").unwrap();
    let generation = house.load().await;
    assert_eq!(served(&generation).await, 1);
    assert_eq!(generation.modules().count(), 1);
    let names: Vec<&str> = generation.refused().iter().map(|refused| refused.name.as_str()).collect();
    assert_eq!(names, ["absent", "broken", "slip", "typo"]);
    let typo = generation.refused_for("pong").unwrap();
    assert!(typo.name == "typo" && typo.reason.contains("typo.toml:6: no key `shape`; the nearest is `shapes`"), "{}", typo.reason);
    assert!(generation.refused_for("list").unwrap().reason.contains("it is no component"));
    assert!(generation.refused_for("create").unwrap().reason.contains("absent.wasm"));
    let slip = generation.refused_for("destroy").expect("a line that is no TOML hides nothing of the others");
    assert_eq!(generation.refused_module("slip"), Some(slip));
    assert!(generation.refused_for("ping").is_none() && generation.refused_module("good").is_none());
}

#[tokio::test]
async fn a_verb_has_one_module() {
    let house = House::new();
    house.install("a", &lab::verb("a", ""), &ping(1));
    let both = Verb { described: &[Described::default(), Described { name: "pong", ..Described::default() }], ..Verb::default() };
    house.install("b", &lab::verb("b", "").replace("\"ping\"", "\"ping\", \"pong\""), &both.build(|image| build::answer(image, 2)));
    let generation = house.load().await;
    assert_eq!(served(&generation).await, 1);
    let refused = generation.refused_for("pong").expect("the other verbs of a refused module name it too");
    assert!(refused.name == "b" && refused.reason.contains("verb `ping` is served by module `a` already"), "{}", refused.reason);
    let error = house.registry.swap("b", &both.build(|image| build::answer(image, 3)), "0").await.unwrap_err();
    assert!(matches!(error, ChangeError::Conflict(_)), "{error}");
    assert_eq!(served(&house.registry.current()).await, 1);
}

#[tokio::test]
async fn a_swap_and_a_rollback_survive_a_restart() {
    let house = House::new();
    house.install("m", &lab::verb("m", ""), &ping(1));
    house.load().await;
    house.registry.swap("m", &ping(2), "0").await.unwrap();
    house.registry.swap("m", &ping(3), "1000").await.unwrap();
    let house = house.restarted();
    assert_eq!(served(&house.load().await).await, 3, "the operator's choice, not the packaged file");
    let history = house.registry.history("m").unwrap();
    let by: Vec<&str> = history.versions.iter().map(|version| version.by.as_str()).collect();
    assert_eq!((by, history.pin), (vec!["package", "0", "1000"], Some(ComponentDigest::of(&ping(3)))));
    house.registry.rollback("m", "0").await.unwrap();
    assert_eq!(served(&house.registry.current()).await, 2);
    let house = house.restarted();
    assert_eq!(served(&house.load().await).await, 2);
    house.install("m", &lab::verb("m", ""), &ping(9));
    assert_eq!(served(&house.load().await).await, 2, "an upgrade does not pass the operator's pin");
}

#[tokio::test]
async fn a_pin_that_is_taken_away_leaves_the_choice_to_the_package() {
    let house = House::new();
    house.install("m", &lab::verb("m", ""), &ping(1));
    house.load().await;
    house.registry.swap("m", &ping(2), "0").await.unwrap();
    house.registry.unpin("m", "0").await.unwrap();
    assert_eq!(served(&house.registry.current()).await, 1);
    assert_eq!(house.registry.history("m").unwrap().pin, None);
    house.install("m", &lab::verb("m", ""), &ping(3));
    assert_eq!(served(&house.load().await).await, 3, "upgrades are followed again");
    house.registry.rollback("m", "0").await.unwrap();
    assert_eq!(served(&house.registry.current()).await, 1);
}

#[tokio::test]
async fn components_that_nobody_remembers_are_removed_at_the_next_start() {
    let house = House::new();
    house.install("m", &lab::verb("m", ""), &ping(1));
    house.load().await;
    for version in 2..30 {
        house.registry.swap("m", &ping(version), "0").await.unwrap();
    }
    let kept = |house: &House| {
        std::fs::read_dir(house.root.state().join("modules"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "wasm"))
            .count()
    };
    assert_eq!(kept(&house), 29);
    std::fs::write(house.root.state().join("modules").join("half.new1-1"), "a crash").unwrap();
    let house = house.restarted();
    assert_eq!(served(&house.load().await).await, 29);
    assert_eq!(kept(&house), 20, "as many as are remembered");
    assert!(!house.root.state().join("modules").join("half.new1-1").exists());
}

#[tokio::test]
async fn without_a_pin_a_new_package_is_taken_and_can_be_taken_back() {
    let house = House::new();
    house.install("m", &lab::verb("m", ""), &ping(1));
    assert_eq!(served(&house.load().await).await, 1);
    assert!(matches!(house.registry.rollback("m", "0").await.unwrap_err(), ChangeError::NoEarlier(_)));
    house.install("m", &lab::verb("m", ""), &ping(2));
    assert_eq!(served(&house.load().await).await, 2);
    house.registry.rollback("m", "0").await.unwrap();
    assert_eq!(served(&house.registry.current()).await, 1);
}

#[tokio::test]
async fn a_change_that_fails_changes_nothing() {
    let house = House::new();
    house.install("m", &lab::verb("m", ""), &ping(1));
    house.load().await;
    let (before, history) = (house.registry.current(), house.registry.history("m").unwrap());
    for bad in
        [b"no component".to_vec(), pong(), Verb { describe: "unreachable", ..Verb::default() }.build(|image| build::answer(image, 1))]
    {
        assert!(matches!(house.registry.swap("m", &bad, "0").await.unwrap_err(), ChangeError::Load(_)));
    }
    for unknown in ["n", "../m", ""] {
        assert!(matches!(house.registry.swap(unknown, &ping(2), "0").await.unwrap_err(), ChangeError::Unknown(_)));
        assert!(matches!(house.registry.rollback(unknown, "0").await.unwrap_err(), ChangeError::Unknown(_)));
    }
    let after = house.registry.current();
    assert_eq!((after.number, served(&after).await), (before.number, 1));
    assert_eq!(house.registry.history("m").unwrap(), history);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_modules_are_swapped() {
    let house = House::new();
    house.install("m", &lab::verb("m", ""), &ping(0));
    let first = house.load().await;
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (registry, done) = (house.registry.clone(), done.clone());
            tokio::spawn(async move {
                let (mut calls, mut last) = (0_u32, 0);
                while !done.load(Ordering::Relaxed) {
                    let now = served(&registry.current()).await;
                    assert!(now >= last, "a later call met an older version");
                    (calls, last) = (calls + 1, now);
                }
                (calls, last)
            })
        })
        .collect();
    for version in 1..=10 {
        house.registry.swap("m", &ping(version), "0").await.unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        let (calls, last) = caller.await.unwrap();
        assert!(calls > 0 && last == 10, "{calls} calls, the last of version {last}");
    }
    assert_eq!(served(&first).await, 0, "what began on a generation ends on it");
}

fn compiled(house: &House) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(house.root.state().join("modules")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect()
}

#[tokio::test]
async fn compiled_code_is_taken_from_the_cache_only_as_it_was_written() {
    let house = House::new();
    house.install("m", &lab::verb("m", ""), &ping(1));
    house.load().await;
    let [file] = &compiled(&house)[..] else { panic!("one file of compiled code") };
    let good = std::fs::read(file).unwrap();
    let old = std::time::SystemTime::UNIX_EPOCH;
    let age = || std::fs::File::options().write(true).open(file).unwrap().set_modified(old).unwrap();
    let written_anew = || std::fs::metadata(file).unwrap().modified().unwrap() != old;
    age();
    let house = house.restarted();
    assert_eq!(served(&house.load().await).await, 1);
    assert!(!written_anew(), "the second load uses the cache");
    for place in [good.len() / 2, good.len() - 1] {
        let mut flipped = good.clone();
        flipped[place] ^= 1;
        std::fs::write(file, flipped).unwrap();
        age();
        assert_eq!(served(&house.load().await).await, 1);
        assert!(written_anew() && std::fs::read(file).unwrap().len() == good.len(), "compiled again and kept again");
    }
}

#[tokio::test]
async fn a_kept_component_is_what_its_name_says() {
    let house = House::new();
    house.install("m", &lab::verb("m", ""), &ping(1));
    house.load().await;
    house.registry.swap("m", &ping(2), "0").await.unwrap();
    let directory = house.root.state().join("modules");
    let kept = |version| directory.join(format!("{}.wasm", ComponentDigest::of(&ping(version))));
    std::fs::write(kept(2), ping(3)).unwrap();
    for file in compiled(&house) {
        std::fs::remove_file(file).unwrap();
    }
    let house = house.restarted();
    let generation = house.load().await;
    let refused = generation.refused_for("ping").unwrap();
    assert!(refused.reason.contains("is not what its name says"), "{}", refused.reason);
    let components = Components::open(directory, house.store.clone()).unwrap();
    components.keep(&ping(2)).unwrap();
    assert_eq!(served(&house.load().await).await, 2, "installing it again mends it");
}

#[tokio::test]
async fn the_proof_tells_granted_missing_and_unused() {
    let house = House::new();
    let imports = "(import \"vdsm:hook/log@0.1.0\" \"write\" (func (param i32 i32 i32)))
        (import \"vdsm:verb/plan@0.1.0\" \"commit\" (func (result i32)))";
    let component = Verb { imports, ..Verb::default() }.build(|image| build::answer(image, 1));
    house.install("m", &lab::verb("m", "[grant]\n\"vdsm:hook/log\" = true\n\"test:lab/ask.mine\" = \"subjects\""), &component);
    let (manifest, proof) = house.registry.check(&house.root.manifests().join("m.toml"), component).await.unwrap();
    assert_eq!((manifest.name.as_str(), manifest.kind.name()), ("m", "verb"));
    assert_eq!(proof.imports, ["vdsm:hook/log.write", "vdsm:verb/plan.commit"]);
    assert_eq!(proof.granted.keys().collect::<Vec<_>>(), ["vdsm:hook/log.write"]);
    assert_eq!((proof.missing.clone(), proof.unused.clone()), (vec!["vdsm:verb/plan.commit".into()], vec!["test:lab/ask.mine".into()]));
    assert!(proof.refusal().unwrap().contains("vdsm:verb/plan.commit"));
}

//! Our own components, where they are built: under their packaged manifests, as far as these need no room.
//! Rung: mock host.

use vdsm_core::tree::Tree;
use vdsm_modules::hooks::{ChainRequest, HookRunner};
use vdsm_modules::policy::{PolicyMemory, PolicySubject, Tick};
use vdsm_tests::{Rung, source};

use crate::lab::House;

/// A house with these of our modules; none, said aloud, where they are not built.
async fn house(names: &[&str]) -> Option<House> {
    let house = House::new();
    for name in names {
        let component = source::component(Rung::MockHost, name)?;
        let bytes = std::fs::read(component).unwrap();
        let manifest = std::fs::read_to_string(source::manifest(name)).unwrap();
        house.install(name, &manifest, &bytes);
    }
    let generation = house.load().await;
    assert_eq!(generation.refused(), [], "packaged manifests fit their components");
    Some(house)
}

const DOCUMENT: &str = "<domain type='kvm'>\n  <name>a</name>\n  <!-- kept -->\n  <os><type>hvm</type></os>\n</domain>\n";

fn request(properties: &[(&str, &str)]) -> ChainRequest {
    ChainRequest {
        point: "before_vm_start".into(),
        vm: "v".into(),
        properties: properties.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        document: DOCUMENT.into(),
    }
}

#[tokio::test]
async fn both_hooks_edit_one_document() {
    let Some(house) = house(&["smbios", "qemucmdline"]).await else { return };
    let outcome = house.registry.run(request(&[("smbios", "{'serial': 'S-1'}"), ("qemu_cmdline", "[\"-device\", \"x\"]")])).await;
    assert_eq!(outcome.failed, None);
    for part in ["<entry name=\"serial\">S-1</entry>", "value=\"-device\"", "qemu:commandline", "<!-- kept -->"] {
        assert!(outcome.document.replace('\'', "\"").contains(part), "no {part} in {}", outcome.document);
    }
    assert!(outcome.runs.iter().all(|run| run.failure.is_empty() && run.diff.contains("\n+")), "{:?}", outcome.runs);
    let untouched = house.registry.run(request(&[])).await;
    assert_eq!((untouched.document.as_str(), untouched.failed), (DOCUMENT, None));
}

#[tokio::test]
async fn a_wrong_property_is_ignored_or_fails_as_the_manifest_says() {
    let Some(house) = house(&["smbios", "qemucmdline"]).await else { return };
    let outcome = house.registry.run(request(&[("smbios", "nonsense"), ("qemu_cmdline", "[]")])).await;
    assert_eq!((outcome.document.as_str(), outcome.failed), (DOCUMENT, None));
    let outcome = house.registry.run(request(&[("smbios", "{'serial': 'S-1'}"), ("qemu_cmdline", "nonsense")])).await;
    assert!(outcome.failed.is_some_and(|reason| reason.starts_with("hook qemucmdline: ")));
    assert_eq!(outcome.document, DOCUMENT, "a failed chain applies nothing");
}

#[tokio::test]
async fn the_memory_policy_checks_its_parameters_and_ticks() {
    let Some(house) = house(&["memory"]).await else { return };
    let generation = house.registry.current();
    let policy = generation.module("memory").unwrap();
    assert_eq!(policy.check_parameters().await.unwrap(), Ok(()));
    let host = PolicySubject { id: String::new(), metrics: Vec::new() };
    let tick = Tick { time: 1, seed: 2, subjects: vec![host], memory: None };
    let (decisions, memory) = policy.decide_memory(tick).await.unwrap();
    assert_eq!(decisions, [], "nothing is decided about nobody");
    let stale = memory.map(|_| PolicyMemory { schema: "another".into(), value: Tree::text("x") });
    let tick = Tick { time: 3, seed: 4, subjects: Vec::new(), memory: stale };
    assert_eq!(policy.decide_memory(tick).await.unwrap().0, [], "memory of another schema is no memory");
}

#[tokio::test]
async fn parameters_a_policy_does_not_accept_refuse_it() {
    let Some(house) = house(&["memory"]).await else { return };
    let file = house.root.manifests().join("memory.toml");
    let manifest = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, manifest.replace("interval-s = 10", "interval-s = 10\nparameters = { pressureTreshold = 0.1 }")).unwrap();
    let generation = house.load().await;
    assert!(generation.policies().next().is_none());
    assert!(generation.refused()[0].reason.contains("`pressureTreshold` is no parameter"), "{}", generation.refused()[0].reason);
}

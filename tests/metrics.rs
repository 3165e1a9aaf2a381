//! Ids of metrics stand where each side of the boundary needs them: in the pages beside the interfaces, in the host, in the SDK, in our
//! modules. All say the same.
//! Rung: pure.

use std::collections::BTreeMap;

use vdsm_tests::source;

const PAGES: [&str; 2] = ["wit/deps/vm/metrics.md", "wit/deps/policy/metrics.md"];
const HOST: [&str; 2] = ["host/hypervisor/src/statistics/metric.rs", "vdsmd/src/daemon/policy.rs"];
const MODULES: [&str; 2] = ["sdk/rust/src/policy.rs", "guests/verbs/vm/src/shaper/metrics.rs"];

fn text(file: &str) -> String {
    std::fs::read_to_string(source::tree().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Id and name of each row of a page. Devices' rows say between them whether the metric is a text or a number.
fn documented(page: &str) -> Vec<(u32, String)> {
    let row = |line: &str| {
        let mut cells = line.split('|').skip(1).map(str::trim);
        let id = cells.next()?.parse().ok()?;
        Some((id, cells.find(|cell| !["text", "number"].contains(cell))?.to_owned()))
    };
    text(page).lines().filter_map(row).collect()
}

/// Id and name of each constant of a file that is a small number, its name as the pages spell it.
fn constants(file: &str) -> Vec<(u32, String)> {
    let constant = |line: &str| {
        let (name, value) = line.split_once("const ")?.1.split_once(": u32 = ")?;
        Some((value.trim_end_matches(';').parse().ok()?, name.to_lowercase().replace('_', "-")))
    };
    text(file).lines().filter_map(constant).collect()
}

/// All ids of the pages; they agree where both name one, and no name has two.
fn known() -> BTreeMap<u32, String> {
    let mut known = BTreeMap::new();
    for (id, name) in PAGES.into_iter().flat_map(documented) {
        let before = known.insert(id, name.clone());
        assert!(before.is_none_or(|before| before == name), "{id} is {name} too");
    }
    let mut names: Vec<&String> = known.values().collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), known.len(), "a name has two ids");
    known
}

#[test]
fn every_constant_is_the_id_of_its_name() {
    let known = known();
    for file in HOST.into_iter().chain(MODULES) {
        let constants = constants(file);
        assert!(constants.len() >= 4, "{file}: {constants:?}");
        for (id, name) in constants {
            assert_eq!(known.get(&id), Some(&name), "{file}: {id}");
        }
    }
}

#[test]
fn the_host_tells_all_that_is_documented() {
    let told: Vec<u32> = HOST.into_iter().flat_map(constants).map(|(id, _)| id).collect();
    let silent: Vec<_> = known().into_iter().filter(|(id, _)| !told.contains(id)).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

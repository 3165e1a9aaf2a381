//! Which verbs VDSM has, and what a call gets that no module serves. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod reference;

use vdsm_core::catalogue::{ENTRIES, Since, lookup, recovering, refused, unserved, wrong_arity};
use vdsm_core::descriptor::Plane;

#[test]
fn every_verb_of_the_reference_is_known_with_its_plane_and_arguments() {
    let Some(table) = reference::read("xmlrpc-verbs.toml") else { return };
    let rows = reference::rows(&table, "verb");
    for row in &rows {
        let name = reference::text(row, "name").unwrap();
        let entry = lookup(name).unwrap_or_else(|| panic!("{name} is missing"));
        let plane = if entry.plane == Plane::Global { "global" } else { "irs" };
        assert_eq!(Some(plane), reference::text(row, "plane"), "{name}");
        let arguments = row["args"].as_array().unwrap();
        let optional = |argument: &&toml::Value| argument.get("optional").and_then(toml::Value::as_bool) == Some(true);
        let least = arguments.len() - arguments.iter().filter(optional).count();
        assert_eq!(entry.arguments, least..=arguments.len(), "{name}");
        let since = match entry.since {
            Since::V3_3 => "3.3",
            Since::V3_4 => "3.4",
            Since::V3_5 => "3.5",
            Since::V3_6 => "3.6",
            Since::V4_0 => "4.0",
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(Some(since), reference::text(row, "first_seen").or(reference::text(row, "since")), "{name}");
    }
    let listed = ENTRIES.iter().filter(|entry| !matches!(entry.since, Since::Gluster3_3 | Since::Gluster4_0 | Since::Never | Since::V4_1));
    assert_eq!(listed.count(), rows.len());
}

#[test]
fn passwords_of_the_reference_are_secret() {
    let Some(table) = reference::read("xmlrpc-verbs.toml") else { return };
    for row in reference::rows(&table, "verb") {
        let name = reference::text(&row, "name").unwrap();
        for (index, argument) in row["args"].as_array().unwrap().iter().enumerate() {
            if argument.get("name").and_then(toml::Value::as_str) == Some("password") {
                assert!(lookup(name).unwrap().secrets.contains(&index.to_string().as_str()), "{name} {index}");
            }
        }
    }
}

#[test]
fn names_are_sorted_and_secret_paths_can_be_followed() {
    assert!(ENTRIES.is_sorted_by(|a, b| a.name < b.name));
    for entry in ENTRIES {
        assert_eq!(entry.secret_paths().count(), entry.secrets.len(), "{}", entry.name);
    }
}

#[test]
fn secrets_of_nested_arguments_are_found() {
    let arguments = vdsm_core::tree::Tree::array(|args| {
        args.int(3).text("pool");
        args.open_array();
        for password in ["one", "two"] {
            args.open_object().text_at("user", "u").text_at("password", password).close();
        }
        args.close();
    });
    let found: Vec<_> = lookup("connectStorageServer")
        .unwrap()
        .secret_paths()
        .flat_map(|path| path.find(arguments.root()).into_iter().filter_map(|value| value.as_text().map(str::to_owned)).collect::<Vec<_>>())
        .collect();
    assert_eq!(found, ["one", "two"]);
}

#[test]
fn a_verb_without_a_module_is_not_implemented() {
    let global = unserved("hibernate").unwrap();
    assert_eq!((global.code, global.text().as_str()), (44, "Not implemented: no module serves hibernate"));
    let storage = unserved("spmStart").unwrap();
    assert_eq!((storage.code, storage.text().as_str()), (2000, "Method not implemented: (): no module serves spmStart"));
    assert_eq!(unserved("glusterVolumesList").unwrap().code, 44);
}

#[test]
fn a_name_vdsm_never_had_is_unknown() {
    for name in ["noSuchVerb", "heartBeat", "startSpice", ""] {
        assert_eq!(unserved(name), None, "{name}");
    }
}

#[test]
fn a_refused_module_is_named() {
    let status = refused("create", Plane::Global, "vm-verbs");
    assert_eq!((status.code, status.text().as_str()), (16, "Unexpected exception: module vm-verbs, which serves create, was refused"));
    assert_eq!(refused("spmStart", Plane::Storage, "spm").code, 2000);
}

#[test]
fn wrong_arity_has_the_planes_code_and_says_both_numbers() {
    let global = wrong_arity("destroy", Plane::Global, &(1..=1), 0);
    assert_eq!((global.code, global.text().as_str()), (16, "Unexpected exception: destroy takes 1 argument but 0 came"));
    let storage = wrong_arity("getVolumeSize", Plane::Storage, &(4..=5), 2);
    assert_eq!(storage.text(), "Invalid parameter: 'arguments=2': getVolumeSize takes 4 to 5 arguments but 2 came");
    assert_eq!(storage.code, 1000);
    assert_eq!(recovering().text(), "Recovering from crash or Initializing");
}

//! The packaged `vdsm.conf`, the manifests' grants and the code say what the daemon's own table of keys says.
//! Rung: pure.

use std::path::{Path, PathBuf};

use vdsm_core::config::{Effect, KEYS, Key};
use vdsm_tests::source;

/// Section, key and value of every setting, those in comments too.
fn settings(text: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        }
        let setting = line.strip_prefix('#').unwrap_or(line).split_once(" =");
        if let Some((key, value)) = setting.filter(|(key, _)| !key.is_empty() && !key.contains(' ')) {
            found.push((section.clone(), key.to_owned(), value.trim().to_owned()));
        }
    }
    found
}

#[test]
fn every_line_shows_a_known_key_with_its_default() {
    let text = std::fs::read_to_string(source::tree().join("packaging/vdsm.conf")).unwrap();
    let shown = settings(&text);
    assert!(shown.len() >= 5, "{shown:?}");
    for (section, key, value) in shown {
        let known = KEYS.iter().find(|known| known.section == section && known.name == key);
        let known = known.unwrap_or_else(|| panic!("{section}.{key} is unknown"));
        assert_eq!(value, known.default, "{section}.{key}");
    }
}

/// The whole text of the product's Rust files below `folder`: tests and the table of keys apart.
fn code(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let apart = ["target", "tests", "tests.rs", "keys.rs"];
    let product = entries.filter(|path| !apart.iter().any(|name| path.ends_with(name)) && !path.is_symlink());
    let rust = |path: &PathBuf| path.is_dir() || path.extension().is_some_and(|ending| ending == "rs");
    product.filter(rust).map(|path| if path.is_dir() { code(&path) } else { std::fs::read_to_string(path).unwrap() }).collect()
}

/// Whether `text` names the key where it is read: as a text, or as a field of the configuration.
fn names(text: &str, key: &Key) -> bool {
    let field = format!("config.{}.{}", key.section, key.name);
    let rest = text.split(&field).skip(1);
    let read = |rest: &str| !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
    text.contains(&format!("\"{}.{}\"", key.section, key.name)) || rest.into_iter().any(read)
}

#[test]
fn a_key_has_an_effect_exactly_where_something_reads_it() {
    let code: String = ["host", "vdsmd", "guests"].map(|folder| code(&source::tree().join(folder))).concat();
    for key in KEYS {
        // Of this one the table itself refuses all values but one.
        let is_read = names(&code, key) || (key.section, key.name) == ("irs", "repository");
        assert_eq!(key.effect == Effect::Now, is_read, "{}.{}: marked {:?}", key.section, key.name, key.effect);
    }
}

#[test]
fn modules_are_granted_only_what_has_an_effect() {
    let manifests = std::fs::read_dir(source::tree().join("packaging/modules.d")).unwrap();
    let granted: String = manifests.map(|manifest| std::fs::read_to_string(manifest.unwrap().path()).unwrap()).collect();
    let named: Vec<&Key> = KEYS.iter().filter(|key| names(&granted, key)).collect();
    assert!(named.len() > 10, "{named:?}");
    for key in named {
        assert_eq!(key.effect, Effect::Now, "{}.{}", key.section, key.name);
    }
}

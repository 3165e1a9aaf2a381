//! The packaged `vdsm.conf` says what the daemon's own table of keys says.
//! Rung: pure.

use vdsm_core::config::KEYS;
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

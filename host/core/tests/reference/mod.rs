//! Finds the shared reference of VDSM's facts, where it lies beside the project.

use std::path::Path;

use vdsm_tests::{Rung, skip};

/// The reference `file`; where it is absent the caller's test is skipped, visibly.
pub(crate) fn read(file: &str) -> Option<toml::Table> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        skip(Rung::Pure, &format!("there is no {} to compare with", path.display()));
        return None;
    };
    Some(text.parse().expect("the reference is TOML"))
}

/// The rows of the array of tables `name`.
pub(crate) fn rows(table: &toml::Table, name: &str) -> Vec<toml::Table> {
    table.get(name).and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_table).cloned().collect()
}

/// Text member `key` of a row.
pub(crate) fn text<'a>(row: &'a toml::Table, key: &str) -> Option<&'a str> {
    row.get(key).and_then(toml::Value::as_str)
}

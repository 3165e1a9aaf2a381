//! `ifcfg` files: what a device's configuration says, for managers that show it.

use std::collections::BTreeMap;

use crate::hostfs::HostFs;

/// The settings in the ifcfg file of a device; none of them without a file.
pub fn read(host: &HostFs, device: &str) -> BTreeMap<String, String> {
    host.read(&format!("etc/sysconfig/network-scripts/ifcfg-{device}")).map(|text| parse(&text)).unwrap_or_default()
}

/// `KEY=value` lines, quoted as a shell would write them; comments and anything else are skipped.
pub fn parse(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim().to_owned(), unquote(value))).collect()
}

fn unquote(value: &str) -> String {
    let (mut out, mut quote) = (String::new(), None);
    for c in value.trim().chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, c) if c.is_whitespace() => break,
            _ => out.push(c),
        }
    }
    out
}

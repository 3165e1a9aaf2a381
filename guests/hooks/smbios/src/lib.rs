//! The smbios hook: puts what an operator wants a guest to read from its firmware into the domain's `sysinfo`.
//!
//! Custom property `smbios`: Python dicts joined by `^`, such as `{'serial': 'x'}^{'vendor': 'y'}`. The first key of each names an
//! entry: `vendor`, `version`, `date` and `release` belong to the BIOS, all others to the system. An entry that is there is replaced.

use vdsm_sdk::hook::{DomainHook, HookCall, HookError, log};
use vdsm_sdk::python::{self, Literal};
use vdsm_sdk::xml::{Document, Element, XmlError, element};

/// The hook.
pub struct Smbios;

vdsm_sdk::export_hook!(Smbios);

/// The entries that libvirt knows of the BIOS.
const BIOS: [&str; 4] = ["vendor", "version", "date", "release"];

impl DomainHook for Smbios {
    fn edit(call: &HookCall, document: &mut Document) -> Result<(), HookError> {
        let Some(property) = call.property("smbios") else { return Ok(()) };
        let entries = entries(property).map_err(|why| HookError::failed(format!("smbios: `{property}`: {why}")))?;
        let sysinfo = sysinfo(document)?;
        for (name, value) in entries {
            let block = block(document, sysinfo, if BIOS.contains(&name.as_str()) { "bios" } else { "system" })?;
            set_entry(document, block, &name, &value)?;
            log::debug(&format!("sysinfo entry {name} is {value}"));
        }
        Ok(())
    }
}

/// The first key of each dict with its value. A `^` inside quotes parts nothing.
fn entries(property: &str) -> Result<Vec<(String, String)>, String> {
    let mut entries = Vec::new();
    let mut rest = property;
    loop {
        let (literal, behind) = python::parse_prefix(rest).map_err(|error| error.to_string())?;
        entries.push(first_entry(&literal).ok_or("a dict of texts that is not empty expected")?);
        match behind.strip_prefix('^') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(entries),
            None => return Err("`^` or the end expected behind a dict".into()),
        }
    }
}

fn first_entry(literal: &Literal) -> Option<(String, String)> {
    let (name, value) = literal.as_dict()?.first()?;
    Some((name.clone(), value.as_text()?.to_owned()))
}

fn sysinfo(document: &mut Document) -> Result<Element, XmlError> {
    let known =
        document.find_all("domain/sysinfo").into_iter().find(|found| document.attribute(*found, "type").as_deref() == Some("smbios"));
    known.map_or_else(|| document.append(document.root(), &element("sysinfo").attribute("type", "smbios")), Ok)
}

fn block(document: &mut Document, sysinfo: Element, name: &str) -> Result<Element, XmlError> {
    document.child(sysinfo, name).map_or_else(|| document.append(sysinfo, &element(name)), Ok)
}

fn set_entry(document: &mut Document, block: Element, name: &str, value: &str) -> Result<(), XmlError> {
    let known = document.children(block).find(|entry| document.attribute(*entry, "name").as_deref() == Some(name));
    match known {
        Some(entry) => document.set_text(entry, value),
        None => document.append(block, &element("entry").attribute("name", name).text(value)).map(|_| ()),
    }
}

#[cfg(test)]
mod tests;

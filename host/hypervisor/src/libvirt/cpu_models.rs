//! Which CPU models a guest can have here, as VDSM reports them (`model_*` among the CPU flags).
//!
//! libvirt's CPU map says which vendor a model is of (its own, or its base model's; one without is not offered), and libvirt says
//! whether the host's CPU has at least what the model has.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use virt_sys as sys;

use super::connection::Connection;
use super::error::CallError;

/// libvirt's CPU map: since 4.9 an index with a file a model, before that one file.
const MAPS: [&str; 2] = ["/usr/share/libvirt/cpu_map/index.xml", "/usr/share/libvirt/cpu_map.xml"];
const ARCHITECTURE: &str = "x86_64";

/// The models, in libvirt's order.
pub(crate) fn usable(connection: &Connection) -> Result<Vec<String>, CallError> {
    let vendors = vendors();
    let mut models = Vec::new();
    for model in connection.connect().get_cpu_models_names(ARCHITECTURE, 0)? {
        if let Some(vendor) = vendors.get(&model)
            && host_has(connection, &model, vendor)?
        {
            models.push(model);
        }
    }
    Ok(models)
}

fn host_has(connection: &Connection, model: &str, vendor: &str) -> Result<bool, CallError> {
    let xml = format!(
        "<cpu match='minimum'><model>{}</model><vendor>{}</vendor></cpu>",
        quick_xml::escape::escape(model),
        quick_xml::escape::escape(vendor)
    );
    match connection.connect().compare_cpu(&xml, 0).map_err(CallError::from) {
        Ok(result) => Ok(matches!(result, sys::VIR_CPU_COMPARE_IDENTICAL | sys::VIR_CPU_COMPARE_SUPERSET)),
        Err(error) if error.is_operation_invalid() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The vendor of each model that has one, from the first map that can be read.
fn vendors() -> HashMap<String, String> {
    for map in MAPS.map(Path::new) {
        if let Ok(text) = std::fs::read_to_string(map) {
            return vendors_in(&text, &|include| std::fs::read_to_string(beside(map, include)).ok());
        }
    }
    tracing::warn!("no CPU map of libvirt at {MAPS:?}: no CPU models are offered");
    HashMap::new()
}

fn beside(map: &Path, include: &str) -> PathBuf {
    map.parent().unwrap_or(Path::new("/")).join(include)
}

/// Reads the x86 part of a map; `load` gives the text of a file that the map includes.
fn vendors_in(map: &str, load: &dyn Fn(&str) -> Option<String>) -> HashMap<String, String> {
    let mut known = Known::default();
    known.read(map, load);
    known.vendors
}

#[derive(Default)]
struct Known {
    vendors: HashMap<String, String>,
    /// The model being read.
    model: Option<String>,
    /// Whether another architecture is being read.
    foreign: bool,
}

impl Known {
    fn read(&mut self, text: &str, load: &dyn Fn(&str) -> Option<String>) {
        let mut reader = Reader::from_str(text);
        loop {
            match reader.read_event() {
                Ok(Event::Start(element)) => self.begin(&element, load),
                Ok(Event::Empty(element)) => {
                    let outer = self.model.clone();
                    self.begin(&element, load);
                    self.model = outer;
                }
                Ok(Event::End(element)) if element.name().as_ref() == "model" => self.model = None,
                Ok(Event::Eof) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn begin(&mut self, element: &BytesStart<'_>, load: &dyn Fn(&str) -> Option<String>) {
        let name = attribute(element, "name");
        match element.name().as_ref() {
            "arch" => self.foreign = name.as_deref().is_some_and(|name| !name.starts_with("x86")),
            _ if self.foreign => {}
            "include" => {
                if let Some(text) = attribute(element, "filename").and_then(|file| load(&file)) {
                    self.read(&text, load);
                }
            }
            // Within a model, a model is the one it builds upon.
            "model" => match (self.model.clone(), name) {
                (None, name) => self.model = name,
                (Some(model), Some(base)) => {
                    if let Some(vendor) = self.vendors.get(&base).cloned() {
                        self.vendors.entry(model).or_insert(vendor);
                    }
                }
                (Some(_), None) => {}
            },
            "vendor" => {
                if let Some((model, vendor)) = self.model.clone().zip(name) {
                    self.vendors.insert(model, vendor);
                }
            }
            _ => {}
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    Some(attribute.value.into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use super::*;

    #[test]
    fn a_models_vendor_is_its_own_or_its_base_models() {
        let index = "<cpus><arch name='x86'><include filename='vendors'/><include filename='a'/><include filename='b'/>\
                     <include filename='c'/></arch><arch name='ppc64'><include filename='p'/></arch></cpus>";
        let load = |file: &str| {
            let text = match file {
                "vendors" => "<cpus><vendor name='Intel' string='GenuineIntel'/></cpus>",
                "a" => "<cpus><model name='Conroe'><vendor name='Intel'/><feature name='sse'/></model></cpus>",
                "b" => "<cpus><model name='Penryn'><model name='Conroe'/><feature name='sse4.1'/></model></cpus>",
                "c" => "<cpus><model name='qemu64'><feature name='sse'/></model></cpus>",
                _ => "<cpus><model name='POWER9'><vendor name='IBM'/></model></cpus>",
            };
            Some(text.to_owned())
        };
        let vendors = vendors_in(index, &load);
        assert_eq!(vendors.get("Conroe").map(String::as_str), Some("Intel"));
        assert_eq!(vendors.get("Penryn").map(String::as_str), Some("Intel"));
        assert_eq!(vendors.get("qemu64"), None);
        assert_eq!(vendors.get("POWER9"), None);
    }
}

//! `system.*`: what is served, from the descriptors.

use std::sync::Arc;

use vdsm_core::descriptor::Descriptor;
use vdsm_core::tree::Tree;
use vdsm_xmlrpc::{Fault, Reply};

const METHODS: [&str; 3] = ["listMethods", "methodHelp", "methodSignature"];

/// Answers `system.METHOD` as Python's `SimpleXMLRPCServer` does: plain values, no status.
pub(super) fn answer(method: &str, arguments: &Tree, served: &[Arc<Descriptor>]) -> Result<Reply, Fault> {
    let asked = arguments.root().item(0).and_then(|name| name.as_text());
    let value = match method {
        "listMethods" => Tree::array(|builder| {
            for descriptor in served {
                builder.text(&descriptor.name);
            }
            for own in METHODS {
                builder.text(&format!("system.{own}"));
            }
        }),
        "methodHelp" => Tree::text(asked.map(|name| help(name, served)).unwrap_or_default()),
        "methodSignature" => Tree::text("signatures not supported"),
        other => return Err(Fault::not_supported(&format!("system.{other}"))),
    };
    Ok(Reply { value, held: Default::default() })
}

fn help(name: &str, served: &[Arc<Descriptor>]) -> String {
    let Some(descriptor) = served.iter().find(|descriptor| descriptor.name == name) else { return String::new() };
    let mut text = descriptor.help.clone();
    for parameter in &descriptor.parameters {
        let optional = if parameter.optional { ", optional" } else { "" };
        text.push_str(&format!("\n  {} ({}{optional}): {}", parameter.name, parameter.shape, parameter.help));
    }
    text
}

//! The qemucmdline hook: gives QEMU arguments that libvirt has no element for.
//!
//! Custom property `qemu_cmdline`: a JSON list of texts, one argument each, such as `["-device", "ivshmem-plain,memdev=m"]`. Whoever may
//! set it controls the QEMU process, so the manifest of this hook has to name the danger `raw-qemu-arguments`.

use vdsm_sdk::hook::{DomainHook, HookCall, HookError, log};
use vdsm_sdk::xml::{Document, element};

/// The hook.
pub struct QemuCommandLine;

vdsm_sdk::export_hook!(QemuCommandLine);

/// The namespace in which libvirt takes raw arguments.
const NAMESPACE: &str = "http://libvirt.org/schemas/domain/qemu/1.0";

impl DomainHook for QemuCommandLine {
    fn edit(call: &HookCall, document: &mut Document) -> Result<(), HookError> {
        let Some(property) = call.property("qemu_cmdline") else { return Ok(()) };
        let arguments: Vec<String> =
            serde_json::from_str(property).map_err(|error| HookError::stop(format!("qemu_cmdline is no JSON list of texts: {error}")))?;
        if arguments.is_empty() {
            return Ok(());
        }
        let prefix = document.declare_namespace("qemu", NAMESPACE)?;
        let root = document.root();
        let name = format!("{prefix}:commandline");
        // libvirt reads one such element only, so one that is there is added to.
        let command_line = match document.child(root, &name) {
            Some(known) => known,
            None => document.append(root, &element(name))?,
        };
        for argument in &arguments {
            document.append(command_line, &element(format!("{prefix}:arg")).attribute("value", argument.as_str()))?;
        }
        log::info(&format!("{} raw QEMU arguments added", arguments.len()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Hooks on a domain document.
//!
//! ```
//! use vdsm_sdk::hook::{DomainHook, HookCall, HookError};
//! use vdsm_sdk::xml::Document;
//!
//! struct PinCpu;
//!
//! impl DomainHook for PinCpu {
//!     fn edit(call: &HookCall, document: &mut Document) -> Result<(), HookError> {
//!         if let (Some(cpus), Some(vcpu)) = (call.property("pincpu"), document.find("domain/vcpu")) {
//!             document.set_attribute(vcpu, "cpuset", cpus)?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! vdsm_sdk::export_hook!(PinCpu);
//!
//! # fn main() {
//! let ran = vdsm_sdk::mock::Hook::new("before_vm_start")
//!     .property("pincpu", "0-3")
//!     .document("<domain><vcpu>2</vcpu></domain>")
//!     .run::<PinCpu>();
//! assert_eq!(ran.document(), "<domain><vcpu cpuset=\"0-3\">2</vcpu></domain>");
//! # }
//! ```

pub mod log;

use crate::bindings::hook::exports::vdsm::hook::domain_hook::{Failure, Guest, Snapshot, Verdict};
use crate::verb::Fact;
use crate::xml::{Document, XmlError};

/// A hook: a pure function from what the point shows to an edit of the document.
pub trait DomainHook {
    /// Edits the document, or leaves it. At points whose edits count for nothing (`after_vm_start`, `before_vm_destroy`,
    /// `after_vm_destroy`) it is there to be read.
    fn edit(call: &HookCall, document: &mut Document) -> Result<(), HookError>;
}

/// What a hook point shows beside the document.
#[derive(Clone, Debug, PartialEq)]
pub struct HookCall {
    /// VDSM's name of the point, e.g. `before_vm_start`.
    pub point: String,
    /// Id of the machine.
    pub vm_id: String,
    /// The custom properties of the machine that the manifest names and the manager has set.
    pub properties: Vec<(String, String)>,
    /// Milliseconds since the epoch: the only clock.
    pub time: u64,
    /// A random number: the only chance.
    pub seed: u64,
}

impl HookCall {
    /// A custom property. None: the manager did not set it, or the manifest does not name it.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A failed hook. Its edit is dropped. Where the point may abort and the manifest says `on-failure = "fail"`, the point as a whole
/// fails; else the failure is logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct HookError {
    /// What went wrong, for the manager and the log.
    pub text: String,
    /// Whether the rest of the chain is skipped, as after a script that ends with 2; else it still runs, as after one that ends with 1.
    pub stop: bool,
}

impl HookError {
    /// A failure after which the rest of the chain still runs.
    pub fn failed(text: impl Into<String>) -> HookError {
        HookError { text: text.into(), stop: false }
    }

    /// A failure after which the rest of the chain is skipped.
    pub fn stop(text: impl Into<String>) -> HookError {
        HookError { text: text.into(), stop: true }
    }
}

impl From<XmlError> for HookError {
    fn from(error: XmlError) -> HookError {
        HookError::failed(error.to_string())
    }
}

impl<T: DomainHook> Guest for T {
    fn edit(snapshot: Snapshot, _facts: Vec<Fact>) -> Result<Verdict, Failure> {
        log::panics();
        let (call, text) = split(snapshot);
        match run::<T>(&call, &text) {
            Ok(Some(document)) => Ok(Verdict::Document(document)),
            Ok(None) => Ok(Verdict::Keep),
            Err(HookError { text, stop }) => Err(Failure { text, stop }),
        }
    }
}

fn split(snapshot: Snapshot) -> (HookCall, String) {
    let Snapshot { point, vm_id, properties, document, time, seed, note: _ } = snapshot;
    (HookCall { point, vm_id, properties, time, seed }, document)
}

/// Runs a hook; the document when it was edited.
pub(crate) fn run<T: DomainHook>(call: &HookCall, text: &str) -> Result<Option<String>, HookError> {
    let mut document = Document::parse(text)?;
    T::edit(call, &mut document)?;
    Ok(document.edited())
}

/// Exports a type that implements [`crate::hook::DomainHook`] as the component's hook on domain documents.
#[macro_export]
macro_rules! export_hook {
    ($hook:ident) => {
        const _: fn() = || {
            fn implements<T: $crate::hook::DomainHook>() {}
            implements::<$hook>();
        };
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::hook::export_hook_glue!($hook with_types_in $crate::bindings::hook);
    };
}

#[cfg(test)]
mod tests {
    //! What the host hears of a hook: nothing, the whole document, or why it failed. Rung: pure.

    use super::*;

    /// Does as the property `do` says.
    struct Obedient;

    impl DomainHook for Obedient {
        fn edit(call: &HookCall, document: &mut Document) -> Result<(), HookError> {
            let root = document.root();
            match call.property("do") {
                Some("edit") => document.set_attribute(root, "a", "b")?,
                Some("edit and undo") => {
                    document.set_attribute(root, "a", "b")?;
                    document.remove_attribute(root, "a")?;
                }
                Some("fail") => return Err(HookError::failed("no")),
                Some("stop") => return Err(HookError::stop("no more")),
                Some("edit badly") => document.set_attribute(root, "a b", "")?,
                _ => {}
            }
            Ok(())
        }
    }

    fn edit(what: &str, document: &str) -> Result<Verdict, Failure> {
        let properties = vec![("do".to_owned(), what.to_owned())];
        let (point, vm_id) = ("before_vm_start".to_owned(), String::new());
        let snapshot = Snapshot { point, vm_id, properties, document: document.to_owned(), time: 0, seed: 0, note: None };
        <Obedient as Guest>::edit(snapshot, Vec::new())
    }

    #[test]
    fn an_unchanged_document_is_kept() {
        assert_eq!(edit("nothing", "<domain/>"), Ok(Verdict::Keep));
        assert_eq!(edit("edit and undo", "<domain/>"), Ok(Verdict::Keep));
        assert_eq!(edit("edit", "<domain/>"), Ok(Verdict::Document("<domain a=\"b\"/>".into())));
    }

    #[test]
    fn failures_tell_whether_the_chain_goes_on() {
        let failure = |text: &str, stop| Err(Failure { text: text.into(), stop });
        assert_eq!(edit("fail", "<domain/>"), failure("no", false));
        assert_eq!(edit("stop", "<domain/>"), failure("no more", true));
        assert_eq!(edit("edit badly", "<domain/>"), failure("`a b` is not a name", false));
        assert_eq!(edit("edit", "<domain>"), failure("not a document: an element is not closed at byte 8", false));
    }
}

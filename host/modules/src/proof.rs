//! The static proof: what a component imports, what its manifest grants, and what follows. Made before anything of it runs.

use std::collections::BTreeMap;

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::capability::Offer;
use crate::grant::{Grant, Scope};

/// Version of the interfaces this host links. While they are 0.x a minor version is a contract of its own.
pub const INTERFACE_VERSION: &str = "0.1.0";
const WIRE: &str = "vdsm:wire/types";

/// What a component's imports and a manifest's grants come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Everything it imports, `interface.function`.
    pub imports: Vec<String>,
    /// The effective grant: imported and granted, with scopes.
    pub granted: BTreeMap<String, Scope>,
    /// Imported but not granted: refuses the module.
    pub missing: Vec<String>,
    /// Granted but not imported: harmless.
    pub unused: Vec<String>,
    /// Imported but unknown to this host, with the reason: refuses the module.
    pub unknown: Vec<String>,
    /// Interfaces to link.
    pub(crate) interfaces: Vec<String>,
}

impl Proof {
    /// Holds the imports of `component` against `grant`.
    pub fn of(engine: &Engine, component: &Component, grant: &Grant, offer: &Offer) -> Proof {
        let mut proof = Proof::default();
        for (name, item) in component.component_type().imports(engine) {
            let functions: Vec<String> = match &item.ty {
                ComponentItem::ComponentInstance(instance) => instance
                    .exports(engine)
                    .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
                    .map(|(name, _)| name.to_owned())
                    .collect(),
                _ => {
                    proof.unknown.push(format!("{name}: only interfaces can be imported"));
                    continue;
                }
            };
            proof.take_interface(name, functions, grant, offer);
        }
        for (name, scope) in grant.iter() {
            if proof.imports.iter().any(|import| import == name) {
                proof.granted.insert(name.to_owned(), scope.clone());
            } else {
                proof.unused.push(name.to_owned());
            }
        }
        proof
    }

    fn take_interface(&mut self, name: &str, functions: Vec<String>, grant: &Grant, offer: &Offer) {
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        if version != INTERFACE_VERSION {
            self.unknown.push(format!("{name}: this host links version {INTERFACE_VERSION}"));
            return;
        }
        if interface == WIRE {
            return;
        }
        if !offer.knows_interface(interface) {
            self.unknown.push(format!("{name}: nothing here offers it"));
            return;
        }
        self.interfaces.push(interface.to_owned());
        let any_granted = grant.iter().any(|(granted, _)| granted.strip_prefix(interface).is_some_and(|rest| rest.starts_with('.')));
        for function in functions {
            let full = format!("{interface}.{}", method_name(&function));
            // Methods come with any function of their interface: a handle can only have come from one.
            let allowed = if function.starts_with('[') { any_granted } else { grant.scope(interface, &function).is_some() };
            self.imports.push(full.clone());
            if !allowed {
                self.missing.push(full);
            }
        }
    }

    /// Why the module is refused, if it is.
    pub fn refusal(&self) -> Option<String> {
        if let Some(unknown) = self.unknown.first() {
            return Some(format!("it imports {unknown}"));
        }
        if self.missing.is_empty() {
            None
        } else {
            Some(format!("it imports {}, which its manifest does not grant", self.missing.join(", ")))
        }
    }
}

/// `[method]vm.conf` as `vm.conf`.
fn method_name(function: &str) -> &str {
    function.rsplit(']').next().unwrap_or(function)
}

//! A loaded module: manifest, component, proof, linked and ready to be called in a fresh store.

use std::any::TypeId;
use std::sync::Arc;

use vdsm_core::descriptor::Descriptor;
use vdsm_core::lease::LeaseKind;
use wasmtime::component::{InstancePre, Linker};

use crate::call::{self, CallFailure};
use crate::capability::{Capability, Offer};
use crate::components::{ComponentDigest, ComponentError, Components};
use crate::engine::Runtime;
use crate::grant::Grant;
use crate::manifest::{Kind, Manifest};
use crate::proof::{INTERFACE_VERSION, Proof};
use crate::state::CallState;

/// Why a module cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No component.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The static proof fails.
    #[error("{0}")]
    NotGranted(String),
    /// It cannot be linked although the proof holds: types differ.
    #[error("it cannot be linked: {0:#}")]
    Link(wasmtime::Error),
    /// It lacks the exports of its kind.
    #[error("it is no {kind} module: {cause:#}")]
    Kind {
        /// The kind of the manifest.
        kind: &'static str,
        /// What is missing.
        cause: wasmtime::Error,
    },
    /// Its smoke call failed.
    #[error("its first call failed: {0}")]
    Smoke(#[from] CallFailure),
    /// What it says of itself is not what its manifest allows.
    #[error("{0}")]
    Descriptor(String),
}

/// The exports of a module, by kind.
pub(crate) enum Exports {
    Verb { handler: call::bindings::verb::HostVerbPre<CallState>, shaper: Option<call::bindings::shaper::HostShaperPre<CallState>> },
    Hook(call::bindings::hook::HostHookPre<CallState>),
    Policy(call::bindings::policy::HostPolicyPre<CallState>),
}

/// A module that can be called.
pub struct Module {
    /// What the operator wrote.
    pub manifest: Manifest,
    /// Which component.
    pub digest: ComponentDigest,
    /// The static proof.
    pub proof: Proof,
    /// Verbs it serves (kind verb).
    pub descriptors: Vec<Arc<Descriptor>>,
    pub(crate) label: Arc<str>,
    pub(crate) grant: Arc<Grant>,
    pub(crate) exports: Exports,
    pub(crate) runtime: Arc<Runtime>,
    /// The rooms whose snapshot a round needs: those it links.
    pub(crate) rooms: Vec<Arc<dyn Capability>>,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label)
    }
}

impl Module {
    /// Compiles (or takes from the cache), proves, links and calls for the first time. Compiling happens on a thread of its own.
    pub async fn load(
        runtime: Arc<Runtime>,
        components: &Components,
        offer: &Offer,
        manifest: Manifest,
        digest: ComponentDigest,
    ) -> Result<Module, LoadError> {
        let component = {
            let (components, runtime, digest) = (components.clone(), runtime.clone(), digest.clone());
            let compiling = tokio::task::spawn_blocking(move || components.compiled(runtime.engine(), &digest));
            compiling.await.map_err(|error| LoadError::NotGranted(format!("compiling ended unexpectedly: {error}")))??
        };
        let proof = Proof::of(runtime.engine(), &component, &manifest.grant, offer);
        if let Some(refusal) = proof.refusal() {
            return Err(LoadError::NotGranted(refusal));
        }
        let mut linker = Linker::<CallState>::new(runtime.engine());
        // Types only; a component that uses none of them does not ask for it.
        linker.instance(&format!("vdsm:wire/types@{INTERFACE_VERSION}")).map_err(LoadError::Link)?;
        for interface in &proof.interfaces {
            offer.link(interface, &mut linker).map_err(LoadError::Link)?;
        }
        let pre = linker.instantiate_pre(&component).map_err(LoadError::Link)?;
        let exports = exports(&manifest.kind, pre)?;
        let rooms = rooms(&proof, offer);
        let grant = Arc::new(Grant(proof.granted.clone()));
        let label = format!("{}@{}", manifest.name, digest.short()).into();
        let mut module = Module { manifest, digest, proof, descriptors: Vec::new(), label, grant, exports, runtime, rooms };
        module.smoke(offer).await?;
        Ok(module)
    }

    /// The first call, at load: what it says of itself, within what its manifest allows.
    async fn smoke(&mut self, offer: &Offer) -> Result<(), LoadError> {
        let section = match &self.manifest.kind {
            Kind::Verb(section) => section,
            Kind::Hook(_) => return call::smoke(self).await.map_err(LoadError::Smoke),
            Kind::Policy(_) => {
                let accepted = self.check_parameters().await?;
                return accepted.map_err(|status| LoadError::Descriptor(format!("it does not accept its parameters: {status}")));
            }
        };
        let descriptors = call::describe(self).await?;
        for (index, descriptor) in descriptors.iter().enumerate() {
            if descriptors.iter().take(index).any(|earlier| earlier.name == descriptor.name) {
                return Err(LoadError::Descriptor(format!("it describes `{}` twice", descriptor.name)));
            }
            if let Some(subject) = descriptor.subjects.iter().find(|subject| !known_subject(&subject.kind, offer)) {
                return Err(LoadError::Descriptor(format!("`{}` is about a `{}`, which no room knows", descriptor.name, subject.kind)));
            }
            if !section.serves.contains(&descriptor.name) {
                return Err(LoadError::Descriptor(format!("it serves `{}`, which its manifest does not list", descriptor.name)));
            }
        }
        if let Some(absent) = section.serves.iter().find(|name| !descriptors.iter().any(|descriptor| descriptor.name == **name)) {
            return Err(LoadError::Descriptor(format!("its manifest lists `{absent}`, which it does not serve")));
        }
        self.descriptors = descriptors.into_iter().map(Arc::new).collect();
        Ok(())
    }
}

/// A subject is something a room makes handles for, or something that is only leased.
fn known_subject(kind: &str, offer: &Offer) -> bool {
    LeaseKind::parse(kind).is_some() || offer.capabilities().iter().any(|room| room.subject_kinds().contains(&kind))
}

fn exports(kind: &Kind, pre: InstancePre<CallState>) -> Result<Exports, LoadError> {
    use call::bindings::{hook, policy, shaper, verb};
    let wrong = |cause| LoadError::Kind { kind: kind.name(), cause };
    Ok(match kind {
        Kind::Verb(section) => Exports::Verb {
            handler: verb::HostVerbPre::new(pre.clone()).map_err(wrong)?,
            shaper: if section.shapes { Some(shaper::HostShaperPre::new(pre).map_err(wrong)?) } else { None },
        },
        Kind::Hook(_) => Exports::Hook(hook::HostHookPre::new(pre).map_err(wrong)?),
        Kind::Policy(_) => Exports::Policy(policy::HostPolicyPre::new(pre).map_err(wrong)?),
    })
}

fn rooms(proof: &Proof, offer: &Offer) -> Vec<Arc<dyn Capability>> {
    let linked = |room: &&Arc<dyn Capability>| {
        room.functions().iter().any(|function| proof.interfaces.iter().any(|name| name == function.interface))
    };
    offer.capabilities().iter().filter(linked).cloned().collect()
}

/// The key under which a room's snapshot is found again.
pub(crate) fn snapshot_key(snapshot: &(dyn std::any::Any + Send)) -> TypeId {
    snapshot.type_id()
}

//! What modules may ask of this room and plan with it: the package `vdsm:storage`.
//!
//! Subjects: `connection` (the address of a storage server as the call names it; leased, because its link is changed) and `file`
//! (a path of a disk; a handle only). A handle exists only for what the call names.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use vdsm_core::jobs::{Owner, StepKind};
use vdsm_core::lease::LeaseKey;
use vdsm_core::root::Root;
use vdsm_modules::capability::Capability;
use vdsm_modules::grant::{FunctionSpec, ScopeRule};
use vdsm_modules::state::{CallFacts, CallState};
use vdsm_modules::wire::types;
use wasmtime::component::{HasData, Linker, Resource};

use crate::links::{Links, same_place};
use crate::steps::{ConnectLocal, DisconnectLocal, Prepare, kinds};

#[allow(missing_docs, unreachable_pub)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "vdsm:worlds/capability-storage",
        imports: { default: trappable },
        with: {
            "vdsm:wire/types": vdsm_modules::wire::types,
            "vdsm:storage/ask.connection": super::ConnectionHandle,
            "vdsm:storage/ask.file": super::FileHandle,
        },
    });
}
use bindings::vdsm::storage::{ask, plan};

const ASK: &str = "vdsm:storage/ask";
const PLAN: &str = "vdsm:storage/plan";

const FUNCTIONS: &[FunctionSpec] = &[
    FunctionSpec { interface: ASK, name: "subject-connection", rule: ScopeRule::SubjectsOrAll, step: None },
    FunctionSpec { interface: ASK, name: "subject-file", rule: ScopeRule::SubjectsOrAll, step: None },
    FunctionSpec { interface: ASK, name: "subjects", rule: ScopeRule::Flag, step: None },
    FunctionSpec { interface: PLAN, name: "connect-local", rule: ScopeRule::SubjectsOrAll, step: Some(ConnectLocal::NAME) },
    FunctionSpec { interface: PLAN, name: "disconnect-local", rule: ScopeRule::SubjectsOrAll, step: Some(DisconnectLocal::NAME) },
    FunctionSpec { interface: PLAN, name: "prepare", rule: ScopeRule::SubjectsOrAll, step: Some(Prepare::NAME) },
];

/// A connection the call names.
pub struct ConnectionHandle {
    address: String,
    lease: Option<LeaseKey>,
}

/// A file the call names.
pub struct FileHandle {
    path: String,
}

/// The room's offer to modules.
pub struct StorageCapability {
    links: Links,
}

impl StorageCapability {
    /// Over the repository of `root`.
    pub fn new(root: &Root) -> StorageCapability {
        StorageCapability { links: Links::of(root) }
    }
}

/// What one round sees: where the links of the call's connections lead. Our own directory is read for it, no foreign storage.
struct Snapshot {
    links: BTreeMap<String, String>,
}

impl Snapshot {
    fn before(&self, address: &str) -> Option<String> {
        self.links.get(address).cloned()
    }
}

impl Capability for StorageCapability {
    fn package(&self) -> &'static str {
        "vdsm:storage"
    }

    fn functions(&self) -> &'static [FunctionSpec] {
        FUNCTIONS
    }

    fn subject_kinds(&self) -> &'static [&'static str] {
        &["connection", "file"]
    }

    fn link(&self, interface: &str, linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        match interface {
            ASK => ask::add_to_linker::<CallState, InCall>(linker, in_call),
            PLAN => plan::add_to_linker::<CallState, InCall>(linker, in_call),
            other => Err(wasmtime::Error::msg(format!("`{other}` is no interface of vdsm:storage"))),
        }
    }

    fn snapshot(&self, call: &CallFacts) -> Box<dyn Any + Send> {
        let connections = call.subjects.iter().flatten().filter(|item| item.kind == "connection");
        let links = connections.filter_map(|item| match self.links.target(&item.id) {
            Ok(target) => target.map(|target| (item.id.clone(), target)),
            Err(error) => {
                tracing::warn!(address = item.id, error = &error as &dyn std::error::Error, "the link of a connection cannot be read");
                None
            }
        });
        Box::new(Snapshot { links: links.collect() })
    }

    fn steps(&self) -> Vec<Arc<dyn StepKind>> {
        kinds(&self.links)
    }
}

/// The room's functions over one call.
struct Room<'a>(&'a mut CallState);

struct InCall;

impl HasData for InCall {
    type Data<'a> = Room<'a>;
}

fn in_call(state: &mut CallState) -> Room<'_> {
    Room(state)
}

impl Room<'_> {
    /// Item `item` of subject `index` when it is of `kind` and `function` reaches it.
    fn subject(&self, function: &str, kind: &str, index: u32, item: u32) -> wasmtime::Result<Option<(String, Option<LeaseKey>)>> {
        let Some(found) = self.0.facts().subject(index, item).filter(|found| found.kind == kind) else { return Ok(None) };
        self.0.allow(ASK, function, kind, &found.id)?;
        Ok(Some((found.id.clone(), found.lease.clone())))
    }

    /// The connection a plan function is about: its address, where its link leads, and the lease that lets it be changed.
    fn planned(&mut self, function: &str, handle: &Resource<ConnectionHandle>) -> wasmtime::Result<(String, Option<String>, LeaseKey)> {
        let ConnectionHandle { address, lease } = self.0.table().get(handle)?;
        let (address, lease) = (address.clone(), lease.clone());
        self.0.allow(PLAN, function, "connection", &address)?;
        let lease = lease.ok_or_else(|| wasmtime::Error::msg(format!("the verb holds no lease on connection `{address}`")))?;
        let before = self.0.room::<Snapshot>()?.before(&address);
        Ok((address, before, lease))
    }

    fn owner(&self, owner: types::Owner) -> wasmtime::Result<Owner> {
        let types::Owner::Subject(types::SubjectRef { index, item }) = owner else { return Ok(Owner::Job) };
        let found = self.0.facts().subject(index, item).and_then(|found| found.lease.clone());
        let lease = found.ok_or_else(|| wasmtime::Error::msg(format!("subject {index}.{item} has no lease and so can keep nothing")))?;
        Ok(Owner::Subject(lease))
    }
}

impl ask::HostConnection for Room<'_> {
    fn address(&mut self, handle: Resource<ConnectionHandle>) -> wasmtime::Result<String> {
        Ok(self.0.table().get(&handle)?.address.clone())
    }

    fn connected(&mut self, handle: Resource<ConnectionHandle>) -> wasmtime::Result<bool> {
        let address = self.0.table().get(&handle)?.address.clone();
        Ok(self.0.room::<Snapshot>()?.before(&address).is_some_and(|target| same_place(&target, &address)))
    }

    fn drop(&mut self, handle: Resource<ConnectionHandle>) -> wasmtime::Result<()> {
        self.0.table().delete(handle)?;
        Ok(())
    }
}

impl ask::HostFile for Room<'_> {
    fn path(&mut self, handle: Resource<FileHandle>) -> wasmtime::Result<String> {
        Ok(self.0.table().get(&handle)?.path.clone())
    }

    fn drop(&mut self, handle: Resource<FileHandle>) -> wasmtime::Result<()> {
        self.0.table().delete(handle)?;
        Ok(())
    }
}

impl ask::Host for Room<'_> {
    fn subject_connection(&mut self, index: u32, item: u32) -> wasmtime::Result<Option<Resource<ConnectionHandle>>> {
        let Some((address, lease)) = self.subject("subject-connection", "connection", index, item)? else { return Ok(None) };
        Ok(Some(self.0.table().push(ConnectionHandle { address, lease })?))
    }

    fn subject_file(&mut self, index: u32, item: u32) -> wasmtime::Result<Option<Resource<FileHandle>>> {
        let Some((path, _)) = self.subject("subject-file", "file", index, item)? else { return Ok(None) };
        Ok(Some(self.0.table().push(FileHandle { path })?))
    }

    fn subjects(&mut self, index: u32) -> wasmtime::Result<u32> {
        let items = self.0.facts().subjects.get(index as usize).map_or(0, Vec::len);
        Ok(u32::try_from(items).unwrap_or(u32::MAX))
    }
}

impl plan::Host for Room<'_> {
    fn connect_local(&mut self, handle: Resource<ConnectionHandle>) -> wasmtime::Result<u32> {
        let (address, before, lease) = self.planned("connect-local", &handle)?;
        self.0.plan(ConnectLocal::plan(&address, before, lease))
    }

    fn disconnect_local(&mut self, handle: Resource<ConnectionHandle>) -> wasmtime::Result<u32> {
        let (address, before, lease) = self.planned("disconnect-local", &handle)?;
        self.0.plan(DisconnectLocal::plan(&address, before, lease))
    }

    fn prepare(&mut self, handle: Resource<FileHandle>, owner: types::Owner) -> wasmtime::Result<u32> {
        let path = self.0.table().get(&handle)?.path.clone();
        self.0.allow(PLAN, "prepare", "file", &path)?;
        let owner = self.owner(owner)?;
        self.0.plan(Prepare::plan(&path, owner))
    }
}

//! One immutable picture of all modules: which verb is whose, the order of chains, what was refused and why.
//!
//! A call loads one generation and stays on it to its end. A change makes the next one aside and then is one store.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use vdsm_core::descriptor::Descriptor;

use crate::manifest::Kind;
use crate::module::Module;

/// A module that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedModule {
    /// Its name: the manifest's file stem.
    pub name: String,
    /// The manifest.
    pub file: PathBuf,
    /// File, line and reason.
    pub reason: String,
    /// The verbs it would serve, as far as its manifest could be read.
    pub serves: Vec<String>,
}

/// A verb and who serves it.
#[derive(Clone, Debug)]
pub struct ServedVerb {
    /// The module.
    pub module: Arc<Module>,
    /// What it said of the verb.
    pub descriptor: Arc<Descriptor>,
}

/// All modules at one time.
#[derive(Debug, Default)]
pub struct Generation {
    /// Counts up with each change since the daemon started.
    pub number: u64,
    modules: BTreeMap<String, Arc<Module>>,
    refused: Vec<RefusedModule>,
    verbs: HashMap<String, ServedVerb>,
    chains: HashMap<&'static str, Vec<Arc<Module>>>,
    shaper: Option<Arc<Module>>,
}

impl Generation {
    /// Puts modules together. One whose verb is another's already is refused.
    pub fn build(number: u64, modules: impl IntoIterator<Item = Arc<Module>>, refused: Vec<RefusedModule>) -> Generation {
        let mut generation = Generation { number, refused, ..Generation::default() };
        for module in modules {
            match generation.conflict(&module) {
                None => generation.add(module),
                Some(reason) => generation.refused.push(RefusedModule {
                    name: module.manifest.name.clone(),
                    file: module.manifest.file.clone(),
                    reason: format!("{}: {reason}", module.manifest.file.display()),
                    serves: module.descriptors.iter().map(|descriptor| descriptor.name.clone()).collect(),
                }),
            }
        }
        for chain in generation.chains.values_mut() {
            chain.sort_by(|a, b| (order(a), &a.manifest.name).cmp(&(order(b), &b.manifest.name)));
        }
        generation
    }

    fn conflict(&self, module: &Module) -> Option<String> {
        let taken = module.descriptors.iter().find_map(|descriptor| self.verbs.get(&descriptor.name).map(|other| (descriptor, other)));
        if let Some((descriptor, other)) = taken {
            return Some(format!("verb `{}` is served by module `{}` already", descriptor.name, other.module.manifest.name));
        }
        let shapes = matches!(&module.manifest.kind, Kind::Verb(section) if section.shapes);
        self.shaper.as_ref().filter(|_| shapes).map(|other| format!("statistics are shaped by module `{}` already", other.manifest.name))
    }

    fn add(&mut self, module: Arc<Module>) {
        match &module.manifest.kind {
            Kind::Verb(section) => {
                for descriptor in &module.descriptors {
                    self.verbs.insert(descriptor.name.clone(), ServedVerb { module: module.clone(), descriptor: descriptor.clone() });
                }
                if section.shapes {
                    self.shaper = Some(module.clone());
                }
            }
            Kind::Hook(hook) => {
                for point in &hook.points {
                    self.chains.entry(point.name).or_default().push(module.clone());
                }
            }
            Kind::Policy(_) => {}
        }
        self.modules.insert(module.manifest.name.clone(), module);
    }

    /// Who serves `verb`.
    pub fn verb(&self, verb: &str) -> Option<&ServedVerb> {
        self.verbs.get(verb)
    }

    /// Every verb that is served.
    pub fn verbs(&self) -> impl Iterator<Item = &ServedVerb> {
        self.verbs.values()
    }

    /// The hooks of a point, in order.
    pub fn chain(&self, point: &str) -> &[Arc<Module>] {
        self.chains.get(point).map_or(&[], Vec::as_slice)
    }

    /// The module that shapes machine statistics.
    pub fn shaper(&self) -> Option<&Arc<Module>> {
        self.shaper.as_ref()
    }

    /// The policies.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<Module>> {
        self.modules.values().filter(|module| matches!(module.manifest.kind, Kind::Policy(_)))
    }

    /// A module by name.
    pub fn module(&self, name: &str) -> Option<&Arc<Module>> {
        self.modules.get(name)
    }

    /// All modules that are served, by name.
    pub fn modules(&self) -> impl Iterator<Item = &Arc<Module>> {
        self.modules.values()
    }

    /// Modules that are not served.
    pub fn refused(&self) -> &[RefusedModule] {
        &self.refused
    }

    /// Why the module of that name is not served; none when it is, or when there is none.
    pub fn refused_module(&self, name: &str) -> Option<&RefusedModule> {
        self.refused.iter().find(|refused| refused.name == name)
    }

    /// The refused module that would serve `verb`.
    pub fn refused_for(&self, verb: &str) -> Option<&RefusedModule> {
        self.refused.iter().find(|refused| refused.serves.iter().any(|served| served == verb))
    }
}

fn order(module: &Module) -> i32 {
    match &module.manifest.kind {
        Kind::Hook(hook) => hook.order,
        Kind::Verb(_) | Kind::Policy(_) => 0,
    }
}

//! The contract between the module runtime and the rooms.
//!
//! The runtime knows no capability by name. Each device crate hands it one [`Capability`]: the interfaces it offers, how to link
//! them, what a round may see of it, and the step kinds its plan functions record.

use std::any::Any;
use std::sync::Arc;

use vdsm_core::jobs::StepKind;
use wasmtime::component::Linker;

use crate::grant::FunctionSpec;
use crate::state::{CallFacts, CallState};

/// A room's offer to modules.
pub trait Capability: Send + Sync + 'static {
    /// The WIT package, e.g. `vdsm:vm`.
    fn package(&self) -> &'static str;

    /// Every function of its ask and plan interfaces.
    fn functions(&self) -> &'static [FunctionSpec];

    /// Kinds of subjects it makes handles for, e.g. `vm`.
    fn subject_kinds(&self) -> &'static [&'static str];

    /// Accepts or refuses one name of a list scope ([`crate::grant::ScopeRule::Names`]); the error says what would be valid.
    fn check_name(&self, _function: &FunctionSpec, name: &str) -> Result<(), String> {
        Err(format!("`{name}` means nothing here"))
    }

    /// Puts `interface` (`vdsm:vm/plan`) into a linker.
    fn link(&self, interface: &str, linker: &mut Linker<CallState>) -> wasmtime::Result<()>;

    /// What the asks of one round see: one instant. Taken before the module is called, must not wait; asks find it again with
    /// [`CallState::room`].
    fn snapshot(&self, call: &CallFacts) -> Box<dyn Any + Send>;

    /// The kinds of steps its plan functions record.
    fn steps(&self) -> Vec<Arc<dyn StepKind>>;
}

/// Everything that can be granted: the base every module may have, and what the rooms bring.
#[derive(Clone, Default)]
pub struct Offer {
    capabilities: Vec<Arc<dyn Capability>>,
}

impl Offer {
    /// The offer of these rooms.
    pub fn new(capabilities: Vec<Arc<dyn Capability>>) -> Offer {
        Offer { capabilities }
    }

    /// The rooms' capabilities.
    pub fn capabilities(&self) -> &[Arc<dyn Capability>] {
        &self.capabilities
    }

    /// The functions `key` stands for: all of an interface, or one. The base belongs to no room.
    pub(crate) fn functions_of<'a>(&'a self, key: &str) -> Vec<(Option<&'a Arc<dyn Capability>>, &'static FunctionSpec)> {
        let fits = |function: &&FunctionSpec| {
            function.interface == key
                || key.strip_prefix(function.interface).and_then(|rest| rest.strip_prefix('.')).is_some_and(|name| name == function.name)
        };
        let base = crate::base::FUNCTIONS.iter().filter(fits).map(|function| (None, function));
        let rooms =
            self.capabilities.iter().flat_map(|room| room.functions().iter().filter(fits).map(move |function| (Some(room), function)));
        base.chain(rooms).collect()
    }

    /// Every interface name, for suggestions.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let rooms = self.capabilities.iter().flat_map(|room| room.functions().iter());
        let mut names: Vec<_> = crate::base::FUNCTIONS.iter().chain(rooms).map(|function| function.interface).collect();
        names.dedup();
        names
    }

    /// Whether anything of that name can be granted.
    pub(crate) fn knows_interface(&self, interface: &str) -> bool {
        !self.functions_of(interface).is_empty()
    }

    /// Links one interface.
    pub(crate) fn link(&self, interface: &str, linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        if crate::base::FUNCTIONS.iter().any(|function| function.interface == interface) {
            return crate::base::link(interface, linker);
        }
        match self.capabilities.iter().find(|room| room.functions().iter().any(|function| function.interface == interface)) {
            Some(room) => room.link(interface, linker),
            None => Err(wasmtime::Error::msg(format!("nothing offers {interface}"))),
        }
    }
}

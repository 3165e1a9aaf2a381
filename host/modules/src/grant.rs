//! What a module may do: for each function of an ask or plan interface, a scope.
//!
//! A component's imports are what it asks for, its manifest is what it gets, the effective grant is the intersection. What is not
//! granted is not linked, so the component is refused before anything of it runs.

use std::collections::BTreeMap;

/// How far a granted function reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything (`"*"`, or `true` for functions that name nothing).
    All,
    /// Only the subjects of the call (`"subjects"`).
    Subjects,
    /// Only these (`["a", "b"]`).
    Only(Vec<String>),
}

impl Scope {
    /// How the manifest writes it.
    pub fn describe(&self) -> String {
        match self {
            Scope::All => "*".into(),
            Scope::Subjects => "subjects".into(),
            Scope::Only(list) => format!("[{}]", list.join(", ")),
        }
    }
}

/// Which scopes a function can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeRule {
    /// It names nothing: `true` only.
    Flag,
    /// `"subjects"` or `"*"`.
    SubjectsOrAll,
    /// `"*"` only: it reaches beyond the call's subjects by nature.
    AllOnly,
    /// A list of names, each accepted by [`crate::capability::Capability::check_name`].
    Names,
}

/// A function a capability offers. Methods of a resource come with any granted function of their interface.
#[derive(Clone, Copy, Debug)]
pub struct FunctionSpec {
    /// `vdsm:vm/plan`
    pub interface: &'static str,
    /// `start`
    pub name: &'static str,
    /// What it can be given.
    pub rule: ScopeRule,
    /// The step kind a plan function records; none for asks.
    pub step: Option<&'static str>,
}

/// The effective grant of a module: scopes by `interface.function`, e.g. `vdsm:vm/plan.start`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant(pub(crate) BTreeMap<String, Scope>);

impl Grant {
    /// The scope of `interface.function`; none when it is not granted.
    pub fn scope(&self, interface: &str, function: &str) -> Option<&Scope> {
        self.0.get(&format!("{interface}.{function}"))
    }

    /// Everything granted, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Scope)> {
        self.0.iter().map(|(name, scope)| (name.as_str(), scope))
    }
}

//! `vdsm:wire/types` for every room's bindings, and the conversions to the host's own types.

use vdsm_core::jobs;
use vdsm_core::status::Status;
use vdsm_core::tree::{Kind, Node, Parts, Tree, TreeError};

#[allow(missing_docs, unreachable_pub)]
mod bindings {
    wasmtime::component::bindgen!({ path: "../../wit", world: "vdsm:worlds/host-wire", imports: { default: trappable } });
}
pub use bindings::vdsm::wire::types;

impl From<Kind> for types::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Nil => Self::Nil,
            Kind::Boolean => Self::Boolean,
            Kind::Int => Self::Int,
            Kind::Int64 => Self::Int64,
            Kind::Double => Self::Double,
            Kind::Text => Self::Text,
            Kind::Bytes => Self::Bytes,
            Kind::Time => Self::Time,
            Kind::Array => Self::Array,
            Kind::Object => Self::Object,
            Kind::Held => Self::Held,
        }
    }
}

impl From<types::Kind> for Kind {
    fn from(kind: types::Kind) -> Self {
        match kind {
            types::Kind::Nil => Self::Nil,
            types::Kind::Boolean => Self::Boolean,
            types::Kind::Int => Self::Int,
            types::Kind::Int64 => Self::Int64,
            types::Kind::Double => Self::Double,
            types::Kind::Text => Self::Text,
            types::Kind::Bytes => Self::Bytes,
            types::Kind::Time => Self::Time,
            types::Kind::Array => Self::Array,
            types::Kind::Object => Self::Object,
            types::Kind::Held => Self::Held,
        }
    }
}

impl From<Tree> for types::Tree {
    fn from(tree: Tree) -> Self {
        let Parts { keys, text, bytes, nodes } = tree.into_parts();
        let nodes = nodes.into_iter().map(|Node { key, kind, a, b }| types::Node { key, kind: kind.into(), a, b }).collect();
        types::Tree { keys, text, bytes, nodes }
    }
}

impl TryFrom<types::Tree> for Tree {
    type Error = TreeError;
    fn try_from(tree: types::Tree) -> Result<Self, TreeError> {
        let types::Tree { keys, text, bytes, nodes } = tree;
        let nodes = nodes.into_iter().map(|types::Node { key, kind, a, b }| Node { key, kind: kind.into(), a, b }).collect();
        Tree::from_parts(Parts { keys, text, bytes, nodes })
    }
}

impl From<Status> for types::Status {
    fn from(status: Status) -> Self {
        types::Status { code: status.code, message: status.message.into_owned(), detail: status.detail }
    }
}

impl From<types::Status> for Status {
    fn from(status: types::Status) -> Self {
        Status::new(status.code, status.message, status.detail)
    }
}

impl From<jobs::Outcome> for types::Outcome {
    fn from(outcome: jobs::Outcome) -> Self {
        match outcome {
            jobs::Outcome::Done(tree) => Self::Done(tree.into()),
            jobs::Outcome::Failed(status) => Self::Failed(status.into()),
            jobs::Outcome::Unknown(status) => Self::Unknown(status.into()),
            jobs::Outcome::Skipped => Self::Skipped,
        }
    }
}

impl From<jobs::Fact> for types::Fact {
    fn from(fact: jobs::Fact) -> Self {
        types::Fact { step: fact.step, outcome: fact.outcome.into() }
    }
}

//! What a module places in a step or a reply: how much of the host's memory it takes, and that each held value it names is this call's.

use vdsm_core::held::{Held, HeldId, HeldTable};
use vdsm_core::tree::{Kind, Node, Tree};

use crate::limits::Spent;

/// A held node that names nothing of this call: of another call, or made up.
#[derive(Debug, thiserror::Error)]
#[error("it places a held value that this call does not have")]
pub(crate) struct NotHeld;

/// Bytes a tree takes, as far as its content decides.
pub(crate) fn size(tree: &Tree) -> usize {
    let parts = tree.parts();
    let keys: usize = parts.keys.iter().map(String::len).sum();
    keys + parts.text.len() + parts.bytes.len() + parts.nodes.len() * size_of::<Node>()
}

/// The size of `tree` with all it places in full, which may be `most` bytes: one held node of a few bytes can stand for a large value,
/// many times.
pub(crate) fn check(tree: &Tree, held: &HeldTable, most: usize) -> wasmtime::Result<usize> {
    let mut sum = size(tree);
    for node in tree.parts().nodes.iter().filter(|node| node.kind == Kind::Held) {
        sum = sum.saturating_add(match held.get(HeldId { slot: node.a, table: node.b }) {
            None => return Err(NotHeld.into()),
            Some(Held::Secret(_)) => 0,
            Some(Held::Tree(tree)) => size(&tree),
            Some(Held::Encoded(bytes)) => bytes.len(),
        });
    }
    if sum > most { Err(Spent::Copied(most >> 10).into()) } else { Ok(sum) }
}

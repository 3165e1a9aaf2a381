//! Values the host keeps and a module may place but not read: secrets, records, encoded fragments, large outcomes.
//!
//! A [`HeldTable`] belongs to one call. Nodes of kind [`crate::tree::Kind::Held`] name its slots; a name of another call's
//! table finds nothing. Secrets print as `***` wherever they are printed.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::tree::{Kind, Tree, TreeBuilder, Value};

/// Names a held value: slot and table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldId {
    /// Index in the table.
    pub slot: u32,
    /// The table's own number, so that names do not cross calls.
    pub table: u32,
}

/// Text that must reach no module, note, record or log. It has no way to be printed.
pub struct Secret(String);

impl Secret {
    /// Takes the text.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text, for the step that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What is kept.
#[derive(Clone, Debug)]
pub enum Held {
    /// A secret argument.
    Secret(Arc<Secret>),
    /// A value, such as a VM's configuration.
    Tree(Arc<Tree>),
    /// A value already encoded for the wire: the bytes of one XML-RPC `<value>` element.
    Encoded(Bytes),
}

/// Writes the items of an array for the wire one after the other. Each item is also a fragment: the range it has in the whole.
pub trait ArrayEncoder {
    /// Encodes the next item of the tree the encoder was made for. None: there is none, or the wire cannot carry it; then nothing is
    /// written, and the next call goes on with the item after it.
    fn next(&mut self) -> Option<Range<usize>>;

    /// Writes an item that was encoded before.
    fn kept(&mut self, fragment: &[u8]) -> Range<usize>;

    /// The array, unless it is larger than the wire carries.
    fn finish(self: Box<Self>) -> Option<Bytes>;
}

/// Makes an encoder for the items of an array. What encodes is the wire's business, what is kept encoded a room's.
pub type EncodeArray = Arc<dyn for<'t> Fn(&'t Tree) -> Box<dyn ArrayEncoder + 't> + Send + Sync>;

/// The held values of one call. Clones share them: decoder, rounds, steps and reply of a call use one table.
#[derive(Clone, Debug)]
pub struct HeldTable {
    number: u32,
    slots: Arc<Mutex<Vec<Held>>>,
}

static NEXT: AtomicU32 = AtomicU32::new(1);

impl Default for HeldTable {
    fn default() -> Self {
        HeldTable { number: NEXT.fetch_add(1, Ordering::Relaxed), slots: Arc::default() }
    }
}

impl HeldTable {
    /// An empty table with a number of its own.
    pub fn new() -> HeldTable {
        HeldTable::default()
    }

    /// Keeps `value` and names it.
    pub fn keep(&self, value: Held) -> HeldId {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.push(value);
        HeldId { slot: u32::try_from(slots.len() - 1).unwrap_or(u32::MAX), table: self.number }
    }

    /// What `id` names in this table.
    pub fn get(&self, id: HeldId) -> Option<Held> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        (id.table == self.number).then(|| slots.get(id.slot as usize).cloned()).flatten()
    }

    /// Copies `value` with every held tree in its place. Secrets and encoded fragments stay held.
    pub fn expand(&self, value: Value<'_>) -> Tree {
        let mut out = TreeBuilder::new();
        self.expand_into(&mut out, value);
        out.finish().unwrap_or_else(|_| Tree::nil())
    }

    fn expand_into(&self, out: &mut TreeBuilder, value: Value<'_>) {
        match value.kind() {
            Kind::Held => match value.as_held().and_then(|id| self.get(id)) {
                Some(Held::Tree(tree)) => self.expand_into(out, tree.root()),
                _ => {
                    out.value(value);
                }
            },
            Kind::Array => {
                out.open_array();
                for item in value.items() {
                    self.expand_into(out, item);
                }
                out.close();
            }
            Kind::Object => {
                out.open_object();
                for (key, member) in value.members() {
                    out.key(key);
                    self.expand_into(out, member);
                }
                out.close();
            }
            _ => {
                out.value(value);
            }
        }
    }
}

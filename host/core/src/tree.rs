//! A wire value as an arena: keys once, one text, one byte pool, nodes depth first.
//!
//! This is the only representation of a value that travels between the wire, the host and the modules (design section 4;
//! the WIT twin is `vdsm:wire/types.tree`). It owns its well-formedness: a [`Tree`] can only be made by [`TreeBuilder`] or by
//! [`Tree::from_parts`], which checks every index, so that readers never fail.

use serde::{Deserialize, Serialize};

use crate::held::HeldId;

mod packed;

/// Deepest nesting of a value; the same limit as on the wire.
pub const MAX_DEPTH: usize = 64;

/// What a node holds. Complete from the first version: WIT enums never grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value.
    Nil,
    /// `a` is 0 or 1.
    Boolean,
    /// 32 bit signed, in `a`.
    Int,
    /// 64 bit signed: `a` low, `b` high half.
    Int64,
    /// IEEE 754 double: `a` low, `b` high half of its bits.
    Double,
    /// Offset `a`, length `b` in the text.
    Text,
    /// Offset `a`, length `b` in the byte pool.
    Bytes,
    /// A point in time as XML-RPC writes it (`19980717T14:08:55`): offset `a`, length `b` in the text.
    Time,
    /// `a` items follow.
    Array,
    /// `a` members follow.
    Object,
    /// A value the host keeps, named by `a` and `b`; see [`crate::held`].
    Held,
}

/// One node. `key` indexes the tree's keys for members of objects and is 0 elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Index into the keys (members of objects only).
    pub key: u16,
    /// What the node holds.
    pub kind: Kind,
    /// First datum; see [`Kind`].
    pub a: u32,
    /// Second datum; see [`Kind`].
    pub b: u32,
}

/// The parts of a tree, in the order the WIT record has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Member names, each once.
    pub keys: Vec<String>,
    /// All text, back to back.
    pub text: String,
    /// All binary data, back to back.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
    /// The nodes, depth first; the first one is the root.
    #[serde(with = "packed")]
    pub nodes: Vec<Node>,
}

/// Why parts are not a tree.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TreeError {
    /// There is no root, or children are missing or left over.
    #[error("the nodes do not form one value")]
    Shape,
    /// A key, text or byte range lies outside its pool or cuts a character.
    #[error("node {0} points outside its pool")]
    Range(usize),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    Depth,
    /// More keys, text, bytes or nodes than indexes can name.
    #[error("the value is too large")]
    Size,
}

/// A checked wire value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Tree(Parts);

impl TryFrom<Parts> for Tree {
    type Error = TreeError;
    fn try_from(parts: Parts) -> Result<Self, TreeError> {
        Tree::from_parts(parts)
    }
}

impl Tree {
    /// Checks `parts` and takes them as a tree.
    pub fn from_parts(parts: Parts) -> Result<Tree, TreeError> {
        check(&parts)?;
        Ok(Tree(parts))
    }

    /// The parts, to be handed to a module.
    pub fn into_parts(self) -> Parts {
        self.0
    }

    /// The parts, to be looked at.
    pub fn parts(&self) -> &Parts {
        &self.0
    }

    /// The tree of one nil.
    pub fn nil() -> Tree {
        Tree::scalar(Kind::Nil, 0, 0)
    }

    /// The tree of one text.
    pub fn text(text: impl Into<String>) -> Tree {
        let text = text.into();
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let mut tree = Tree::scalar(Kind::Text, 0, length);
        tree.0.text = text;
        tree
    }

    /// The tree of one int.
    pub fn int(value: i32) -> Tree {
        Tree::scalar(Kind::Int, value.cast_unsigned(), 0)
    }

    /// The empty object.
    pub fn empty_object() -> Tree {
        Tree::scalar(Kind::Object, 0, 0)
    }

    /// An object made by `fill`.
    pub fn object(fill: impl FnOnce(&mut TreeBuilder)) -> Tree {
        let mut builder = TreeBuilder::new();
        builder.open_object();
        fill(&mut builder);
        builder.close();
        builder.finish_lenient()
    }

    /// An array made by `fill`.
    pub fn array(fill: impl FnOnce(&mut TreeBuilder)) -> Tree {
        let mut builder = TreeBuilder::new();
        builder.open_array();
        fill(&mut builder);
        builder.close();
        builder.finish_lenient()
    }

    fn scalar(kind: Kind, a: u32, b: u32) -> Tree {
        Tree(Parts { nodes: vec![Node { key: 0, kind, a, b }], ..Parts::default() })
    }

    /// The root value.
    pub fn root(&self) -> Value<'_> {
        Value { parts: &self.0, index: 0 }
    }

    /// Copies the subtree at `value` (of any tree) into a tree of its own.
    pub fn copy_of(value: Value<'_>) -> Tree {
        let mut builder = TreeBuilder::new();
        builder.value(value);
        builder.finish_lenient()
    }
}

fn check(parts: &Parts) -> Result<(), TreeError> {
    if parts.keys.len() > usize::from(u16::MAX) + 1
        || u32::try_from(parts.text.len().max(parts.bytes.len()).max(parts.nodes.len())).is_err()
    {
        return Err(TreeError::Size);
    }
    // What is still expected at each open level; a level closes when it reaches zero.
    let mut open: Vec<(u32, bool)> = vec![(1, false)];
    for (index, node) in parts.nodes.iter().enumerate() {
        while open.last().is_some_and(|(left, _)| *left == 0) {
            open.pop();
        }
        let Some((left, in_object)) = open.last_mut() else { return Err(TreeError::Shape) };
        *left -= 1;
        if *in_object && usize::from(node.key) >= parts.keys.len() {
            return Err(TreeError::Range(index));
        }
        let range = node.a as usize..(node.a as usize).saturating_add(node.b as usize);
        let fits = match node.kind {
            Kind::Text | Kind::Time => parts.text.get(range).is_some(),
            Kind::Bytes => parts.bytes.get(range).is_some(),
            Kind::Array | Kind::Object => {
                open.push((node.a, node.kind == Kind::Object));
                if open.len() > MAX_DEPTH + 1 {
                    return Err(TreeError::Depth);
                }
                true
            }
            _ => true,
        };
        if !fits {
            return Err(TreeError::Range(index));
        }
    }
    if !parts.nodes.is_empty() && open.iter().all(|(left, _)| *left == 0) { Ok(()) } else { Err(TreeError::Shape) }
}

/// A value inside a tree: a cheap cursor.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    parts: &'a Parts,
    index: usize,
}

impl<'a> Value<'a> {
    fn node(self) -> Node {
        self.parts.nodes.get(self.index).copied().unwrap_or(Node { key: 0, kind: Kind::Nil, a: 0, b: 0 })
    }

    /// The parts of its tree, and the index of its node in them: for readers that walk the nodes themselves.
    pub fn place(self) -> (&'a Parts, usize) {
        (self.parts, self.index)
    }

    /// What the value is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Its name, when it is a member of an object.
    fn key(self) -> &'a str {
        self.parts.keys.get(usize::from(self.node().key)).map_or("", String::as_str)
    }

    fn pool(self) -> &'a str {
        let Node { a, b, .. } = self.node();
        self.parts.text.get(a as usize..(a as usize).saturating_add(b as usize)).unwrap_or("")
    }

    /// The text, when it is one.
    pub fn as_text(self) -> Option<&'a str> {
        (self.kind() == Kind::Text).then(|| self.pool())
    }

    /// The time as XML-RPC writes it, when it is one.
    pub fn as_time(self) -> Option<&'a str> {
        (self.kind() == Kind::Time).then(|| self.pool())
    }

    /// The boolean, when it is one.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Boolean).then(|| self.node().a != 0)
    }

    /// The 32 bit int, when it is one.
    pub fn as_int(self) -> Option<i32> {
        (self.kind() == Kind::Int).then(|| self.node().a.cast_signed())
    }

    /// The 64 bit int, when it is one.
    pub fn as_int64(self) -> Option<i64> {
        let Node { a, b, .. } = self.node();
        (self.kind() == Kind::Int64).then(|| (u64::from(b) << 32 | u64::from(a)).cast_signed())
    }

    /// The double, when it is one.
    pub fn as_double(self) -> Option<f64> {
        let Node { a, b, .. } = self.node();
        (self.kind() == Kind::Double).then(|| f64::from_bits(u64::from(b) << 32 | u64::from(a)))
    }

    /// The binary data, when it is that.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        let Node { a, b, .. } = self.node();
        (self.kind() == Kind::Bytes).then(|| self.parts.bytes.get(a as usize..(a as usize).saturating_add(b as usize)).unwrap_or(&[]))
    }

    /// The name of what the host keeps, when it is held.
    pub fn as_held(self) -> Option<HeldId> {
        let Node { a, b, .. } = self.node();
        (self.kind() == Kind::Held).then_some(HeldId { slot: a, table: b })
    }

    /// How many items or members it has; 0 for anything else.
    pub fn len(self) -> usize {
        match self.kind() {
            Kind::Array | Kind::Object => self.node().a as usize,
            _ => 0,
        }
    }

    /// Whether it has no items or members.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Items of an array, or members of an object without their names.
    pub fn items(self) -> impl Iterator<Item = Value<'a>> {
        self.members().map(|(_, value)| value)
    }

    /// Members of an object with their names; items of an array have the name `""`.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let named = self.kind() == Kind::Object;
        let mut next = self.index + 1;
        (0..self.len()).map(move |_| {
            let value = Value { parts: self.parts, index: next };
            next = value.end();
            (if named { value.key() } else { "" }, value)
        })
    }

    /// The member `key` of an object.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        (self.kind() == Kind::Object).then(|| self.members().find(|(name, _)| *name == key).map(|(_, value)| value)).flatten()
    }

    /// Item number `index` of an array.
    pub fn item(self, index: usize) -> Option<Value<'a>> {
        (self.kind() == Kind::Array).then(|| self.items().nth(index)).flatten()
    }

    /// The index just past this value and all below it.
    fn end(self) -> usize {
        let mut left = 1_u64;
        let mut index = self.index;
        while left > 0 {
            let Some(node) = self.parts.nodes.get(index) else { return index };
            left -= 1;
            if matches!(node.kind, Kind::Array | Kind::Object) {
                left += u64::from(node.a);
            }
            index += 1;
        }
        index
    }
}

/// Builds a tree node by node. Inside an object every value is preceded by [`TreeBuilder::key`]; the `*_at` functions do both.
#[derive(Debug, Default)]
pub struct TreeBuilder {
    parts: Parts,
    index: std::collections::HashMap<String, u16>,
    open: Vec<usize>,
    next_key: u16,
    too_large: bool,
}

impl TreeBuilder {
    /// An empty builder.
    pub fn new() -> TreeBuilder {
        TreeBuilder::default()
    }

    /// Names the next value.
    pub fn key(&mut self, key: &str) -> &mut Self {
        self.next_key = match self.index.get(key) {
            Some(known) => *known,
            None => match u16::try_from(self.parts.keys.len()) {
                Ok(new) => {
                    self.parts.keys.push(key.to_owned());
                    self.index.insert(key.to_owned(), new);
                    new
                }
                Err(_) => {
                    self.too_large = true;
                    0
                }
            },
        };
        self
    }

    fn push(&mut self, kind: Kind, a: u32, b: u32) -> &mut Self {
        if let Some(parent) = self.open.last().and_then(|at| self.parts.nodes.get_mut(*at)) {
            parent.a = parent.a.saturating_add(1);
        }
        self.parts.nodes.push(Node { key: std::mem::take(&mut self.next_key), kind, a, b });
        self
    }

    fn pooled(&mut self, kind: Kind, text: &str) -> &mut Self {
        let (Ok(at), Ok(length)) = (u32::try_from(self.parts.text.len()), u32::try_from(text.len())) else {
            self.too_large = true;
            return self;
        };
        self.parts.text.push_str(text);
        self.push(kind, at, length)
    }

    /// A nil.
    pub fn nil(&mut self) -> &mut Self {
        self.push(Kind::Nil, 0, 0)
    }

    /// A boolean.
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.push(Kind::Boolean, u32::from(value), 0)
    }

    /// A 32 bit int.
    pub fn int(&mut self, value: i32) -> &mut Self {
        self.push(Kind::Int, value.cast_unsigned(), 0)
    }

    /// A 64 bit int. VDSM's wire cannot carry it: it may live inside the host only.
    pub fn int64(&mut self, value: i64) -> &mut Self {
        let (low, high) = halves(value.cast_unsigned());
        self.push(Kind::Int64, low, high)
    }

    /// A double.
    pub fn double(&mut self, value: f64) -> &mut Self {
        let (low, high) = halves(value.to_bits());
        self.push(Kind::Double, low, high)
    }

    /// A text.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.pooled(Kind::Text, value)
    }

    /// A time as XML-RPC writes it.
    pub fn time(&mut self, value: &str) -> &mut Self {
        self.pooled(Kind::Time, value)
    }

    /// Binary data.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        let (Ok(at), Ok(length)) = (u32::try_from(self.parts.bytes.len()), u32::try_from(value.len())) else {
            self.too_large = true;
            return self;
        };
        self.parts.bytes.extend_from_slice(value);
        self.push(Kind::Bytes, at, length)
    }

    /// A value the host keeps.
    pub fn held(&mut self, id: HeldId) -> &mut Self {
        self.push(Kind::Held, id.slot, id.table)
    }

    /// Opens an array; what follows up to [`TreeBuilder::close`] are its items.
    pub fn open_array(&mut self) -> &mut Self {
        self.open_with(Kind::Array)
    }

    /// Opens an object; what follows up to [`TreeBuilder::close`] are its members.
    pub fn open_object(&mut self) -> &mut Self {
        self.open_with(Kind::Object)
    }

    fn open_with(&mut self, kind: Kind) -> &mut Self {
        self.push(kind, 0, 0);
        self.open.push(self.parts.nodes.len() - 1);
        self
    }

    /// Closes the innermost open array or object.
    pub fn close(&mut self) -> &mut Self {
        self.open.pop();
        self
    }

    /// Copies a value of another tree.
    pub fn value(&mut self, value: Value<'_>) -> &mut Self {
        match value.kind() {
            Kind::Text => self.text(value.pool()),
            Kind::Time => self.time(value.pool()),
            Kind::Bytes => self.bytes(value.as_bytes().unwrap_or(&[])),
            Kind::Array => {
                self.open_array();
                for item in value.items() {
                    self.value(item);
                }
                self.close()
            }
            Kind::Object => {
                self.open_object();
                for (key, member) in value.members() {
                    self.key(key).value(member);
                }
                self.close()
            }
            kind => {
                let Node { a, b, .. } = value.node();
                self.push(kind, a, b)
            }
        }
    }

    /// Member `key` as text.
    pub fn text_at(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).text(value)
    }

    /// Member `key` as int.
    pub fn int_at(&mut self, key: &str, value: i32) -> &mut Self {
        self.key(key).int(value)
    }

    /// Member `key` as boolean.
    pub fn boolean_at(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key).boolean(value)
    }

    /// Member `key` as a copy of `value`.
    pub fn value_at(&mut self, key: &str, value: Value<'_>) -> &mut Self {
        self.key(key).value(value)
    }

    /// Member `key` as an object made by `fill`.
    pub fn object_at(&mut self, key: &str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.key(key).open_object();
        fill(self);
        self.close()
    }

    /// Member `key` as an array made by `fill`.
    pub fn array_at(&mut self, key: &str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.key(key).open_array();
        fill(self);
        self.close()
    }

    /// Number of nodes so far.
    pub fn node_count(&self) -> usize {
        self.parts.nodes.len()
    }

    /// The tree, when exactly one complete value was built.
    pub fn finish(self) -> Result<Tree, TreeError> {
        if self.too_large {
            return Err(TreeError::Size);
        }
        Tree::from_parts(self.parts)
    }

    /// For values built by our own code: an incomplete one becomes nil, which no caller mistakes for data.
    fn finish_lenient(self) -> Tree {
        self.finish().unwrap_or_else(|_| Tree::nil())
    }
}

fn halves(bits: u64) -> (u32, u32) {
    ((bits & u64::from(u32::MAX)) as u32, (bits >> 32) as u32)
}

#[cfg(test)]
mod tests;

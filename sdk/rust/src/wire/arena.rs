//! Between [`Value`]s and the arena that crosses the component boundary.

use std::collections::HashMap;

use super::{HeldRef, Kind, Node, Object, Tree, Value};

/// Deepest nesting of a value: the host's and the wire's limit.
pub const MAX_DEPTH: usize = 64;

/// Why a value cannot be made from a tree, or a tree from a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// There is no root, or children are missing or left over.
    #[error("the nodes do not form one value")]
    Shape,
    /// Node number so-and-so names a key, text or bytes outside its pool.
    #[error("node {0} points outside its pool")]
    Range(usize),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    Depth,
    /// More keys, text, bytes or nodes than indexes can name.
    #[error("the value is too large")]
    Size,
}

/// Reads a tree. What the host hands over is well formed, so an error here means that the tree was made elsewhere.
pub fn decode(tree: &Tree) -> Result<Value, WireError> {
    let mut reader = Reader { tree, next: 0 };
    let value = reader.value(0)?.1;
    if reader.next == tree.nodes.len() { Ok(value) } else { Err(WireError::Shape) }
}

/// Writes a tree. A value that no tree can hold (see [`try_encode`]) becomes nil, which no reader takes for data.
pub fn encode(value: &Value) -> Tree {
    try_encode(value).unwrap_or_else(|_| Tree { nodes: vec![Node { key: 0, kind: Kind::Nil, a: 0, b: 0 }], ..nothing() })
}

/// Writes a tree; refuses a value nested deeper than [`MAX_DEPTH`], or with more than 65,536 different member names.
pub fn try_encode(value: &Value) -> Result<Tree, WireError> {
    let mut writer = Writer { tree: nothing(), index: HashMap::new() };
    writer.value(0, value, 0)?;
    Ok(writer.tree)
}

fn nothing() -> Tree {
    Tree { keys: Vec::new(), text: String::new(), bytes: Vec::new(), nodes: Vec::new() }
}

struct Reader<'a> {
    tree: &'a Tree,
    next: usize,
}

impl Reader<'_> {
    /// The value at `next` and the index of its key; `next` moves past it.
    fn value(&mut self, depth: usize) -> Result<(usize, Value), WireError> {
        let at = self.next;
        let Node { key, kind, a, b } = *self.tree.nodes.get(at).ok_or(WireError::Shape)?;
        self.next += 1;
        let value = match kind {
            Kind::Nil => Value::Nil,
            Kind::Boolean => Value::Bool(a != 0),
            Kind::Int => Value::Int(a.cast_signed()),
            Kind::Int64 => Value::Int64(whole(a, b).cast_signed()),
            Kind::Double => Value::Double(f64::from_bits(whole(a, b))),
            Kind::Text => Value::Text(self.text(at, a, b)?),
            Kind::Time => Value::Time(self.text(at, a, b)?),
            Kind::Bytes => Value::Bytes(self.tree.bytes.get(range(a, b)).ok_or(WireError::Range(at))?.to_vec()),
            Kind::Held => Value::Held(HeldRef { slot: a, table: b }),
            Kind::Array => Value::Array(self.children(a, depth)?.into_iter().map(|(_, item)| item).collect()),
            Kind::Object => Value::Object(self.object(at, a, depth)?),
        };
        Ok((usize::from(key), value))
    }

    fn text(&self, at: usize, a: u32, b: u32) -> Result<String, WireError> {
        Ok(self.tree.text.get(range(a, b)).ok_or(WireError::Range(at))?.to_owned())
    }

    fn object(&mut self, at: usize, count: u32, depth: usize) -> Result<Object, WireError> {
        let members = self.children(count, depth)?;
        let named = members.into_iter().map(|(key, value)| Some((self.tree.keys.get(key)?.clone(), value)));
        named.collect::<Option<Object>>().ok_or(WireError::Range(at))
    }

    fn children(&mut self, count: u32, depth: usize) -> Result<Vec<(usize, Value)>, WireError> {
        if depth == MAX_DEPTH {
            return Err(WireError::Depth);
        }
        // The count is only believed as far as there are nodes left.
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut children = Vec::with_capacity(count.min(self.tree.nodes.len() - self.next));
        for _ in 0..count {
            children.push(self.value(depth + 1)?);
        }
        Ok(children)
    }
}

struct Writer<'a> {
    tree: Tree,
    index: HashMap<&'a str, u16>,
}

impl<'a> Writer<'a> {
    fn value(&mut self, key: u16, value: &'a Value, depth: usize) -> Result<(), WireError> {
        let (kind, a, b) = match value {
            Value::Nil => (Kind::Nil, 0, 0),
            Value::Bool(value) => (Kind::Boolean, u32::from(*value), 0),
            Value::Int(value) => (Kind::Int, value.cast_unsigned(), 0),
            Value::Int64(value) => halves(Kind::Int64, value.cast_unsigned()),
            Value::Double(value) => halves(Kind::Double, value.to_bits()),
            Value::Text(text) => (Kind::Text, size(self.tree.text.len())?, size(text.len())?),
            Value::Time(text) => (Kind::Time, size(self.tree.text.len())?, size(text.len())?),
            Value::Bytes(bytes) => (Kind::Bytes, size(self.tree.bytes.len())?, size(bytes.len())?),
            Value::Held(HeldRef { slot, table }) => (Kind::Held, *slot, *table),
            Value::Array(items) => (Kind::Array, size(items.len())?, 0),
            Value::Object(members) => (Kind::Object, size(members.len())?, 0),
        };
        self.tree.nodes.push(Node { key, kind, a, b });
        match value {
            Value::Text(text) | Value::Time(text) => self.tree.text.push_str(text),
            Value::Bytes(bytes) => self.tree.bytes.extend_from_slice(bytes),
            Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => return Err(WireError::Depth),
            Value::Array(items) => items.iter().try_for_each(|item| self.value(0, item, depth + 1))?,
            Value::Object(members) => members.iter().try_for_each(|(name, value)| {
                let key = self.key(name)?;
                self.value(key, value, depth + 1)
            })?,
            _ => {}
        }
        Ok(())
    }

    fn key(&mut self, name: &'a str) -> Result<u16, WireError> {
        if let Some(known) = self.index.get(name) {
            return Ok(*known);
        }
        let new = u16::try_from(self.tree.keys.len()).map_err(|_| WireError::Size)?;
        self.tree.keys.push(name.to_owned());
        self.index.insert(name, new);
        Ok(new)
    }
}

fn size(length: usize) -> Result<u32, WireError> {
    u32::try_from(length).map_err(|_| WireError::Size)
}

fn range(at: u32, length: u32) -> std::ops::Range<usize> {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    at..at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
}

fn whole(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn halves(kind: Kind, bits: u64) -> (Kind, u32, u32) {
    (kind, (bits & u64::from(u32::MAX)) as u32, (bits >> 32) as u32)
}

#[cfg(test)]
mod tests;

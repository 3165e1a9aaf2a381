//! Trees onto the wire, in VDSM's dialect. A document is written into one buffer; a large part that was encoded before stays where it
//! lies and is sent from there.
//!
//! The bytes are those Python's own library writes (tags, line feeds, number forms), so that whatever has read VDSM reads this.
//! What VDSM could not send (nil, 64 bit integers) is refused: its clients reject a whole reply for one such value.

mod array;
mod document;

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use vdsm_core::held::{Held, HeldId, HeldTable};
use vdsm_core::tree::{Kind, MAX_DEPTH, Node, Parts, Tree};

use crate::characters::escape_into;
use crate::fault::Fault;
use crate::number::double_into;
pub use array::ArrayWriter;
pub use document::Document;

/// Largest encoded document in bytes.
pub const MAX_REPLY: usize = 64 << 20;
/// Encoded parts of at least this size are not copied into a document.
const PIECE: usize = 32 << 10;

/// Why a value cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeReason {
    /// There is a nil.
    #[error("cannot marshal None unless allow_none is enabled")]
    Nil,
    /// There is a 64 bit integer.
    #[error("long int exceeds XML-RPC limits")]
    Int64,
    /// There is a secret.
    #[error("cannot marshal a secret")]
    Secret,
    /// A held value is not in the table of this call.
    #[error("cannot marshal a value that is not held")]
    Unheld,
    /// Nested too deep, held values included.
    #[error("nested deeper than {MAX_DEPTH}")]
    Depth,
    /// Larger than [`MAX_REPLY`].
    #[error("larger than {MAX_REPLY} bytes")]
    Size,
    /// A call's arguments are no array.
    #[error("the arguments are no array")]
    Arguments,
}

/// A value that cannot be sent, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}", place(.path))]
pub struct EncodeError {
    /// What is wrong.
    pub reason: EncodeReason,
    /// Member names and item numbers from the root down to the value.
    pub path: Vec<String>,
}

fn place(path: &[String]) -> String {
    if path.is_empty() { String::new() } else { format!(": {}", path.join(".")) }
}

impl EncodeError {
    fn new(reason: EncodeReason) -> EncodeError {
        EncodeError { reason, path: Vec::new() }
    }

    fn below(mut self, step: impl FnOnce() -> String) -> EncodeError {
        self.path.insert(0, step());
        self
    }

    /// The fault VDSM answers instead of the reply.
    pub fn fault(&self) -> Fault {
        let class = match self.reason {
            EncodeReason::Int64 | EncodeReason::Size => "<type 'exceptions.OverflowError'>",
            _ => "<type 'exceptions.TypeError'>",
        };
        Fault::python(class, self)
    }
}

/// A `methodResponse` with `value`; `held` is the table of the call.
pub fn encode_reply(value: &Tree, held: &HeldTable) -> Result<Document, EncodeError> {
    let mut writer = Writer::new(value, held);
    writer.out.extend_from_slice(b"<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n");
    writer.tree(value, 0)?;
    writer.out.extend_from_slice(b"</param>\n</params>\n</methodResponse>\n");
    Ok(writer.finish())
}

/// A `methodResponse` with a fault.
pub fn encode_fault(fault: &Fault) -> Vec<u8> {
    let mut out = Vec::with_capacity(320 + fault.text.len());
    out.extend_from_slice(b"<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n");
    int_into(&mut out, fault.code);
    out.extend_from_slice(b"</member>\n<member>\n<name>faultString</name>\n<value><string>");
    escape_into(&mut out, &fault.text);
    out.extend_from_slice(b"</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n");
    out
}

/// A `methodCall`; `arguments` is one array of positional arguments without held values.
pub fn encode_request(method: &str, arguments: &Tree) -> Result<Vec<u8>, EncodeError> {
    let held = HeldTable::new();
    let mut writer = Writer::new(arguments, &held);
    writer.out.extend_from_slice(b"<?xml version='1.0'?>\n<methodCall>\n<methodName>");
    escape_into(&mut writer.out, method);
    writer.out.extend_from_slice(b"</methodName>\n<params>\n");
    let mut cursor = Cursor::over(arguments.parts());
    let Some(Node { kind: Kind::Array, a: count, .. }) = cursor.take() else { return Err(EncodeError::new(EncodeReason::Arguments)) };
    for index in 0..count {
        writer.out.extend_from_slice(b"<param>\n");
        writer.value(&mut cursor, 1).map_err(|error| error.below(|| index.to_string()))?;
        writer.out.extend_from_slice(b"</param>\n");
    }
    writer.out.extend_from_slice(b"</params>\n</methodCall>\n");
    Ok(writer.finish().into())
}

/// Walks the nodes in the order they lie in, which is the order of the wire.
#[derive(Clone, Debug)]
struct Cursor<'a> {
    parts: &'a Parts,
    nodes: std::slice::Iter<'a, Node>,
}

impl<'a> Cursor<'a> {
    fn over(parts: &'a Parts) -> Cursor<'a> {
        Cursor { parts, nodes: parts.nodes.iter() }
    }

    fn take(&mut self) -> Option<Node> {
        self.nodes.next().copied()
    }

    /// Passes over the next node and all below it.
    fn skip(&mut self) {
        let mut left = 1_u64;
        while left > 0
            && let Some(node) = self.take()
        {
            left -= 1;
            if matches!(node.kind, Kind::Array | Kind::Object) {
                left += u64::from(node.a);
            }
        }
    }

    /// The index of the next node's name.
    fn key(&self) -> usize {
        self.nodes.as_slice().first().map_or(0, |node| usize::from(node.key))
    }

    fn name(&self, key: usize) -> &'a str {
        self.parts.keys.get(key).map_or("", String::as_str)
    }

    fn text(&self, node: Node) -> &'a str {
        self.parts.text.get(node.a as usize..(node.a as usize).saturating_add(node.b as usize)).unwrap_or("")
    }

    fn bytes(&self, node: Node) -> &'a [u8] {
        self.parts.bytes.get(node.a as usize..(node.a as usize).saturating_add(node.b as usize)).unwrap_or(&[])
    }
}

struct Writer<'h> {
    out: Vec<u8>,
    held: &'h HeldTable,
    /// What stands before `out`, and how much that is.
    before: Vec<Bytes>,
    length: usize,
    /// The beginnings of members by the index of their name, where they were written before.
    members: &'h [Vec<u8>],
}

impl<'h> Writer<'h> {
    /// A writer with room for `value`, so that the usual reply is written without moving it.
    fn new(value: &Tree, held: &'h HeldTable) -> Writer<'h> {
        let parts = value.parts();
        let fragments: usize = parts
            .nodes
            .iter()
            .filter(|node| node.kind == Kind::Held)
            .filter_map(|node| held.get(HeldId { slot: node.a, table: node.b }))
            .map(|kept| match kept {
                Held::Encoded(bytes) if bytes.len() < PIECE => bytes.len(),
                Held::Tree(tree) => room(tree.parts()),
                Held::Encoded(_) | Held::Secret(_) => 0,
            })
            .sum();
        let wanted = 256_usize.saturating_add(room(parts)).saturating_add(fragments);
        Writer { out: Vec::with_capacity(wanted.min(MAX_REPLY)), held, before: Vec::new(), length: 0, members: &[] }
    }

    /// Bytes written.
    fn len(&self) -> usize {
        self.length + self.out.len()
    }

    fn finish(mut self) -> Document {
        self.cut();
        Document::from(self.before)
    }

    /// Ends a piece.
    fn cut(&mut self) {
        self.length += self.out.len();
        self.before.push(std::mem::take(&mut self.out).into());
    }

    fn tree(&mut self, value: &Tree, depth: usize) -> Result<(), EncodeError> {
        self.value(&mut Cursor::over(value.parts()), depth)
    }

    /// The value at the cursor, inside `depth` arrays and structs.
    fn value(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Result<(), EncodeError> {
        if depth > MAX_DEPTH {
            return Err(EncodeError::new(EncodeReason::Depth));
        }
        if self.len() > MAX_REPLY {
            return Err(EncodeError::new(EncodeReason::Size));
        }
        // A checked tree has a node for every child.
        let Some(node) = cursor.take() else { return Err(EncodeError::new(EncodeReason::Nil)) };
        match node.kind {
            Kind::Nil => return Err(EncodeError::new(EncodeReason::Nil)),
            Kind::Int64 => return Err(EncodeError::new(EncodeReason::Int64)),
            Kind::Text => self.wrapped(b"<value><string>", cursor.text(node), b"</string></value>\n"),
            Kind::Int => int_into(&mut self.out, node.a.cast_signed()),
            Kind::Boolean => {
                let bytes: &[u8] =
                    if node.a == 0 { b"<value><boolean>0</boolean></value>\n" } else { b"<value><boolean>1</boolean></value>\n" };
                self.out.extend_from_slice(bytes);
            }
            Kind::Double => self.double(f64::from_bits(u64::from(node.b) << 32 | u64::from(node.a))),
            Kind::Time => self.wrapped(b"<value><dateTime.iso8601>", cursor.text(node), b"</dateTime.iso8601></value>\n"),
            Kind::Bytes => self.binary(cursor.bytes(node)),
            Kind::Array => self.array(cursor, node.a, depth)?,
            Kind::Object => self.object(cursor, node.a, depth)?,
            Kind::Held => self.kept(HeldId { slot: node.a, table: node.b }, depth)?,
        }
        Ok(())
    }

    fn wrapped(&mut self, before: &[u8], text: &str, after: &[u8]) {
        self.out.extend_from_slice(before);
        escape_into(&mut self.out, text);
        self.out.extend_from_slice(after);
    }

    fn double(&mut self, value: f64) {
        self.out.extend_from_slice(b"<value><double>");
        double_into(&mut self.out, value);
        self.out.extend_from_slice(b"</double></value>\n");
    }

    fn binary(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(b"<value><base64>\n");
        // 57 bytes make the 76 characters of a line that Python writes.
        for line in bytes.chunks(57) {
            self.out.extend_from_slice(STANDARD.encode(line).as_bytes());
            self.out.push(b'\n');
        }
        self.out.extend_from_slice(b"</base64></value>\n");
    }

    fn array(&mut self, cursor: &mut Cursor<'_>, count: u32, depth: usize) -> Result<(), EncodeError> {
        self.out.extend_from_slice(b"<value><array><data>\n");
        for index in 0..count {
            self.value(cursor, depth + 1).map_err(|error| error.below(|| index.to_string()))?;
        }
        self.out.extend_from_slice(b"</data></array></value>\n");
        Ok(())
    }

    fn object(&mut self, cursor: &mut Cursor<'_>, count: u32, depth: usize) -> Result<(), EncodeError> {
        self.out.extend_from_slice(b"<value><struct>\n");
        for _ in 0..count {
            let key = cursor.key();
            match self.members.get(key) {
                Some(beginning) => self.out.extend_from_slice(beginning),
                None => member_into(&mut self.out, cursor.name(key)),
            }
            self.value(cursor, depth + 1).map_err(|error| error.below(|| cursor.name(key).to_owned()))?;
            self.out.extend_from_slice(b"</member>\n");
        }
        self.out.extend_from_slice(b"</struct></value>\n");
        Ok(())
    }

    fn kept(&mut self, id: HeldId, depth: usize) -> Result<(), EncodeError> {
        match self.held.get(id) {
            Some(Held::Encoded(bytes)) if bytes.len() < PIECE => {
                self.out.extend_from_slice(&bytes);
                Ok(())
            }
            Some(Held::Encoded(bytes)) => {
                self.cut();
                self.length += bytes.len();
                self.before.push(bytes);
                Ok(())
            }
            // One level counts, so that held values that hold each other end.
            Some(Held::Tree(tree)) => self.tree(&tree, depth + 1),
            Some(Held::Secret(_)) => Err(EncodeError::new(EncodeReason::Secret)),
            None => Err(EncodeError::new(EncodeReason::Unheld)),
        }
    }
}

/// A guess that is seldom too small: tags around each node, names, text, base64.
fn room(parts: &Parts) -> usize {
    parts.nodes.len() * 96 + parts.text.len() + parts.text.len() / 16 + parts.bytes.len() / 2 * 3
}

/// The beginning of a member.
fn member_into(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"<member>\n<name>");
    escape_into(out, name);
    out.extend_from_slice(b"</name>\n");
}

fn int_into(out: &mut Vec<u8>, value: i32) {
    // Writing to a Vec cannot fail.
    let _ = writeln!(out, "<value><int>{value}</int></value>");
}

#[cfg(test)]
mod tests;

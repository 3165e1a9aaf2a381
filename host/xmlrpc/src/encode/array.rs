//! An array written item by item: values of one tree, and items that were encoded before. Each item is a fragment of the whole.

use std::ops::Range;

use bytes::Bytes;
use vdsm_core::held::{ArrayEncoder, HeldTable};
use vdsm_core::tree::{Kind, Node, Tree};

use super::{Cursor, MAX_REPLY, Writer, member_into, room};

const END: &[u8] = b"</data></array></value>\n";

/// Writes an array whose new items are those of a tree. The tree has no held values of its own.
#[derive(Debug)]
pub struct ArrayWriter<'t> {
    cursor: Cursor<'t>,
    left: u32,
    out: Vec<u8>,
    nothing: HeldTable,
    /// The beginning of a member by the index of its name: hundreds of items share them.
    members: Vec<Vec<u8>>,
}

impl<'t> ArrayWriter<'t> {
    /// An empty array, with room for the items of `tree`; a tree that is no array has none.
    pub fn new(tree: &'t Tree) -> ArrayWriter<'t> {
        let parts = tree.parts();
        let mut cursor = Cursor::over(parts);
        let left = cursor.take().map_or(0, |Node { kind, a, .. }| if kind == Kind::Array { a } else { 0 });
        let member = |name: &String| {
            let mut out = Vec::with_capacity(32 + name.len());
            member_into(&mut out, name);
            out
        };
        let members = parts.keys.iter().map(member).collect();
        let mut out = Vec::with_capacity(room(parts).saturating_add(64).min(MAX_REPLY));
        out.extend_from_slice(b"<value><array><data>\n");
        ArrayWriter { cursor, left, out, nothing: HeldTable::new(), members }
    }
}

impl ArrayEncoder for ArrayWriter<'_> {
    fn next(&mut self) -> Option<Range<usize>> {
        self.left = self.left.checked_sub(1)?;
        let (from, item) = (self.out.len(), self.cursor.clone());
        let out = std::mem::take(&mut self.out);
        let mut writer = Writer { out, held: &self.nothing, before: Vec::new(), length: 0, members: &self.members };
        let written = writer.value(&mut self.cursor, 1);
        self.out = writer.out;
        if written.is_err() {
            self.out.truncate(from);
            self.cursor = item;
            self.cursor.skip();
            return None;
        }
        Some(from..self.out.len())
    }

    fn kept(&mut self, fragment: &[u8]) -> Range<usize> {
        let from = self.out.len();
        self.out.extend_from_slice(fragment);
        from..self.out.len()
    }

    fn finish(mut self: Box<Self>) -> Option<Bytes> {
        self.out.extend_from_slice(END);
        (self.out.len() <= MAX_REPLY).then(|| self.out.into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    //! Rung: pure.
    use super::*;
    use crate::encode::encode_reply;
    use vdsm_core::held::Held;

    fn write(tree: &Tree, kept: &[u8]) -> (Vec<Option<Range<usize>>>, Bytes) {
        let mut array = Box::new(ArrayWriter::new(tree));
        let mut ranges: Vec<_> = (0..tree.root().len()).map(|_| array.next()).collect();
        assert_eq!(array.next(), None);
        ranges.push(Some(array.kept(kept)));
        (ranges, array.finish().unwrap())
    }

    #[test]
    fn items_are_fragments_of_an_array_as_any_other() {
        let tree = Tree::array(|out| {
            for name in ["a", "<b>"] {
                out.open_object().text_at("name", name).int_at("<size>", 4).close();
            }
        });
        let (ranges, whole) = write(&tree, b"");
        let held = HeldTable::new();
        let mut splice = vdsm_core::tree::TreeBuilder::new();
        splice.held(held.keep(Held::Encoded(whole.clone())));
        let whole_reply = Vec::from(encode_reply(&splice.finish().unwrap(), &held).unwrap());
        assert_eq!(whole_reply, Vec::from(encode_reply(&tree, &held).unwrap()));
        let second = ranges[1].clone().unwrap();
        assert!(whole[second].starts_with(b"<value><struct>\n<member>\n<name>name</name>\n<value><string>&lt;b&gt;</string></value>"));
    }

    #[test]
    fn an_item_that_cannot_be_sent_leaves_no_trace_and_the_others_stand() {
        let tree = Tree::array(|out| {
            out.int(1).open_object().text_at("a", "x").key("b").open_array().nil().int(2).close().close().int(3);
        });
        let (ranges, whole) = write(&tree, b"<value/>\n");
        assert_eq!(ranges.iter().filter(|range| range.is_none()).count(), 1);
        let expected =
            "<value><array><data>\n<value><int>1</int></value>\n<value><int>3</int></value>\n<value/>\n</data></array></value>\n";
        assert_eq!(whole, expected);
    }
}

//! Values as a component's memory holds them (canonical ABI), for cores that return constants.

use vdsm_core::tree::{Kind, Tree};

/// Where constants begin.
pub(crate) const BASE: u32 = 1024;

/// A node that need not be one: key, kind, a, b.
pub(crate) type RawNode = (u16, u8, u32, u32);

/// The constants of a core module.
#[derive(Default)]
pub(crate) struct Image {
    bytes: Vec<u8>,
}

impl Image {
    /// Puts `bytes` at a place that fits any type; returns its address.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = BASE + u32::try_from(self.bytes.len()).unwrap();
        self.bytes.extend_from_slice(bytes);
        at
    }

    /// Address and number of items.
    fn list(&mut self, bytes: &[u8], items: usize) -> Vec<u8> {
        let at = self.put(bytes);
        [at.to_le_bytes(), u32::try_from(items).unwrap().to_le_bytes()].concat()
    }

    pub(crate) fn text(&mut self, text: &str) -> Vec<u8> {
        self.list(text.as_bytes(), text.len())
    }

    pub(crate) fn texts(&mut self, texts: &[&str]) -> Vec<u8> {
        let items: Vec<u8> = texts.iter().flat_map(|text| self.text(text)).collect();
        self.list(&items, texts.len())
    }

    pub(crate) fn records(&mut self, records: &[Vec<u8>]) -> Vec<u8> {
        self.list(&records.concat(), records.len())
    }

    pub(crate) fn status(&mut self, code: i32, message: &str) -> Vec<u8> {
        [code.to_le_bytes().to_vec(), self.text(message), self.text("")].concat()
    }

    pub(crate) fn tree(&mut self, tree: &Tree) -> Vec<u8> {
        let nodes: Vec<_> = tree.parts().nodes.iter().map(|node| (node.key, node.kind as u8, node.a, node.b)).collect();
        let keys: Vec<&str> = tree.parts().keys.iter().map(String::as_str).collect();
        self.raw_tree(&keys, &tree.parts().text, &nodes)
    }

    /// A tree that need not be one.
    pub(crate) fn raw_tree(&mut self, keys: &[&str], text: &str, nodes: &[RawNode]) -> Vec<u8> {
        let node = |(key, kind, a, b): &RawNode| [&key.to_le_bytes()[..], &[*kind, 0], &a.to_le_bytes(), &b.to_le_bytes()].concat();
        let nodes_bytes: Vec<u8> = nodes.iter().flat_map(node).collect();
        [self.texts(keys), self.text(text), self.list(&[], 0), self.list(&nodes_bytes, nodes.len())].concat()
    }

    /// `decision.reply`
    pub(crate) fn reply(&mut self, members: Vec<u8>) -> u32 {
        self.put(&[vec![0; 4], members, vec![0; 12]].concat())
    }

    /// `decision.refuse`
    pub(crate) fn refuse(&mut self, code: i32) -> u32 {
        let status = self.status(code, "refused");
        self.put(&[vec![1, 0, 0, 0], status, vec![0; 24]].concat())
    }

    /// `decision.act`, in turn, with a note or none.
    pub(crate) fn act(&mut self, note: Option<Vec<u8>>) -> u32 {
        let again = [vec![u8::from(note.is_some()), 0, 0, 0], note.unwrap_or_else(|| vec![0; 32])].concat();
        self.put(&[vec![2, 0, 0, 0], vec![0; 4], again, vec![0; 4]].concat())
    }

    /// `ok(verdict.document)` of a hook.
    pub(crate) fn verdict_document(&mut self, document: &str) -> u32 {
        let document = self.text(document);
        self.put(&[vec![0; 4], vec![1, 0, 0, 0], document, vec![0; 24]].concat())
    }

    /// `ok(verdict.keep)`
    pub(crate) fn verdict_keep(&mut self) -> u32 {
        self.put(&[0; 40])
    }

    /// `err(failure)`
    pub(crate) fn verdict_failure(&mut self, text: &str, stop: bool) -> u32 {
        let text = self.text(text);
        self.put(&[vec![1, 0, 0, 0], text, vec![u8::from(stop)], vec![0; 27]].concat())
    }

    /// The data segment.
    pub(crate) fn segment(&self) -> String {
        let hex: String = self.bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        format!("(data (i32.const {BASE}) \"{hex}\")")
    }

    /// The first address behind the constants.
    pub(crate) fn end(&self) -> u32 {
        (BASE + u32::try_from(self.bytes.len()).unwrap()).next_multiple_of(16)
    }
}

/// The number of `Kind::Held` in the interface.
pub(crate) const HELD: u8 = Kind::Held as u8;

//! The tree over the text: every piece of the document is a range of one pool, so that writing it out is copying.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::{XmlError, attributes, parse};

/// Names an element of the [`Document`] it came from. It stays valid while the document is edited; once the element is removed it
/// reads as before and has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Element(pub(super) usize);

/// A piece of the pool: text, comments and the like, or an element.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Raw(Range<usize>),
    Element(Node),
}

/// An element. `open` is its start tag; `close` its end tag, none when the start tag closes itself.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) parent: Option<Element>,
    pub(super) name: Range<usize>,
    pub(super) open: Range<usize>,
    pub(super) close: Option<Range<usize>>,
    pub(super) children: Vec<usize>,
}

/// A document; see the [module](super).
#[derive(Clone, Debug)]
pub struct Document {
    /// The text as it was, then what edits added to it.
    pub(super) pool: String,
    pub(super) original: usize,
    pub(super) edited: bool,
    pub(super) pieces: Vec<Piece>,
    pub(super) top: Vec<usize>,
    pub(super) root: Element,
}

impl Document {
    /// Reads a document.
    pub fn parse(text: &str) -> Result<Document, XmlError> {
        parse::document(text)
    }

    /// The root element.
    pub fn root(&self) -> Element {
        self.root
    }

    /// The element's name as it is written, e.g. `qemu:arg`.
    pub fn name(&self, element: Element) -> &str {
        self.node(element).map_or("", |node| self.slice(&node.name))
    }

    /// The element around it; none of the root, and of one that was removed.
    pub fn parent(&self, element: Element) -> Option<Element> {
        self.node(element)?.parent
    }

    /// The elements directly below, in order.
    pub fn children(&self, element: Element) -> impl Iterator<Item = Element> + '_ {
        let children = self.node(element).map_or(&[][..], |node| &node.children);
        children.iter().copied().filter(|piece| matches!(self.pieces.get(*piece), Some(Piece::Element(_)))).map(Element)
    }

    /// The first element of that name directly below.
    pub fn child(&self, element: Element, name: &str) -> Option<Element> {
        self.children(element).find(|child| self.name(*child) == name)
    }

    /// The first element at a path from the root, its own name included: `domain/devices/disk`.
    pub fn find(&self, path: &str) -> Option<Element> {
        self.find_all(path).into_iter().next()
    }

    /// All elements at a path from the root, in the document's order.
    pub fn find_all(&self, path: &str) -> Vec<Element> {
        let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let root = if self.name(self.root) == first { vec![self.root] } else { Vec::new() };
        rest.map_or_else(|| root.clone(), |rest| root.iter().flat_map(|root| self.find_all_in(*root, rest)).collect())
    }

    /// All elements at a path from `element`, whose own name is not part of it: `source/address`.
    pub fn find_all_in(&self, element: Element, path: &str) -> Vec<Element> {
        path.split('/').fold(vec![element], |found, name| {
            found.into_iter().flat_map(|parent| self.children(parent).filter(move |child| self.name(*child) == name)).collect()
        })
    }

    /// The value of an attribute, its entities resolved. One with an entity that only a document type could explain is given as it
    /// is written.
    pub fn attribute(&self, element: Element, name: &str) -> Option<Cow<'_, str>> {
        let open = self.slice(&self.node(element)?.open);
        let found = attributes::scan(open).ok()?.into_iter().find(|found| open.get(found.name.clone()) == Some(name))?;
        let raw = open.get(found.value)?;
        Some(quick_xml::escape::unescape(raw).unwrap_or(Cow::Borrowed(raw)))
    }

    /// The text directly below an element: entities resolved, CDATA sections taken in, comments left out.
    pub fn text(&self, element: Element) -> String {
        let children = self.node(element).map_or(&[][..], |node| &node.children);
        let raw = children.iter().filter_map(|piece| match self.pieces.get(*piece) {
            Some(Piece::Raw(range)) => Some(self.slice(range)),
            _ => None,
        });
        raw.map(character_data).collect()
    }

    /// The document's text, when it differs from the one it was read from.
    pub fn edited(&self) -> Option<String> {
        if !self.edited {
            return None;
        }
        let text = self.to_string();
        (self.pool.get(..self.original) != Some(text.as_str())).then_some(text)
    }

    /// Whether the document differs from the text it was read from.
    pub fn is_edited(&self) -> bool {
        self.edited().is_some()
    }

    pub(super) fn node(&self, element: Element) -> Option<&Node> {
        match self.pieces.get(element.0) {
            Some(Piece::Element(node)) => Some(node),
            _ => None,
        }
    }

    pub(super) fn slice(&self, range: &Range<usize>) -> &str {
        self.pool.get(range.clone()).unwrap_or("")
    }

    fn write(&self, out: &mut impl fmt::Write, pieces: &[usize]) -> fmt::Result {
        for piece in pieces {
            match self.pieces.get(*piece) {
                Some(Piece::Raw(range)) => out.write_str(self.slice(range))?,
                Some(Piece::Element(node)) => {
                    out.write_str(self.slice(&node.open))?;
                    self.write(out, &node.children)?;
                    out.write_str(node.close.as_ref().map_or("", |close| self.slice(close)))?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &self.top)
    }
}

/// What a stretch of text, references, CDATA sections and comments says. It was read once, so a reader finds nothing wrong with it.
fn character_data(raw: &str) -> String {
    // Inside a document it is a character like others, which the reader would leave out.
    let mut text = String::new();
    let raw = raw.strip_prefix(parse::BYTE_ORDER_MARK).inspect(|_| text.push(parse::BYTE_ORDER_MARK)).unwrap_or(raw);
    let mut reader = Reader::from_str(raw);
    loop {
        let from = reader.buffer_position();
        let event = reader.read_event();
        let span = parse::span(from, reader.buffer_position());
        match event {
            Ok(Event::Text(_) | Event::GeneralRef(_)) => {
                let raw = raw.get(span).unwrap_or("");
                text.push_str(&quick_xml::escape::unescape(raw).unwrap_or(Cow::Borrowed(raw)));
            }
            Ok(Event::CData(data)) => text.push_str(&data),
            Ok(Event::Eof) | Err(_) => return text,
            Ok(_) => {}
        }
    }
}

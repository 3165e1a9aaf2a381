//! From text to pieces.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::document::{Document, Element, Node, Piece};
use super::{MAX_DEPTH, XmlError, attributes};

/// May stand before a document.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a whole document: one root, and nothing but comments, white space and the like around it.
pub(super) fn document(text: &str) -> Result<Document, XmlError> {
    // The reader leaves a byte order mark out without counting it.
    let body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let offset = text.len() - body.len();
    let (pieces, top) = Parser { text: body, offset, pieces: vec![Piece::Raw(0..offset)], top: vec![0], ..Parser::default() }.run()?;
    let mut roots = top.iter().copied().filter(|piece| matches!(pieces.get(*piece), Some(Piece::Element(_))));
    let root = roots.next().map(Element).ok_or(XmlError::Structure { at: text.len(), what: "no root element" })?;
    if roots.next().is_some() {
        return Err(XmlError::Structure { at: text.len(), what: "more than one root element" });
    }
    Ok(Document { pool: text.to_owned(), original: text.len(), edited: false, pieces, top, root })
}

/// Reads one element, all of `text`, that will stand at `offset` of the pool and `depth` elements deep; its pieces are numbered from
/// `first`.
pub(super) fn fragment(text: &str, offset: usize, first: usize, parent: Element, depth: usize) -> Result<Vec<Piece>, XmlError> {
    Ok(Parser { text, offset, first, outer: Some(parent), depth, ..Parser::default() }.run()?.0)
}

/// The range between two positions of a reader.
pub(super) fn span(from: u64, to: u64) -> Range<usize> {
    let at = |position| usize::try_from(position).unwrap_or(usize::MAX);
    at(from)..at(to)
}

/// `outer` is the element around the outermost ones, `depth` how many there are around them; `open` are those now open.
#[derive(Default)]
struct Parser<'a> {
    text: &'a str,
    offset: usize,
    first: usize,
    outer: Option<Element>,
    depth: usize,
    pieces: Vec<Piece>,
    top: Vec<usize>,
    open: Vec<Element>,
}

impl Parser<'_> {
    fn run(mut self) -> Result<(Vec<Piece>, Vec<usize>), XmlError> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let from = reader.buffer_position();
            let event = reader.read_event().map_err(|source| XmlError::Syntax { at: span(0, reader.error_position()).end, source })?;
            let range = span(from, reader.buffer_position());
            match event {
                Event::Start(_) => self.start(range, true)?,
                Event::Empty(_) => self.start(range, false)?,
                Event::End(_) => self.end(range)?,
                Event::Eof => break,
                Event::Text(text) if self.open.is_empty() && !text.chars().all(attributes::is_space) => {
                    return Err(self.wrong(range.start, "text outside the root element"));
                }
                Event::CData(_) | Event::GeneralRef(_) if self.open.is_empty() => {
                    return Err(self.wrong(range.start, "text outside the root element"));
                }
                _ => {
                    let range = self.pool(range);
                    self.push(Piece::Raw(range));
                }
            }
        }
        if self.open.is_empty() { Ok((self.pieces, self.top)) } else { Err(self.wrong(self.text.len(), "an element is not closed")) }
    }

    fn wrong(&self, at: usize, what: &'static str) -> XmlError {
        XmlError::Structure { at, what }
    }

    fn pool(&self, range: Range<usize>) -> Range<usize> {
        range.start + self.offset..range.end + self.offset
    }

    fn start(&mut self, range: Range<usize>, opens: bool) -> Result<(), XmlError> {
        let tag = self.text.get(range.clone()).unwrap_or("");
        attributes::scan(tag).map_err(|at| self.wrong(range.start + at, "a start tag is malformed"))?;
        if self.depth + self.open.len() >= MAX_DEPTH {
            return Err(XmlError::Depth);
        }
        let name = tag.find(|c| attributes::is_space(c) || matches!(c, '/' | '>')).unwrap_or(tag.len());
        let name = self.pool(range.start + 1..range.start + name);
        let parent = self.open.last().copied().or(self.outer);
        let element = self.push(Piece::Element(Node { parent, name, open: self.pool(range), close: None, children: Vec::new() }));
        if opens {
            self.open.push(Element(element));
        }
        Ok(())
    }

    fn end(&mut self, range: Range<usize>) -> Result<(), XmlError> {
        let close = self.pool(range.clone());
        let element = self.open.pop().ok_or_else(|| self.wrong(range.start, "an end tag without a start"))?;
        if let Some(node) = self.node(element) {
            node.close = Some(close);
        }
        Ok(())
    }

    fn push(&mut self, piece: Piece) -> usize {
        let at = self.first + self.pieces.len();
        self.pieces.push(piece);
        self.siblings().push(at);
        at
    }

    fn siblings(&mut self) -> &mut Vec<usize> {
        let innermost = self.open.last().map(|element| element.0 - self.first);
        match innermost.and_then(|at| self.pieces.get_mut(at)) {
            Some(Piece::Element(node)) => &mut node.children,
            _ => &mut self.top,
        }
    }

    fn node(&mut self, element: Element) -> Option<&mut Node> {
        match self.pieces.get_mut(element.0 - self.first) {
            Some(Piece::Element(node)) => Some(node),
            _ => None,
        }
    }
}

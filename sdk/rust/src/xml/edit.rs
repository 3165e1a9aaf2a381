//! Edits: new text goes to the end of the pool, the pieces point to it.

use std::ops::Range;

use super::attributes::{self, Attribute};
use super::document::{Document, Element, Node, Piece};
use super::new::{NewElement, checked_name, escape};
use super::{XmlError, parse};

impl Document {
    /// Sets an attribute; a new one goes behind the others, in their kind of quotes.
    pub fn set_attribute(&mut self, element: Element, name: &str, value: &str) -> Result<(), XmlError> {
        checked_name(name)?;
        if self.attribute(element, name).is_some_and(|old| old == value) {
            return Ok(());
        }
        let (tag, found) = self.start_tag(element)?;
        let known = found.iter().find(|attribute| tag.get(attribute.name.clone()) == Some(name));
        let quote = known.or(found.first()).map_or('"', |attribute| attribute.quote);
        let mut text = String::new();
        escape(&mut text, value, Some(quote))?;
        let mut tag = tag.to_owned();
        match known {
            Some(attribute) => tag.replace_range(attribute.value.clone(), &text),
            None => {
                let end = found.last().map_or(self.name(element).len() + 1, |attribute| attribute.whole.end);
                tag.insert_str(end, &format!(" {name}={quote}{text}{quote}"));
            }
        }
        self.set_start_tag(element, &tag);
        Ok(())
    }

    /// Removes an attribute and the white space before it; tells whether there was one.
    pub fn remove_attribute(&mut self, element: Element, name: &str) -> Result<bool, XmlError> {
        let (tag, found) = self.start_tag(element)?;
        let Some(attribute) = found.into_iter().find(|attribute| tag.get(attribute.name.clone()) == Some(name)) else {
            return Ok(false);
        };
        let mut tag = tag.to_owned();
        tag.replace_range(attribute.whole, "");
        self.set_start_tag(element, &tag);
        Ok(true)
    }

    /// Makes `text` the whole content of an element; elements below it are removed.
    pub fn set_text(&mut self, element: Element, text: &str) -> Result<(), XmlError> {
        let mut escaped = String::new();
        escape(&mut escaped, text, None)?;
        let below: Vec<Element> = self.children(element).collect();
        if below.is_empty() && self.text(element) == text {
            return Ok(());
        }
        self.unfold(element)?;
        below.into_iter().for_each(|child| self.detach(child));
        let piece = self.pieces.len();
        let range = self.keep(&escaped);
        self.pieces.push(Piece::Raw(range));
        if let Some(node) = self.node_mut(element) {
            node.children = vec![piece];
        }
        Ok(())
    }

    /// Puts an element below `parent`, behind what is there, on a line of its own where its neighbours have that.
    pub fn append(&mut self, parent: Element, new: &NewElement) -> Result<Element, XmlError> {
        let children = &self.node(parent).ok_or(XmlError::NoPlace)?.children;
        let at = children.iter().rposition(|piece| !self.is_blank(*piece)).map_or(0, |last| last + 1);
        self.put(parent, at, new, LineStart::Before)
    }

    /// Puts an element right before another.
    pub fn insert_before(&mut self, sibling: Element, new: &NewElement) -> Result<Element, XmlError> {
        let parent = self.parent(sibling).ok_or(XmlError::NoPlace)?;
        let at = self.place(parent, sibling)?;
        self.put(parent, at, new, LineStart::Behind)
    }

    /// Takes an element out, with the blank line start before it.
    pub fn remove(&mut self, element: Element) -> Result<(), XmlError> {
        let parent = self.parent(element).ok_or(XmlError::NoPlace)?;
        let at = self.place(parent, element)?;
        let before = at.checked_sub(1).and_then(|before| self.node(parent)?.children.get(before).copied());
        let from = if before.is_some_and(|piece| self.is_blank(piece)) { at - 1 } else { at };
        if let Some(node) = self.node_mut(parent) {
            node.children.drain(from..=at);
        }
        self.detach(element);
        Ok(())
    }

    /// Makes sure that the root declares a namespace, and tells the prefix that stands for it: one that does so already, else `prefix`.
    pub fn declare_namespace(&mut self, prefix: &str, uri: &str) -> Result<String, XmlError> {
        let (tag, found) = self.start_tag(self.root)?;
        let names = found.iter().filter_map(|attribute| tag.get(attribute.name.clone()));
        let prefixes: Vec<String> = names.filter_map(|name| name.strip_prefix("xmlns:")).map(str::to_owned).collect();
        let uri_of = |prefix: &str| self.attribute(self.root, &format!("xmlns:{prefix}"));
        if let Some(known) = prefixes.iter().find(|prefix| uri_of(prefix).is_some_and(|known| known == uri)) {
            return Ok(known.clone());
        }
        if let Some(other) = uri_of(prefix) {
            return Err(XmlError::Prefix { prefix: prefix.to_owned(), uri: other.into_owned() });
        }
        self.set_attribute(self.root, &format!("xmlns:{prefix}"), uri)?;
        Ok(prefix.to_owned())
    }

    fn start_tag(&self, element: Element) -> Result<(&str, Vec<Attribute>), XmlError> {
        let tag = self.slice(&self.node(element).ok_or(XmlError::NoPlace)?.open);
        let found = attributes::scan(tag).map_err(|at| XmlError::Structure { at, what: "a start tag is malformed" })?;
        Ok((tag, found))
    }

    fn set_start_tag(&mut self, element: Element, tag: &str) {
        let range = self.keep(tag);
        if let Some(node) = self.node_mut(element) {
            node.open = range;
        }
    }

    /// Gives an element that closes itself an end tag, so that it can have content.
    fn unfold(&mut self, element: Element) -> Result<(), XmlError> {
        let node = self.node(element).ok_or(XmlError::NoPlace)?;
        if node.close.is_some() {
            return Ok(());
        }
        let open = self.slice(&node.open);
        let open = format!("{}>", open.strip_suffix("/>").unwrap_or(open).trim_end_matches(attributes::is_space));
        let close = format!("</{}>", self.name(element));
        let (open, close) = (self.keep(&open), self.keep(&close));
        if let Some(node) = self.node_mut(element) {
            node.open = open;
            node.close = Some(close);
        }
        Ok(())
    }

    /// Puts an element at number `at` below `parent`, with a line start before or behind it where the neighbours have one.
    fn put(&mut self, parent: Element, at: usize, new: &NewElement, line: LineStart) -> Result<Element, XmlError> {
        let start = self.line_start(parent);
        let mut text = String::new();
        new.write(&mut text, start.as_deref())?;
        let depth = std::iter::successors(Some(parent), |element| self.parent(*element)).count();
        let element = self.pieces.len();
        let mut pieces = parse::fragment(&text, self.pool.len(), element, parent, depth)?;
        self.keep(&text);
        self.pieces.append(&mut pieces);
        self.unfold(parent)?;
        let mut added = vec![element];
        if let Some(start) = start {
            let range = self.keep(&start);
            added.insert(if line == LineStart::Before { 0 } else { 1 }, self.pieces.len());
            self.pieces.push(Piece::Raw(range));
        }
        if let Some(node) = self.node_mut(parent) {
            node.children.splice(at..at, added);
        }
        Ok(Element(element))
    }

    /// The line break and white space before the first element below `parent`, when it stands on a line of its own.
    fn line_start(&self, parent: Element) -> Option<String> {
        let node = self.node(parent)?;
        let first = node.children.iter().position(|piece| matches!(self.pieces.get(*piece), Some(Piece::Element(_))))?;
        let before = node.children.get(first.checked_sub(1)?)?;
        let Some(Piece::Raw(range)) = self.pieces.get(*before) else { return None };
        let text = self.slice(range);
        self.is_blank(*before).then(|| text.rfind('\n').and_then(|at| text.get(at..))).flatten().map(str::to_owned)
    }

    fn is_blank(&self, piece: usize) -> bool {
        matches!(self.pieces.get(piece), Some(Piece::Raw(range)) if self.slice(range).chars().all(attributes::is_space))
    }

    fn place(&self, parent: Element, child: Element) -> Result<usize, XmlError> {
        let children = &self.node(parent).ok_or(XmlError::NoPlace)?.children;
        children.iter().position(|piece| *piece == child.0).ok_or(XmlError::NoPlace)
    }

    fn detach(&mut self, element: Element) {
        self.edited = true;
        if let Some(node) = self.node_mut(element) {
            node.parent = None;
        }
    }

    fn node_mut(&mut self, element: Element) -> Option<&mut Node> {
        match self.pieces.get_mut(element.0) {
            Some(Piece::Element(node)) => Some(node),
            _ => None,
        }
    }

    fn keep(&mut self, text: &str) -> Range<usize> {
        self.edited = true;
        let start = self.pool.len();
        self.pool.push_str(text);
        start..self.pool.len()
    }
}

/// Where a new element's line start goes: before it, or between it and the one it is put before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineStart {
    Before,
    Behind,
}

//! A domain document as a tree that remembers where each element stands in the text.
//!
//! Read-only: what we change in a document (our ownership mark) is spliced into the text, so that everything else stays byte
//! for byte what a module or hook wrote.

use std::ops::Range;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

/// Deepest nesting read; domain documents have about ten levels.
const MAX_DEPTH: usize = 64;

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    /// It is not well-formed.
    #[error("at byte {at}: {cause}")]
    Syntax {
        /// Where.
        at: u64,
        /// What is wrong.
        #[source]
        cause: quick_xml::Error,
    },
    /// It has no root element, or ends inside one.
    #[error("the document is not one whole element")]
    Incomplete,
    /// Nested deeper than any domain document.
    #[error("nested deeper than {MAX_DEPTH}")]
    Depth,
    /// Another document than expected.
    #[error("expected a <{expected}>, found a <{found}>")]
    Root {
        /// The name it must have.
        expected: &'static str,
        /// The name it has.
        found: String,
    },
}

/// An element with all below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name as written, prefix included.
    pub name: String,
    /// Names and values, in order.
    pub attributes: Vec<(String, String)>,
    /// Elements right below it, in order.
    pub children: Vec<Element>,
    /// Its own text, entities resolved.
    pub text: String,
    /// The bytes from its `<` to its last `>`.
    pub span: Range<usize>,
    /// The bytes between its tags; none when it is written `<name/>`.
    pub inner: Option<Range<usize>>,
}

impl Element {
    /// Reads the root element of `document`.
    pub fn parse(document: &str) -> Result<Element, XmlError> {
        let mut reader = Reader::from_str(document);
        // Elements that are open; what closes last is the root.
        let mut open: Vec<Element> = Vec::new();
        let mut root = None;
        loop {
            let at = reader.buffer_position();
            let event = reader.read_event().map_err(|cause| XmlError::Syntax { at, cause })?;
            let end = position(reader.buffer_position());
            match event {
                Event::Start(tag) if open.len() >= MAX_DEPTH => return Err(too_deep(&tag)),
                Event::Start(tag) => {
                    open.push(begin(&tag, position(at)..end, Some(end..end)).map_err(|cause| XmlError::Syntax { at, cause })?)
                }
                Event::Empty(tag) => {
                    let element = begin(&tag, position(at)..end, None).map_err(|cause| XmlError::Syntax { at, cause })?;
                    close(&mut open, &mut root, element);
                }
                Event::End(_) => {
                    let mut element = open.pop().ok_or(XmlError::Incomplete)?;
                    element.span.end = end;
                    element.inner = element.inner.map(|inner| inner.start..position(at));
                    close(&mut open, &mut root, element);
                }
                Event::Text(text) => add_text(&mut open, &text.xml10_content()),
                Event::CData(text) => add_text(&mut open, &text.xml10_content()),
                Event::GeneralRef(name) => add_text(&mut open, &resolve(&name).map_err(|cause| XmlError::Syntax { at, cause })?),
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        if open.is_empty() { root.ok_or(XmlError::Incomplete) } else { Err(XmlError::Incomplete) }
    }

    /// Reads a domain document.
    pub fn parse_domain(document: &str) -> Result<Element, XmlError> {
        let root = Element::parse(document)?;
        if root.name == "domain" { Ok(root) } else { Err(XmlError::Root { expected: "domain", found: root.name }) }
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first element of that name right below.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// An attribute of the first element of that name right below.
    pub fn child_attribute(&self, child: &str, name: &str) -> Option<&str> {
        self.child(child)?.attribute(name)
    }

    /// The text of the first element of that name right below, without blanks around it.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }
}

fn position(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn too_deep(_tag: &BytesStart<'_>) -> XmlError {
    XmlError::Depth
}

fn begin(tag: &BytesStart<'_>, span: Range<usize>, inner: Option<Range<usize>>) -> Result<Element, quick_xml::Error> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute?;
        attributes.push((attribute.key.0.to_owned(), attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned()));
    }
    Ok(Element { name: tag.name().0.to_owned(), attributes, span, inner, ..Element::default() })
}

fn close(open: &mut [Element], root: &mut Option<Element>, element: Element) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = root.take().or(Some(element)),
    }
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolve(name: &BytesRef<'_>) -> Result<String, quick_xml::Error> {
    if let Some(character) = name.resolve_char_ref()? {
        return Ok(character.to_string());
    }
    let name = name.xml10_content();
    // Documents of libvirt define no entities of their own; an unknown one stays as it was written.
    Ok(quick_xml::escape::resolve_predefined_entity(&name).map_or_else(|| format!("&{name};"), str::to_owned))
}

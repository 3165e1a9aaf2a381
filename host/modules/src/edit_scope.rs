//! Whether an edit stays within the parts of the document a hook may change. Everything outside is compared, so a hook that "also"
//! renames the machine is found out whatever it edited beside.

use std::borrow::Cow;
use std::fmt::Write;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Why a document is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EditError {
    /// It is not well-formed.
    #[error("the document is not well-formed: {0}")]
    Malformed(String),
    /// A part outside the scope changed.
    #[error("it changed `{0}`, which is outside its edit scope")]
    Outside(String),
}

/// Compares `before` and `after` outside of `scopes` (paths such as `domain/sysinfo`). Whitespace between elements and the order of
/// attributes mean nothing; namespace declarations on the root are allowed when a scope uses their prefix.
pub(crate) fn check(before: &str, after: &str, scopes: &[String]) -> Result<(), EditError> {
    let (before, after) = (outline(before, scopes)?, outline(after, scopes)?);
    let mut old = before.iter();
    for new in after.iter() {
        if old.next() != Some(new) {
            return Err(EditError::Outside(new.path.to_owned()));
        }
    }
    match old.next() {
        None => Ok(()),
        Some(gone) => Err(EditError::Outside(gone.path.to_owned())),
    }
}

/// An element with its attributes, or the text between two tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line<'a> {
    path: &'a str,
    content: &'a str,
}

/// Lines back to back: a document has hundreds, and each edit is held against two.
#[derive(Default)]
struct Lines {
    text: String,
    /// Where the path and the content of each line end.
    ends: Vec<(usize, usize)>,
}

impl Lines {
    fn add(&mut self, path: &str, content: impl FnOnce(&mut String)) {
        self.text.push_str(path);
        let path = self.text.len();
        content(&mut self.text);
        self.ends.push((path, self.text.len()));
    }

    fn iter(&self) -> impl Iterator<Item = Line<'_>> {
        let begins = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let part = |from, to| self.text.get(from..to).unwrap_or_default();
        begins.zip(&self.ends).map(move |(begin, (path, end))| Line { path: part(begin, *path), content: part(*path, *end) })
    }
}

/// Longest path of an element, and so a bound of nesting: libvirt's own are below 100.
const MAX_PATH: usize = 512;

/// A document as lines, those in scope left out.
struct Outline<'a> {
    scopes: &'a [String],
    path: String,
    /// Where in `path` each open element's name begins.
    open: Vec<usize>,
    /// Text since the last tag, whatever way it was written.
    text: String,
    lines: Lines,
    roots: usize,
}

fn malformed(error: impl std::fmt::Display) -> EditError {
    EditError::Malformed(error.to_string())
}

fn outline(document: &str, scopes: &[String]) -> Result<Lines, EditError> {
    let mut outline = Outline { scopes, path: String::new(), open: Vec::new(), text: String::new(), lines: Lines::default(), roots: 0 };
    let mut reader = Reader::from_str(document);
    reader.config_mut().check_end_names = true;
    loop {
        match reader.read_event().map_err(malformed)? {
            Event::Start(start) => outline.enter(&start)?,
            Event::Empty(start) => {
                outline.enter(&start)?;
                outline.leave();
            }
            Event::End(_) => outline.leave(),
            Event::Text(text) => outline.text.push_str(&text),
            Event::CData(data) => outline.text.push_str(&data),
            Event::GeneralRef(reference) => outline.reference(&reference)?,
            Event::Decl(declaration) => encoding(&declaration)?,
            Event::DocType(_) => return Err(malformed("a document type is not allowed")),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    outline.flush();
    if outline.roots == 1 && outline.open.is_empty() {
        Ok(outline.lines)
    } else {
        Err(malformed("it has no single root, or elements are left open"))
    }
}

/// Another encoding would make another document of the same bytes, with other elements.
fn encoding(declaration: &BytesDecl<'_>) -> Result<(), EditError> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => Err(malformed("its encoding is not UTF-8")),
    }
}

impl Outline<'_> {
    fn enter(&mut self, start: &BytesStart<'_>) -> Result<(), EditError> {
        self.flush();
        let root = self.open.is_empty();
        self.roots += usize::from(root);
        self.open.push(self.path.len());
        if !root {
            self.path.push('/');
        }
        self.path.push_str(start.name().0);
        if self.path.len() > MAX_PATH {
            return Err(malformed("its elements lie too deep, or their names are too long"));
        }
        let attributes = attributes(start, root, self.scopes)?;
        if self.is_compared() {
            self.lines.add(&self.path, |line| {
                line.push('<');
                for (name, value) in &attributes {
                    // The length tells where a value ends, whatever is in it.
                    _ = write!(line, " {name}={}:{value}", value.len());
                }
            });
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.flush();
        self.path.truncate(self.open.pop().unwrap_or(0));
    }

    /// A character written as a reference is the character.
    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), EditError> {
        let text = match reference.resolve_char_ref().map_err(malformed)? {
            Some(character) => character.to_string(),
            None => resolve_predefined_entity(reference).ok_or_else(|| malformed(format!("no entity `{}`", &**reference)))?.to_owned(),
        };
        self.text.push_str(&text);
        Ok(())
    }

    /// Text between two tags: blank text means nothing, any other is compared as it is.
    fn flush(&mut self) {
        if !self.text.trim().is_empty() && self.is_compared() {
            // Marked, as elements are: a text that looks like an element is none.
            self.lines.add(&self.path, |line| line.extend(["\"", &self.text]));
        }
        self.text.clear();
    }

    fn is_compared(&self) -> bool {
        let inside = |scope: &String| self.path.strip_prefix(scope.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        !self.scopes.iter().any(inside)
    }
}

/// The attributes of an element by name, those left out that only declare a scope's namespace.
fn attributes<'a>(start: &'a BytesStart<'_>, root: bool, scopes: &[String]) -> Result<Vec<(&'a str, Cow<'a, str>)>, EditError> {
    let mut all = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| EditError::Malformed(error.to_string()))?;
        let name = attribute.key.0;
        let declares = name.strip_prefix("xmlns:").is_some_and(|prefix| scopes.iter().any(|scope| scope.contains(&format!("/{prefix}:"))));
        if !(root && declares) {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| EditError::Malformed(error.to_string()))?;
            all.push((name, value));
        }
    }
    all.sort_unstable();
    Ok(all)
}

#[cfg(test)]
mod tests;

//! Elements to be put into a document.

use super::{XmlError, attributes};

/// An element that is not yet in a document; made by [`element`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewElement {
    name: String,
    attributes: Vec<(String, String)>,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Nothing,
    Text(String),
    Children(Vec<NewElement>),
}

/// An element without attributes and content. Names and characters are checked when it is put into a document.
pub fn element(name: impl Into<String>) -> NewElement {
    NewElement { name: name.into(), attributes: Vec::new(), content: Content::Nothing }
}

impl NewElement {
    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> NewElement {
        self.attributes.push((name.into(), value.into()));
        self
    }

    /// Makes this text its content.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> NewElement {
        self.content = Content::Text(text.into());
        self
    }

    /// Adds an element below; text it had is dropped.
    #[must_use]
    pub fn child(mut self, child: NewElement) -> NewElement {
        match &mut self.content {
            Content::Children(children) => children.push(child),
            content => *content = Content::Children(vec![child]),
        }
        self
    }

    /// Writes the element. `indent` is a line break and the white space this element stands behind, when lines are indented.
    pub(super) fn write(&self, out: &mut String, indent: Option<&str>) -> Result<(), XmlError> {
        out.push('<');
        out.push_str(checked_name(&self.name)?);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(checked_name(name)?);
            out.push_str("=\"");
            escape(out, value, Some('"'))?;
            out.push('"');
        }
        match &self.content {
            Content::Nothing => {
                out.push_str("/>");
                return Ok(());
            }
            Content::Text(text) => {
                out.push('>');
                escape(out, text, None)?;
            }
            Content::Children(children) => {
                out.push('>');
                let deeper = indent.map(|indent| format!("{indent}  "));
                for child in children {
                    out.push_str(deeper.as_deref().unwrap_or(""));
                    child.write(out, deeper.as_deref())?;
                }
                out.push_str(indent.unwrap_or(""));
            }
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
        Ok(())
    }
}

/// The name, when an element or attribute can have it.
pub(super) fn checked_name(name: &str) -> Result<&str, XmlError> {
    if attributes::is_name(name) { Ok(name) } else { Err(XmlError::Name(name.to_owned())) }
}

/// Writes text so that a reader gets it back as it was: in an attribute (with its quote) line breaks and tabs as references too, which
/// would else become blanks.
pub(super) fn escape(out: &mut String, text: &str, quote: Option<char>) -> Result<(), XmlError> {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if quote == Some('"') => out.push_str("&quot;"),
            '\'' if quote == Some('\'') => out.push_str("&apos;"),
            '\r' => out.push_str("&#13;"),
            '\n' if quote.is_some() => out.push_str("&#10;"),
            '\t' if quote.is_some() => out.push_str("&#9;"),
            '\n' | '\t' | '\u{20}'..='\u{fffd}' | '\u{10000}'.. => out.push(c),
            c => return Err(XmlError::Character(c)),
        }
    }
    Ok(())
}

//! Elements of a document and how they are written: an XML declaration, attributes in the order of their names, one element a
//! line with text on the line of its element.

use std::collections::BTreeMap;
use std::fmt::Write;

/// An element. It holds either text or elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// An element with neither attributes nor content.
    pub(crate) fn new(name: &str) -> Element {
        Element { name: name.into(), ..Element::default() }
    }

    /// With an attribute.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Element {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// With an attribute, where there is a value for it.
    pub(crate) fn with_some(self, name: &str, value: Option<impl Into<String>>) -> Element {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With text.
    pub(crate) fn holding(mut self, text: impl Into<String>) -> Element {
        self.text = text.into();
        self
    }

    /// With a child after those it has.
    pub(crate) fn child(mut self, child: Element) -> Element {
        self.children.push(child);
        self
    }

    /// With children after those it has.
    pub(crate) fn children(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        self.children.extend(children);
        self
    }

    /// The document whose root this is.
    pub(crate) fn document(&self) -> String {
        let mut out = String::with_capacity(4096);
        out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        let indent = depth * 2;
        // Writing into a String cannot fail.
        _ = write!(out, "{:indent$}<{}", "", self.name);
        for (name, value) in &self.attributes {
            _ = write!(out, " {name}=\"");
            escape(out, value);
            out.push('"');
        }
        if self.text.is_empty() && self.children.is_empty() {
            out.push_str("/>\n");
            return;
        }
        out.push('>');
        escape(out, &self.text);
        if !self.children.is_empty() {
            out.push('\n');
            for child in &self.children {
                child.write(out, depth + 1);
            }
            _ = write!(out, "{:indent$}", "");
        }
        _ = writeln!(out, "</{}>", self.name);
    }
}

/// Line ends and tabs are written as references: in attributes a parser would turn them into blanks.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => _ = write!(out, "&#{};", c as u32),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Rung: pure.

    use super::Element;

    #[test]
    fn a_document_is_written_with_sorted_attributes_and_text_on_its_line() {
        let root = Element::new("domain").with("type", "kvm").with("id", "1").child(Element::new("name").holding("a"));
        assert_eq!(
            root.child(Element::new("empty")).document(),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<domain id=\"1\" type=\"kvm\">\n  <name>a</name>\n  <empty/>\n</domain>\n"
        );
    }

    #[test]
    fn text_and_attributes_cannot_end_their_element() {
        let document = Element::new("name").with("a", "\"'\n<").holding("</name>&").document();
        assert!(document.ends_with("<name a=\"&quot;'&#10;&lt;\">&lt;/name&gt;&amp;</name>\n"), "{document}");
    }
}

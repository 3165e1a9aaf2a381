//! A domain document that is edited in place: what no edit touches stays as it is, byte for byte.
//!
//! Comments, white space, CDATA sections, entities, the order and the quotes of attributes are the manager's or libvirt's; a hook
//! that rewrote them would hide its own edit in the diff, and be refused for parts that its manifest does not name.
//!
//! ```
//! use vdsm_sdk::xml::{Document, element};
//!
//! let mut document = Document::parse("<domain type='kvm'>\n  <vcpu>2</vcpu>\n</domain>")?;
//! let vcpu = document.find("domain/vcpu").ok_or("no vcpu")?;
//! document.set_attribute(vcpu, "cpuset", "0-3")?;
//! document.append(document.root(), &element("on_crash").text("destroy"))?;
//! assert_eq!(
//!     document.to_string(),
//!     "<domain type='kvm'>\n  <vcpu cpuset=\"0-3\">2</vcpu>\n  <on_crash>destroy</on_crash>\n</domain>"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Names are compared as they are written, prefix and all. Paths are the names of elements from the root down, as manifests write
//! them: `domain/devices/disk`.

mod attributes;
mod document;
mod edit;
mod new;
mod parse;

pub use document::{Document, Element};
pub use new::{NewElement, element};

/// Deepest nesting of elements.
pub const MAX_DEPTH: usize = 256;

/// Why a text is no document, or an edit cannot be made. After an error the document is as before.
#[derive(Clone, Debug, thiserror::Error)]
pub enum XmlError {
    /// The text is not XML.
    #[error("not XML at byte {at}")]
    Syntax {
        /// Where.
        at: usize,
        /// What the reader says.
        source: quick_xml::Error,
    },
    /// The text is not one well-formed document.
    #[error("not a document: {what} at byte {at}")]
    Structure {
        /// Where.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Elements nested deeper than [`MAX_DEPTH`].
    #[error("elements nested deeper than {MAX_DEPTH}")]
    Depth,
    /// Not a name that an element or attribute can have.
    #[error("`{0}` is not a name")]
    Name(String),
    /// A character that no XML document can hold.
    #[error("the character U+{:04X} cannot stand in XML", u32::from(*.0))]
    Character(char),
    /// The prefix already stands for another namespace.
    #[error("the prefix `{prefix}` already stands for `{uri}`")]
    Prefix {
        /// The prefix.
        prefix: String,
        /// What it stands for.
        uri: String,
    },
    /// The element was removed, or is the root, which has no place among others.
    #[error("the element has no place in the document")]
    NoPlace,
}

#[cfg(test)]
mod tests;

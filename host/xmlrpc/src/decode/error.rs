//! Why a document is refused, where, and how VDSM would have said so.

use vdsm_core::tree::{MAX_DEPTH, TreeError};

use super::{MAX_BODY, MAX_VALUES};
use crate::fault::Fault;

/// What is wrong with a document. No variant quotes the document: it may hold secrets.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Larger than [`MAX_BODY`].
    #[error("larger than {MAX_BODY} bytes")]
    TooLarge,
    /// More than [`MAX_VALUES`] values.
    #[error("more than {MAX_VALUES} values")]
    TooManyValues,
    /// Arrays and structs nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// The bytes are not UTF-8, or the declaration names another encoding.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not well-formed XML.
    #[error("not well-formed: {0}")]
    IllFormed(&'static str),
    /// A document type declaration.
    #[error("a document type declaration is not allowed")]
    DocType,
    /// An entity other than the five of XML.
    #[error("undefined entity")]
    Entity,
    /// A character that XML does not allow, as such or as a reference.
    #[error("a character that XML does not allow")]
    Character,
    /// Something else than what must stand here.
    #[error("expected {0}")]
    Unexpected(&'static str),
    /// A struct has a member twice.
    #[error("a struct has a member twice")]
    Duplicate,
    /// The text of a typed value does not fit its type.
    #[error("not a valid {0}")]
    BadValue(&'static str),
    /// The values do not fit an arena.
    #[error(transparent)]
    Tree(TreeError),
}

/// A refused document.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: line {line}, column {column}")]
pub struct DecodeError {
    /// What is wrong.
    pub reason: Reason,
    /// Line of the document, from 1.
    pub line: usize,
    /// Column in characters, from 0, as Python's parser counts.
    pub column: usize,
}

impl DecodeError {
    /// An error at byte `offset` of `document`.
    pub(super) fn at(document: &[u8], offset: usize, reason: Reason) -> DecodeError {
        let before = document.get(..offset).unwrap_or(document);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        // Continuation bytes start no character.
        let column = before.iter().skip(start).filter(|byte| **byte & 0xC0 != 0x80).count();
        DecodeError { reason, line, column }
    }

    /// The fault VDSM answers: the class of the Python exception, then what is wrong.
    pub fn fault(&self) -> Fault {
        let class = match self.reason {
            Reason::NotUtf8 | Reason::IllFormed(_) | Reason::DocType | Reason::Entity | Reason::Character => {
                "<class 'xml.parsers.expat.ExpatError'>"
            }
            Reason::BadValue(_) | Reason::TooLarge | Reason::TooManyValues | Reason::TooDeep | Reason::Tree(_) => {
                "<type 'exceptions.ValueError'>"
            }
            Reason::Unexpected(_) | Reason::Duplicate => "<class 'xmlrpclib.ResponseError'>",
        };
        Fault::python(class, self)
    }
}

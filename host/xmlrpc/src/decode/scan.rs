//! A document as a sequence of tokens: what XML allows but XML-RPC has no use for ends here.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::errors::Error as XmlError;
use quick_xml::events::{BytesDecl, BytesRef, Event};

use super::MAX_BODY;
use super::error::{DecodeError, Reason};
use crate::characters::{first_forbidden, is_xml};

/// The elements of XML-RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    MethodCall,
    MethodResponse,
    MethodName,
    Params,
    Param,
    Fault,
    Value,
    Array,
    Data,
    Struct,
    Member,
    Name,
    Int,
    Boolean,
    Text,
    Double,
    Time,
    Base64,
    Nil,
    Other,
}

impl Tag {
    /// By local name: some clients write their extensions with a prefix (`ex:i8`, `ex:nil`).
    fn of(name: &str) -> Tag {
        match name.rsplit_once(':').map_or(name, |(_, local)| local) {
            "value" => Tag::Value,
            "member" => Tag::Member,
            "name" => Tag::Name,
            "string" => Tag::Text,
            "int" | "i4" | "i8" | "i1" | "i2" => Tag::Int,
            "boolean" => Tag::Boolean,
            "double" | "float" => Tag::Double,
            "struct" => Tag::Struct,
            "array" => Tag::Array,
            "data" => Tag::Data,
            "nil" => Tag::Nil,
            "base64" => Tag::Base64,
            "dateTime.iso8601" => Tag::Time,
            "param" => Tag::Param,
            "params" => Tag::Params,
            "methodName" => Tag::MethodName,
            "methodCall" => Tag::MethodCall,
            "methodResponse" => Tag::MethodResponse,
            "fault" => Tag::Fault,
            _ => Tag::Other,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Tag::MethodCall => "methodCall",
            Tag::MethodResponse => "methodResponse",
            Tag::MethodName => "methodName",
            Tag::Params => "params",
            Tag::Param => "param",
            Tag::Fault => "fault",
            Tag::Value => "value",
            Tag::Data => "data",
            Tag::Member => "member",
            Tag::Name => "name",
            _ => "a type",
        }
    }
}

/// What a document is made of.
#[derive(Debug)]
pub(super) enum Token<'a> {
    Open(Tag),
    Close,
    Text(Cow<'a, str>),
    End,
}

/// Reads tokens from a document.
pub(super) struct Scanner<'a> {
    document: &'a str,
    xml: Reader<&'a [u8]>,
    /// Where the current token starts, in bytes.
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Checks what can be checked before anything is stored: size, encoding, characters.
    pub(super) fn new(body: &'a [u8]) -> Result<Scanner<'a>, DecodeError> {
        if body.len() > MAX_BODY {
            return Err(DecodeError::at(body, 0, Reason::TooLarge));
        }
        let document = std::str::from_utf8(body).map_err(|error| DecodeError::at(body, error.valid_up_to(), Reason::NotUtf8))?;
        if let Some(at) = first_forbidden(document) {
            return Err(DecodeError::at(body, at, Reason::Character));
        }
        let mut xml = Reader::from_str(document);
        xml.config_mut().expand_empty_elements = true;
        Ok(Scanner { document, xml, at: 0 })
    }

    /// `reason` at the current token.
    pub(super) fn error(&self, reason: Reason) -> DecodeError {
        DecodeError::at(self.document.as_bytes(), self.at, reason)
    }

    /// The next token of any kind.
    pub(super) fn token(&mut self) -> Result<Token<'a>, DecodeError> {
        loop {
            self.at = usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX);
            return Ok(match self.xml.read_event().map_err(|error| self.ill_formed(&error))? {
                Event::Start(start) => Token::Open(Tag::of(start.name().0)),
                Event::End(_) => Token::Close,
                Event::Text(text) => Token::Text(text.xml10_content()),
                Event::CData(data) => Token::Text(data.xml10_content()),
                Event::GeneralRef(reference) => Token::Text(self.resolve(&reference)?),
                Event::Eof => Token::End,
                Event::DocType(_) => return Err(self.error(Reason::DocType)),
                Event::Decl(declaration) => {
                    self.check_declaration(&declaration)?;
                    continue;
                }
                Event::Comment(_) | Event::PI(_) => continue,
                // With empty elements expanded there are none.
                Event::Empty(_) => return Err(self.error(Reason::IllFormed("empty element"))),
            });
        }
    }

    /// The next token that is not blank text.
    pub(super) fn structural(&mut self) -> Result<Token<'a>, DecodeError> {
        loop {
            match self.token()? {
                Token::Text(text) if is_blank(&text) => {}
                Token::Text(_) => return Err(self.error(Reason::Unexpected("an element, not text"))),
                token => return Ok(token),
            }
        }
    }

    /// The start of `tag`.
    pub(super) fn open(&mut self, tag: Tag) -> Result<(), DecodeError> {
        match self.structural()? {
            Token::Open(found) if found == tag => Ok(()),
            _ => Err(self.error(Reason::Unexpected(tag.label()))),
        }
    }

    /// The end of the current element.
    pub(super) fn close(&mut self) -> Result<(), DecodeError> {
        match self.structural()? {
            Token::Close => Ok(()),
            _ => Err(self.error(Reason::Unexpected("the end of the element"))),
        }
    }

    /// The end of the document.
    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        match self.structural()? {
            Token::End => Ok(()),
            _ => Err(self.error(Reason::Unexpected("the end of the document"))),
        }
    }

    /// All text up to the end of the current element, which has no elements inside.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.token()? {
                Token::Text(piece) => append(&mut text, piece),
                Token::Close => return Ok(text),
                Token::Open(_) => return Err(self.error(Reason::Unexpected("text, not an element"))),
                Token::End => return Err(self.error(Reason::IllFormed("the document ends early"))),
            }
        }
    }

    /// The parser's own words may name elements, and what looks like an element may be part of a secret: only the kind is told.
    fn ill_formed(&mut self, error: &XmlError) -> DecodeError {
        self.at = usize::try_from(self.xml.error_position()).unwrap_or(usize::MAX);
        self.error(Reason::IllFormed(match error {
            XmlError::Syntax(_) => "syntax error",
            XmlError::IllFormed(_) => "mismatched tag or open reference",
            XmlError::InvalidAttr(_) => "bad attribute",
            XmlError::Encoding(_) => "encoding",
            _ => "invalid token",
        }))
    }

    fn resolve(&self, reference: &BytesRef<'a>) -> Result<Cow<'a, str>, DecodeError> {
        if reference.is_char_ref() {
            let character = reference.resolve_char_ref().ok().flatten().filter(|character| is_xml(*character));
            return character.map(|found| Cow::Owned(found.to_string())).ok_or_else(|| self.error(Reason::Character));
        }
        Ok(Cow::Borrowed(match reference.xml10_content().as_ref() {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" => "'",
            _ => return Err(self.error(Reason::Entity)),
        }))
    }

    fn check_declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), DecodeError> {
        let byte_order_mark = if self.document.starts_with('\u{FEFF}') { 3 } else { 0 };
        if self.at > byte_order_mark {
            return Err(self.error(Reason::IllFormed("XML declaration not at the start")));
        }
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(name)) if ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| name.eq_ignore_ascii_case(known)) => Ok(()),
            Some(_) => Err(self.error(Reason::NotUtf8)),
        }
    }
}

/// Blank as XML means it.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Joins pieces; the usual single piece is not copied.
pub(super) fn append<'a>(text: &mut Cow<'a, str>, piece: Cow<'a, str>) {
    if text.is_empty() {
        *text = piece;
    } else {
        text.to_mut().push_str(&piece);
    }
}

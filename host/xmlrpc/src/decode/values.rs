//! The grammar of values, straight into the arena.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use vdsm_core::held::{Held, HeldTable, Secret};
use vdsm_core::tree::{MAX_DEPTH, TreeBuilder};

use super::MAX_VALUES;
use super::error::{DecodeError, Reason};
use super::scan::{Scanner, Tag, Token, append, is_blank};
use super::secrets::Follow;
use crate::number::{parse_double, parse_int};

/// Padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

/// Reads values from a scanner into a tree under construction. Every function is entered just behind the start of its element
/// and leaves just behind its end.
pub(super) struct Values<'r, 'a> {
    pub(super) scan: &'r mut Scanner<'a>,
    pub(super) out: &'r mut TreeBuilder,
    pub(super) held: &'r HeldTable,
}

impl<'a> Values<'_, 'a> {
    /// `params`: the arguments, as items of the array that is open.
    pub(super) fn params(&mut self, follow: &Follow<'_>) -> Result<(), DecodeError> {
        let mut index = 0;
        loop {
            match self.scan.structural()? {
                Token::Open(Tag::Param) => {
                    self.scan.open(Tag::Value)?;
                    self.value(1, &follow.item(index))?;
                    self.scan.close()?;
                    index += 1;
                }
                Token::Close => return Ok(()),
                _ => return Err(self.scan.error(Reason::Unexpected("param"))),
            }
        }
    }

    /// `value`, inside `depth` arrays and structs.
    pub(super) fn value(&mut self, depth: usize, follow: &Follow<'_>) -> Result<(), DecodeError> {
        if self.out.node_count() >= MAX_VALUES {
            return Err(self.scan.error(Reason::TooManyValues));
        }
        let mut text = Cow::Borrowed("");
        loop {
            match self.scan.token()? {
                Token::Text(piece) => append(&mut text, piece),
                // No type: it is a text, blanks included.
                Token::Close => return self.scalar(Tag::Text, &text, follow),
                Token::Open(tag) if is_blank(&text) => {
                    self.typed(tag, depth, follow)?;
                    return self.scan.close();
                }
                Token::Open(_) => return Err(self.scan.error(Reason::Unexpected("no text beside a type"))),
                Token::End => return Err(self.scan.error(Reason::IllFormed("the document ends early"))),
            }
        }
    }

    fn typed(&mut self, tag: Tag, depth: usize, follow: &Follow<'_>) -> Result<(), DecodeError> {
        match tag {
            Tag::Array | Tag::Struct if depth >= MAX_DEPTH => Err(self.scan.error(Reason::TooDeep)),
            Tag::Array => self.array(depth + 1, follow),
            Tag::Struct => self.object(depth + 1, follow),
            Tag::Int | Tag::Boolean | Tag::Text | Tag::Double | Tag::Time | Tag::Base64 | Tag::Nil => {
                let text = self.scan.text()?;
                self.scalar(tag, &text, follow)
            }
            _ => Err(self.scan.error(Reason::Unexpected("a type"))),
        }
    }

    fn array(&mut self, depth: usize, follow: &Follow<'_>) -> Result<(), DecodeError> {
        self.out.open_array();
        match self.scan.structural()? {
            Token::Open(Tag::Data) => {
                self.items(depth, follow)?;
                self.scan.close()?;
            }
            Token::Close => {}
            _ => return Err(self.scan.error(Reason::Unexpected("data"))),
        }
        self.out.close();
        Ok(())
    }

    fn items(&mut self, depth: usize, follow: &Follow<'_>) -> Result<(), DecodeError> {
        let mut index = 0;
        loop {
            match self.scan.structural()? {
                Token::Open(Tag::Value) => self.value(depth, &follow.item(index))?,
                Token::Close => return Ok(()),
                _ => return Err(self.scan.error(Reason::Unexpected("value"))),
            }
            index += 1;
        }
    }

    fn object(&mut self, depth: usize, follow: &Follow<'_>) -> Result<(), DecodeError> {
        self.out.open_object();
        let mut seen: HashSet<Cow<'a, str>> = HashSet::new();
        loop {
            match self.scan.structural()? {
                Token::Open(Tag::Member) => {}
                Token::Close => break,
                _ => return Err(self.scan.error(Reason::Unexpected("member"))),
            }
            self.scan.open(Tag::Name)?;
            let name = self.scan.text()?;
            self.scan.open(Tag::Value)?;
            self.out.key(&name);
            self.value(depth, &follow.member(&name))?;
            self.scan.close()?;
            if !seen.insert(name) {
                return Err(self.scan.error(Reason::Duplicate));
            }
        }
        self.out.close();
        Ok(())
    }

    fn scalar(&mut self, tag: Tag, text: &str, follow: &Follow<'_>) -> Result<(), DecodeError> {
        if follow.is_secret() && tag != Tag::Nil {
            return self.secret(tag, text);
        }
        match tag {
            // Python has one integer type: what fits 32 bits is the same value whichever tag it came with.
            Tag::Int => {
                let value = parse_int(text).ok_or_else(|| self.bad("int"))?;
                match i32::try_from(value) {
                    Ok(small) => self.out.int(small),
                    Err(_) => self.out.int64(value),
                }
            }
            Tag::Boolean => match text.trim() {
                "0" => self.out.boolean(false),
                "1" => self.out.boolean(true),
                _ => return Err(self.bad("boolean")),
            },
            Tag::Double => {
                let value = parse_double(text).ok_or_else(|| self.bad("double"))?;
                self.out.double(value)
            }
            Tag::Time => {
                let time = time_of(text).ok_or_else(|| self.bad("dateTime.iso8601"))?;
                self.out.time(time)
            }
            Tag::Base64 => {
                let bytes = bytes_of(text).ok_or_else(|| self.bad("base64"))?;
                self.out.bytes(&bytes)
            }
            Tag::Nil if is_blank(text) => self.out.nil(),
            Tag::Nil => return Err(self.bad("nil")),
            _ => self.out.text(text),
        };
        Ok(())
    }

    /// Held as text whatever its type: a password of digits may come as an int.
    fn secret(&mut self, tag: Tag, text: &str) -> Result<(), DecodeError> {
        let text = match tag {
            Tag::Base64 => {
                let bytes = bytes_of(text).ok_or_else(|| self.bad("base64"))?;
                String::from_utf8(bytes).map_err(|_| self.bad("base64 of a text"))?
            }
            Tag::Text => text.to_owned(),
            _ => text.trim().to_owned(),
        };
        let id = self.held.keep(Held::Secret(Arc::new(Secret::new(text))));
        self.out.held(id);
        Ok(())
    }

    fn bad(&self, kind: &'static str) -> DecodeError {
        self.scan.error(Reason::BadValue(kind))
    }
}

/// Clients differ in the form (`19980717T14:08:55`, with dashes, with a zone); none needs more than this.
fn time_of(text: &str) -> Option<&str> {
    let time = text.trim();
    let plausible = !time.is_empty()
        && time.len() <= 40
        && time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z' | b':' | b'-' | b'+' | b'.'));
    plausible.then_some(time)
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(packed).ok()
}

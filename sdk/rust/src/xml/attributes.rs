//! The attributes of a start tag, by where they stand in it.

use std::ops::Range;

/// One attribute. Ranges are bytes of the start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    /// The white space before it, the name, the sign and the quoted value.
    pub(super) whole: Range<usize>,
    pub(super) name: Range<usize>,
    /// Without its quotes, entities as written.
    pub(super) value: Range<usize>,
    pub(super) quote: char,
}

/// Finds the attributes of a start tag (`<a b="c">`, `<a/>`); the error is the byte at which it is not one.
pub(super) fn scan(tag: &str) -> Result<Vec<Attribute>, usize> {
    let mut cursor = Cursor { bytes: tag.as_bytes(), at: 1 };
    cursor.name()?;
    let mut found: Vec<Attribute> = Vec::new();
    loop {
        let start = cursor.at;
        cursor.space();
        if matches!(cursor.rest(), b">" | b"/>") {
            return Ok(found);
        }
        if cursor.at == start {
            return Err(start);
        }
        let name = cursor.name()?;
        cursor.space();
        cursor.take(b'=')?;
        cursor.space();
        let (value, quote) = cursor.quoted()?;
        if found.iter().any(|other| tag.get(other.name.clone()) == tag.get(name.clone())) {
            return Err(name.start);
        }
        found.push(Attribute { whole: start..cursor.at, name, value, quote });
    }
}

/// Whether an element or attribute can have this name. XML allows more beyond ASCII than it forbids; what is forbidden there is
/// libvirt's to find.
pub(super) fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(starts_name) && name.bytes().all(continues_name)
}

/// White space as XML has it.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':' | 0x80..)
}

fn continues_name(byte: u8) -> bool {
    starts_name(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
}

/// Works on bytes: all that it looks for is ASCII, so its ranges never cut a character.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    fn skip(&mut self, of: impl Fn(u8) -> bool) {
        let rest = self.rest();
        self.at += rest.iter().position(|byte| !of(*byte)).unwrap_or(rest.len());
    }

    fn space(&mut self) {
        self.skip(|byte| is_space(char::from(byte)));
    }

    fn name(&mut self) -> Result<Range<usize>, usize> {
        let start = self.at;
        if !self.rest().first().copied().is_some_and(starts_name) {
            return Err(start);
        }
        self.skip(continues_name);
        Ok(start..self.at)
    }

    fn take(&mut self, expected: u8) -> Result<(), usize> {
        if self.rest().first() != Some(&expected) {
            return Err(self.at);
        }
        self.at += 1;
        Ok(())
    }

    fn quoted(&mut self) -> Result<(Range<usize>, char), usize> {
        let quote = self.rest().first().copied().filter(|byte| matches!(byte, b'"' | b'\'')).ok_or(self.at)?;
        let start = self.at + 1;
        self.at = start;
        self.skip(|byte| byte != quote && byte != b'<');
        let value = start..self.at;
        self.take(quote)?;
        Ok((value, char::from(quote)))
    }
}

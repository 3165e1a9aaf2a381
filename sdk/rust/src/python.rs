//! The small part of Python's literals that custom properties are written in: dicts of texts, nested once or more, and texts.
//!
//! `{'bios': {"vendor": 'x\'y'},}`: single or double quotes, backslash escapes, a comma at the end, white space. No numbers, lists,
//! prefixes or triple quotes.

/// A literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A dict, in the order it is written. A key that comes again replaces the value before it, in its place.
    Dict(Vec<(String, Literal)>),
}

/// Not a literal of this kind: what was wanted, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} expected at byte {at}")]
pub struct LiteralError {
    /// What would have been valid.
    pub wanted: &'static str,
    /// Where.
    pub at: usize,
}

/// Deepest nesting of dicts.
const MAX_DEPTH: usize = 8;

/// Reads a literal that fills the whole text.
pub fn parse(text: &str) -> Result<Literal, LiteralError> {
    let (literal, rest) = parse_prefix(text)?;
    if rest.is_empty() { Ok(literal) } else { Err(LiteralError { wanted: "the end", at: text.len() - rest.len() }) }
}

/// Reads a literal at the start of a text; what stands behind it and white space comes back.
pub fn parse_prefix(text: &str) -> Result<(Literal, &str), LiteralError> {
    let mut reader = Reader { text, at: 0 };
    let literal = reader.literal(0)?;
    reader.space();
    Ok((literal, reader.rest()))
}

impl Literal {
    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Literal::Text(text) => Some(text),
            Literal::Dict(_) => None,
        }
    }

    /// The entries, when it is a dict.
    pub fn as_dict(&self) -> Option<&[(String, Literal)]> {
        match self {
            Literal::Dict(entries) => Some(entries),
            Literal::Text(_) => None,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn wrong(&self, wanted: &'static str) -> LiteralError {
        LiteralError { wanted, at: self.at }
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n', '\u{c}']).len();
    }

    /// Takes `expected` behind white space, when it is there.
    fn takes(&mut self, expected: char) -> bool {
        self.space();
        let there = self.rest().starts_with(expected);
        self.at += if there { expected.len_utf8() } else { 0 };
        there
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn literal(&mut self, depth: usize) -> Result<Literal, LiteralError> {
        if self.takes('{') {
            if depth == MAX_DEPTH {
                return Err(self.wrong("a less nested dict"));
            }
            return self.dict(depth);
        }
        self.quoted("a dict or a quoted text").map(Literal::Text)
    }

    fn dict(&mut self, depth: usize) -> Result<Literal, LiteralError> {
        let mut entries: Vec<(String, Literal)> = Vec::new();
        while !self.takes('}') {
            let key = self.quoted("a quoted key or `}`")?;
            if !self.takes(':') {
                return Err(self.wrong("`:`"));
            }
            let value = self.literal(depth + 1)?;
            match entries.iter_mut().find(|(known, _)| *known == key) {
                Some((_, old)) => *old = value,
                None => entries.push((key, value)),
            }
            if !self.takes(',') {
                if self.takes('}') {
                    break;
                }
                return Err(self.wrong("`,` or `}`"));
            }
        }
        Ok(Literal::Dict(entries))
    }

    fn quoted(&mut self, wanted: &'static str) -> Result<String, LiteralError> {
        let quote = if self.takes('\'') {
            '\''
        } else if self.takes('"') {
            '"'
        } else {
            return Err(self.wrong(wanted));
        };
        let mut text = String::new();
        loop {
            match self.next() {
                Some(c) if c == quote => return Ok(text),
                Some('\\') => self.escape(&mut text)?,
                Some('\n') | None => return Err(self.wrong("the closing quote")),
                Some(c) => text.push(c),
            }
        }
    }

    /// What a backslash makes of the character behind it; of one that means nothing it makes both, as Python does.
    fn escape(&mut self, text: &mut String) -> Result<(), LiteralError> {
        let c = self.next().ok_or_else(|| self.wrong("the closing quote"))?;
        match c {
            '\n' => {}
            '\\' | '\'' | '"' => text.push(c),
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'a' => text.push('\u{7}'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'v' => text.push('\u{b}'),
            'x' => text.push(self.code(2, 16)?),
            'u' => text.push(self.code(4, 16)?),
            'U' => text.push(self.code(8, 16)?),
            '0'..='7' => {
                self.at -= 1;
                let digits = self.rest().chars().take(3).take_while(|c| c.is_digit(8)).count();
                text.push(self.code(digits, 8)?);
            }
            other => text.extend(['\\', other]),
        }
        Ok(())
    }

    /// The character with a number of exactly so many digits.
    fn code(&mut self, digits: usize, radix: u32) -> Result<char, LiteralError> {
        let wanted = "the number of a character";
        let code = self.rest().get(..digits).filter(|code| code.chars().all(|c| c.is_digit(radix))).ok_or_else(|| self.wrong(wanted))?;
        let number = u32::from_str_radix(code, radix).map_err(|_| self.wrong(wanted))?;
        let c = char::from_u32(number).ok_or_else(|| self.wrong(wanted))?;
        self.at += digits;
        Ok(c)
    }
}

#[cfg(test)]
mod tests {
    //! What is read, what is refused, and that nothing panics. Rung: pure.
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Literal {
        Literal::Text(text.into())
    }

    #[test]
    fn dicts_nest_and_may_end_with_a_comma() {
        let literal = parse(" { 'a' : {\"b\": 'c', }, \"d\":'' }\n").unwrap();
        assert_eq!(literal, Literal::Dict(vec![("a".into(), Literal::Dict(vec![("b".into(), text("c"))])), ("d".into(), text(""))]));
        assert_eq!(parse("{}").unwrap(), Literal::Dict(vec![]));
        assert_eq!(parse("{'a': 'x', 'b': 'y', 'a': 'z'}").unwrap().as_dict().unwrap().first(), Some(&("a".into(), text("z"))));
    }

    #[test]
    fn escapes_are_pythons() {
        assert_eq!(parse(r#"'a\'b"c\\\n\x41\u00e9\101\q'"#).unwrap(), text("a'b\"c\\\nAéA\\q"));
        assert_eq!(parse("\"it's\"").unwrap(), text("it's"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let error = |text| parse(text).unwrap_err();
        assert_eq!(error("{'a' 'b'}"), LiteralError { wanted: "`:`", at: 5 });
        assert_eq!(error("{'a': 'b' 'c'}").at, 10);
        assert_eq!(error("{'a': 1}"), LiteralError { wanted: "a dict or a quoted text", at: 6 });
        assert_eq!(error("{'a': 'b'} x").wanted, "the end");
        for bad in ["", "{", "{'a", "{,}", "'\\x4'", "'\\ud800'", "'a\nb'", "'\\"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&"{'a':".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_literal_or_an_error(text in "[{}'\",:\\\\xnu0-9aé \n]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_quoted_text_is_read_as_it_was(original in "[^\\x00]{0,20}") {
            let quoted = format!("{{'k': '{}'}}", original.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"));
            prop_assert_eq!(parse(&quoted).unwrap(), Literal::Dict(vec![("k".into(), text(&original))]));
        }
    }
}

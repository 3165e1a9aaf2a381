//! Which characters may be on the wire, and how text is escaped onto it.

/// What stands for a character that may not be sent.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// Whether a document may contain `character` (XML 1.0, production `Char`); Rust text has no surrogates.
pub(crate) fn is_xml(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Where the first character lies that no document may contain.
pub(crate) fn first_forbidden(document: &str) -> Option<usize> {
    let control = document.bytes().position(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'));
    control.or_else(|| document.find('\u{FFFE}')).or_else(|| document.find('\u{FFFF}'))
}

/// Whether a byte needs a look: markup, controls, and the first bytes of the multi-byte characters that VDSM replaces.
fn is_special(byte: u8) -> bool {
    matches!(byte, 0..=0x8 | 0xB..=0x1F | 0x7F | b'&' | b'<' | b'>' | 0xC2 | 0xEF)
}

/// Appends `text` to `out`, escaped; what VDSM does not let into a reply (controls 0-8, 0xB-0xC, 0xE-0x1F, 0x7F-0x84, 0x86-0x9F,
/// U+FFFE, U+FFFF) becomes U+FFFD.
pub(crate) fn escape_into(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| is_special(*byte)) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (written, taken): (&[u8], usize) = match special {
            [b'&', ..] => (b"&amp;", 1),
            [b'<', ..] => (b"&lt;", 1),
            [b'>', ..] => (b"&gt;", 1),
            // As a bare character it would reach the reader as a line feed.
            [b'\r', ..] => (b"&#13;", 1),
            [0xC2, 0x80..=0x84 | 0x86..=0x9F, ..] => (REPLACEMENT, 2),
            [0xEF, 0xBF, 0xBE | 0xBF, ..] => (REPLACEMENT, 3),
            [lead @ (0xC2 | 0xEF), ..] => (std::slice::from_ref(lead), 1),
            _ => (REPLACEMENT, 1),
        };
        out.extend_from_slice(written);
        rest = special.get(taken..).unwrap_or(&[]);
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Rung: pure.
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        escape_into(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn markup_is_escaped_and_other_text_stays() {
        assert_eq!(escaped("a<b>&\"'c"), "a&lt;b&gt;&amp;\"'c");
        assert_eq!(escaped("žluťoučký 中文 \u{A0}\u{FEFF}\u{1F600}\t\n\u{85}"), "žluťoučký 中文 \u{A0}\u{FEFF}\u{1F600}\t\n\u{85}");
        assert_eq!(escaped("a\r\n"), "a&#13;\n");
    }

    #[test]
    fn exactly_the_characters_vdsm_filters_are_replaced() {
        for code in 0..=0xFFFF_u32 {
            let Some(character) = char::from_u32(code) else { continue };
            let filtered = matches!(code, 0..=8 | 0xB..=0xC | 0xE..=0x1F | 0x7F..=0x84 | 0x86..=0x9F | 0xFFFE | 0xFFFF);
            assert_eq!(escaped(&character.to_string()) == "\u{FFFD}", filtered || code == 0xFFFD, "U+{code:04X}");
        }
    }

    #[test]
    fn forbidden_characters_are_found_where_they_lie() {
        assert_eq!(first_forbidden("a\t\n\r\u{7F}\u{FFFD}"), None);
        assert_eq!(first_forbidden("ab\u{1}"), Some(2));
        assert_eq!(first_forbidden("é\u{FFFF}"), Some(2));
        assert!(is_xml('\u{85}') && !is_xml('\u{0}'));
    }
}

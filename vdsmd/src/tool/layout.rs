//! The shapes that answers share on a terminal: columns, lists under a title, times and short digests.

use std::borrow::Cow;

/// Hex digits of a digest that people see.
const SHORT: usize = 12;

/// The first twelve digits of a digest.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..SHORT).unwrap_or(digest)
}

/// Rows as columns, each as wide as its widest cell, every line after `indent`.
pub(super) fn columns<const N: usize>(indent: &str, rows: &[[&str; N]]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[&str; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{indent}{}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A title with the number of rows, and the rows below it; `title: none` when there are none.
pub(super) fn section<const N: usize>(title: &str, rows: &[[&str; N]]) -> String {
    if rows.is_empty() { format!("{title}: none\n") } else { format!("{title} ({})\n{}", rows.len(), columns("  ", rows)) }
}

/// Every line of `text` after `indent`.
pub(super) fn indented(indent: &str, text: &str) -> String {
    text.lines().map(|line| format!("{indent}{line}").trim_end().to_owned() + "\n").collect()
}

/// The text with every control character but line ends and tabs written out.
pub(super) fn without_controls(text: &str) -> Cow<'_, str> {
    let acts = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if !text.contains(acts) {
        return text.into();
    }
    text.chars().map(|character| if acts(character) { character.escape_default().to_string() } else { character.into() }).collect()
}

#[cfg(test)]
mod tests {
    //! Rung: pure.
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_with_their_text() {
        assert_eq!(columns("  ", &[["a", "b", ""], ["äöü", "", "c"]]), "  a    b\n  äöü     c\n");
        assert_eq!(columns::<2>("", &[]), "");
    }

    #[test]
    fn a_section_says_how_many_and_an_empty_one_none() {
        assert_eq!(section("leases held", &[["vm a", "create"]]), "leases held (1)\n  vm a  create\n");
        assert_eq!(section::<1>("missing", &[]), "missing: none\n");
    }

    #[test]
    fn nothing_a_module_says_reaches_the_terminal_as_a_command() {
        assert_eq!(without_controls("a\tb\n"), "a\tb\n");
        assert_eq!(without_controls("\u{1b}[2Jx\r\u{9b}"), "\\u{1b}[2Jx\\r\\u{9b}");
    }

    #[test]
    fn a_digest_is_cut_and_what_is_shorter_stays() {
        assert_eq!(short("0123456789abcdef"), "0123456789ab");
        assert_eq!(short("0123"), "0123");
    }
}

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

/// Milliseconds since the epoch as the daemon's log writes them: UTC, `2013-09-24 05:20:00,123Z`.
pub(super) fn time(millis: u64) -> String {
    let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{:03}Z", rest % 1000)
}

/// Year, month and day of a day since 1970-01-01. Years are counted from March, so that a leap day ends its year.
fn date(days: u64) -> (u64, u64, u64) {
    let since_march_of_0 = days + 719_468;
    let (era, day_of_era) = (since_march_of_0 / 146_097, since_march_of_0 % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, carried) = if month_from_march < 10 { (month_from_march + 3, 0) } else { (month_from_march - 9, 1) };
    (era * 400 + year_of_era + carried, month, day)
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
    fn times_read_as_in_the_log() {
        assert_eq!(time(0), "1970-01-01 00:00:00,000Z");
        assert_eq!(time(951_827_696_789), "2000-02-29 12:34:56,789Z");
        assert_eq!(time(1_735_689_599_999), "2024-12-31 23:59:59,999Z");
        assert_eq!(time(1_735_689_600_000), "2025-01-01 00:00:00,000Z");
        assert!(time(u64::MAX).ends_with('Z'));
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

//! Numbers as Python writes and reads them: what VDSM's peers expect to see, and what they send.

use std::io::Write;

/// Appends `value` as `repr` of Python 2.7 prints it: the shortest digits that read back the same, at least one decimal, and an
/// exponent of two digits below 1e-4 and from 1e16 on.
pub(crate) fn double_into(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        let name: &[u8] = if value.is_nan() {
            b"nan"
        } else if value > 0.0 {
            b"inf"
        } else {
            b"-inf"
        };
        out.extend_from_slice(name);
        return;
    }
    let shortest = format!("{value:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Writing to a Vec cannot fail.
    let _ = if (-4..16).contains(&exponent) {
        write!(out, "{value:?}")
    } else {
        write!(out, "{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
    };
}

/// Reads an integer as Python's `int` does: blanks around it and a plus sign are fine.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// Reads a fraction as Python's `float` does: blanks around it, `nan` and `inf` are fine.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Rung: pure.
    use super::*;

    fn repr(value: f64) -> String {
        let mut out = Vec::new();
        double_into(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_look_as_python_writes_them() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1_385_280_000.25, "1385280000.25"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (-2.5e-7, "-2.5e-07"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(repr(value), expected);
        }
    }

    #[test]
    fn integers_are_read_as_leniently_as_python_does() {
        assert_eq!(parse_int(" +12\n"), Some(12));
        assert_eq!(parse_int("-2147483649"), Some(-2_147_483_649));
        assert_eq!(parse_int("1.0").or_else(|| parse_int("")).or_else(|| parse_int("9223372036854775808")), None);
        assert_eq!(parse_double(" 1e3 "), Some(1000.0));
        assert_eq!(parse_double("one"), None);
    }
}

//! What VDSM accepts beside the proper type, one named function a rule.
//!
//! Managers send flags as text and numbers as text; VDSM read them with Python functions whose corners are part of the contract.

use super::Value;

/// Neither a boolean nor a text: VDSM ends such a call with the verb's default error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a boolean nor a text")]
pub struct NotAFlag;

/// A flag of the VM verbs: a boolean as it is; text `true` in any case; numeric text by its value; everything else is false, an int 1
/// included.
pub fn tobool(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Text(text) => text.to_lowercase() == "true" || is_nonzero(text),
        _ => false,
    }
}

/// A flag of the storage verbs: a boolean as it is; text `true` in any case is true, any other text false; anything else is an error.
pub fn parse_bool(value: &Value) -> Result<bool, NotAFlag> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::Text(text) => Ok(text.to_lowercase() == "true"),
        _ => Err(NotAFlag),
    }
}

/// A number that may be sent as text: an integer, or text that is one as Python's `int` reads it (blanks around it, a sign).
pub fn str_int(value: &Value) -> Option<i64> {
    match value {
        Value::Text(text) => decimal(text),
        other => other.as_int64(),
    }
}

/// What Python's `int` makes of a value: as [`str_int`], a boolean is 0 or 1, a double loses its fraction.
pub fn int_like(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(flag) => Some(i64::from(*flag)),
        // The bounds are the doubles next to the range of 64 bit; within them the cast is exact but for the fraction.
        Value::Double(number) => (*number >= -9.2e18 && *number <= 9.2e18).then_some(*number as i64),
        other => str_int(other),
    }
}

/// What Python's `str` makes of a scalar: text as it is, an integer in decimal, `True` or `False`, a double in its shortest form.
pub fn text_like(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Time(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Int64(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(if *flag { "True" } else { "False" }.into()),
        Value::Double(number) => Some(python_double(*number)),
        _ => None,
    }
}

/// Python's truth value: false are nil, false, zero, and whatever is empty. So the text `false` is true. What the host keeps is taken
/// to be there.
pub fn truthy(value: &Value) -> bool {
    match value {
        Value::Nil => false,
        Value::Bool(flag) => *flag,
        Value::Int(number) => *number != 0,
        Value::Int64(number) => *number != 0,
        Value::Double(number) => *number != 0.0,
        Value::Text(text) => !text.is_empty(),
        Value::Bytes(bytes) => !bytes.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Time(_) | Value::Held(_) => true,
    }
}

fn decimal(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// Of any length: Python's integers have no limit.
fn is_nonzero(text: &str) -> bool {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.bytes().any(|digit| digit != b'0')
}

/// Python's `repr` of a double: always a point or an exponent, the exponent with a sign and two digits.
fn python_double(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    let text = format!("{number:?}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{}e{sign}{digits:0>2}", mantissa.strip_suffix(".0").unwrap_or(mantissa))
}

#[cfg(test)]
mod tests {
    //! The corners of each rule. Rung: pure.
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{array, object};

    fn v(value: impl Into<Value>) -> Value {
        value.into()
    }

    #[test]
    fn tobool_takes_text_by_value_and_no_int() {
        for yes in [v(true), v("true"), v("TRUE"), v("1"), v("-3"), v(" 2 "), v("99999999999999999999")] {
            assert!(tobool(&yes), "{yes:?}");
        }
        for no in [
            v(false),
            v("false"),
            v("0"),
            v("-00"),
            v("+"),
            v("yes"),
            v(" true"),
            v("1.0"),
            v(""),
            v(1),
            v(1.0),
            Value::Nil,
            array![1],
            v(object! {}),
        ] {
            assert!(!tobool(&no), "{no:?}");
        }
    }

    #[test]
    fn parse_bool_takes_any_text_and_refuses_the_rest() {
        assert_eq!(
            [v(true), v("True"), v("false"), v("1"), v("")].map(|value| parse_bool(&value)),
            [Ok(true), Ok(true), Ok(false), Ok(false), Ok(false)]
        );
        for other in [v(1), v(0), Value::Nil, array![]] {
            assert_eq!(parse_bool(&other), Err(NotAFlag));
        }
    }

    #[test]
    fn numbers_are_read_from_text() {
        assert_eq!([v(5), v("5"), v(" +5\n"), Value::Int64(5)].map(|value| str_int(&value)), [Some(5); 4]);
        assert_eq!([v("5.0"), v(""), v("0x5"), v(5.0), v(true), Value::Nil].map(|value| str_int(&value)), [None; 6]);
        assert_eq!([v("7"), v(7.9), v(true), v(-7.9)].map(|value| int_like(&value)), [Some(7), Some(7), Some(1), Some(-7)]);
        assert_eq!([v(f64::NAN), v(1e300), v(f64::INFINITY), array![]].map(|value| int_like(&value)), [None; 4]);
    }

    #[test]
    fn text_is_what_python_prints() {
        let cases = [
            (v("x"), "x"),
            (v(-3), "-3"),
            (v(true), "True"),
            (v(1.0), "1.0"),
            (v(0.1), "0.1"),
            (v(1e16), "1e+16"),
            (v(1.5e-5), "1.5e-05"),
            (v(1e100), "1e+100"),
        ];
        for (value, text) in cases {
            assert_eq!(text_like(&value).as_deref(), Some(text));
        }
        assert_eq!(text_like(&array![]), None);
    }

    #[test]
    fn truth_is_pythons() {
        for yes in [v("false"), v("0"), v(1), v(0.5), array![0], v(object! { "a": 0 }), Value::Time(String::new())] {
            assert!(truthy(&yes), "{yes:?}");
        }
        for no in [v(""), v(0), v(0.0), v(false), array![], v(object! {}), Value::Nil, Value::Bytes(vec![])] {
            assert!(!truthy(&no), "{no:?}");
        }
    }
}

//! Trees as JSON and back: types kept where JSON has them; times and binary data (as base64) become text.

use base64::Engine as _;
use serde_json::{Map, Number, Value as Json};
use vdsm_core::tree::{Kind, TreeBuilder, Value};

/// The value as JSON. An infinite or undefined double has no JSON number and becomes text.
pub(super) fn of(value: Value<'_>) -> Json {
    match value.kind() {
        Kind::Nil | Kind::Held => Json::Null,
        Kind::Boolean => Json::Bool(value.as_bool().unwrap_or(false)),
        Kind::Int => Json::from(value.as_int().unwrap_or(0)),
        Kind::Int64 => Json::from(value.as_int64().unwrap_or(0)),
        Kind::Double => {
            let double = value.as_double().unwrap_or(f64::NAN);
            Number::from_f64(double).map_or_else(|| Json::String(double.to_string()), Json::Number)
        }
        Kind::Text => Json::from(value.as_text().unwrap_or("")),
        Kind::Time => Json::from(value.as_time().unwrap_or("")),
        Kind::Bytes => Json::String(base64::engine::general_purpose::STANDARD.encode(value.as_bytes().unwrap_or(&[]))),
        Kind::Array => Json::Array(value.items().map(of).collect()),
        Kind::Object => Json::Object(value.members().map(|(key, member)| (key.to_owned(), of(member))).collect::<Map<_, _>>()),
    }
}

/// Appends an argument of `call`: JSON, or a text as it stands.
pub(super) fn build_argument(out: &mut TreeBuilder, text: &str) {
    match serde_json::from_str(text) {
        Ok(value) => build(out, &value),
        Err(_) => _ = out.text(text),
    }
}

fn build(out: &mut TreeBuilder, value: &Json) {
    match value {
        Json::Null => _ = out.nil(),
        Json::Bool(value) => _ = out.boolean(*value),
        Json::Number(number) => match (number.as_i64().map(i32::try_from), number.as_i64()) {
            (Some(Ok(small)), _) => _ = out.int(small),
            (_, Some(large)) => _ = out.int64(large),
            _ => _ = out.double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => _ = out.text(text),
        Json::Array(items) => {
            out.open_array();
            items.iter().for_each(|item| build(out, item));
            out.close();
        }
        Json::Object(members) => {
            out.open_object();
            for (key, member) in members {
                out.key(key);
                build(out, member);
            }
            out.close();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Rung: pure.
    use serde_json::json;
    use vdsm_core::tree::Tree;

    use super::*;

    #[test]
    fn json_goes_in_and_comes_out_with_its_types() {
        let text = r#"{"a":[1,"1",true,0.5,-5],"b":{"c":""}}"#;
        let tree = Tree::array(|out| build_argument(out, text));
        assert_eq!(of(tree.root()), json!([{"a": [1, "1", true, 0.5, -5], "b": {"c": ""}}]));
        let kinds: Vec<Kind> = tree.root().item(0).unwrap().get("a").unwrap().items().map(Value::kind).collect();
        assert_eq!(kinds, [Kind::Int, Kind::Text, Kind::Boolean, Kind::Double, Kind::Int]);
    }

    #[test]
    fn what_is_no_json_is_a_text() {
        for text in ["5d9f0f3e-2b37-4d6c-8a17-0c2f2f5a1111", "/data/one", "", "{a:1}"] {
            let tree = Tree::array(|out| build_argument(out, text));
            assert_eq!(tree.root().item(0).unwrap().as_text(), Some(text));
        }
    }

    #[test]
    fn what_json_lacks_becomes_text() {
        let tree = Tree::array(|out| _ = out.bytes(b"hi").time("20131124T08:00:00").double(f64::INFINITY));
        assert_eq!(of(tree.root()), json!(["aGk=", "20131124T08:00:00", "inf"]));
    }
}

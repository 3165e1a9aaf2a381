//! What is written is read again as it was, and no tree makes the reader fail otherwise than with an error. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::{array, object};

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Int64),
        (-1e300..1e300).prop_map(Value::Double),
        ".{0,8}".prop_map(Value::Text),
        "[0-9T:]{0,17}".prop_map(Value::Time),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
        (any::<u32>(), any::<u32>()).prop_map(|(slot, table)| Value::Held(HeldRef { slot, table })),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            proptest::collection::vec(("[a-f]{0,2}", inner), 0..24).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn kinds() -> impl Strategy<Value = Kind> {
    proptest::sample::select(vec![
        Kind::Nil,
        Kind::Boolean,
        Kind::Int,
        Kind::Int64,
        Kind::Double,
        Kind::Text,
        Kind::Bytes,
        Kind::Time,
        Kind::Array,
        Kind::Object,
        Kind::Held,
    ])
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in values()) {
        prop_assert_eq!(decode(&try_encode(&value).unwrap()).unwrap(), value);
    }

    #[test]
    fn any_tree_is_a_value_or_an_error(
        nodes in proptest::collection::vec((0_u16..4, kinds(), prop_oneof![0_u32..6, any::<u32>()], 0_u32..6), 0..30),
        text in ".{0,4}",
    ) {
        let nodes = nodes.into_iter().map(|(key, kind, a, b)| Node { key, kind, a, b }).collect();
        let _ = decode(&Tree { keys: vec!["a".into(), "b".into()], text, bytes: vec![1, 2], nodes });
    }
}

#[test]
fn a_name_is_stored_once_and_a_repeated_member_is_the_last() {
    let tree = encode(&array![object! { "a": 1, "b": "x" }, object! { "a": 2 }]);
    assert_eq!(tree.keys, ["a", "b"]);
    let twice = Tree {
        keys: vec!["a".into()],
        nodes: [(Kind::Object, 2), (Kind::Int, 1), (Kind::Int, 2)].map(|(kind, a)| Node { key: 0, kind, a, b: 0 }).to_vec(),
        ..nothing()
    };
    assert_eq!(decode(&twice), Ok(object! { "a": 2 }.into()));
}

#[test]
fn depth_is_limited_both_ways() {
    let nested = |depth| (0..depth).fold(Value::Int(1), |inner, _| Value::Array(vec![inner]));
    assert!(decode(&try_encode(&nested(MAX_DEPTH)).unwrap()).is_ok());
    assert_eq!(try_encode(&nested(MAX_DEPTH + 1)), Err(WireError::Depth));
    assert_eq!(decode(&encode(&nested(MAX_DEPTH + 1))), Ok(Value::Nil));
    let mut nodes = vec![Node { key: 0, kind: Kind::Array, a: 1, b: 0 }; MAX_DEPTH + 1];
    nodes.push(Node { key: 0, kind: Kind::Int, a: 1, b: 0 });
    assert_eq!(decode(&Tree { nodes, ..nothing() }), Err(WireError::Depth));
}

#[test]
fn members_keep_their_order_and_paths_lead_to_them() {
    let mut conf = object! { "vmId": "a", "devices": array![object! { "path": "/x" }] };
    assert_eq!(conf.set("vmId", "b"), Some("a".into()));
    *conf.entry("vmId", || Value::Nil) = "c".into();
    conf.entry("new", || true.into());
    assert_eq!(conf.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["vmId", "devices", "new"]);
    assert_eq!(conf.remove("new"), Some(Value::Bool(true)));
    let call = array![conf];
    assert_eq!(call.at("0.devices.0.path").and_then(Value::as_text), Some("/x"));
    assert_eq!((call.at("0.devices.1"), call.at("0.vmId.x"), call.at("x")), (None, None, None));
}

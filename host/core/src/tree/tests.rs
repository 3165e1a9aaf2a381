//! Trees are what they were built from, and parts that are no tree are refused. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// A value as a model: what a tree must read as.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    Nil,
    Boolean(bool),
    Int(i32),
    Int64(i64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Time(String),
    Held(u32, u32),
    Array(Vec<Model>),
    Object(Vec<(String, Model)>),
}

fn model() -> impl Strategy<Value = Model> {
    let leaf = prop_oneof![
        Just(Model::Nil),
        any::<bool>().prop_map(Model::Boolean),
        any::<i32>().prop_map(Model::Int),
        any::<i64>().prop_map(Model::Int64),
        any::<f64>().prop_filter("NaN equals nothing", |number| !number.is_nan()).prop_map(Model::Double),
        ".{0,8}".prop_map(Model::Text),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(Model::Bytes),
        "[0-9T:]{0,8}".prop_map(Model::Time),
        any::<(u32, u32)>().prop_map(|(slot, table)| Model::Held(slot, table)),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Model::Array),
            // Few names, so that the same one is met in several objects; each once in one object, in any order.
            proptest::collection::hash_map("[a-eé]{1,2}", inner, 0..6).prop_map(|members| Model::Object(members.into_iter().collect())),
        ]
    })
}

fn build(out: &mut TreeBuilder, model: &Model) {
    match model {
        Model::Nil => out.nil(),
        Model::Boolean(value) => out.boolean(*value),
        Model::Int(value) => out.int(*value),
        Model::Int64(value) => out.int64(*value),
        Model::Double(value) => out.double(*value),
        Model::Text(value) => out.text(value),
        Model::Bytes(value) => out.bytes(value),
        Model::Time(value) => out.time(value),
        Model::Held(slot, table) => out.held(HeldId { slot: *slot, table: *table }),
        Model::Array(items) => {
            out.open_array();
            items.iter().for_each(|item| build(out, item));
            out.close()
        }
        Model::Object(members) => {
            out.open_object();
            for (key, member) in members {
                out.key(key);
                build(out, member);
            }
            out.close()
        }
    };
}

fn tree(model: &Model) -> Tree {
    let mut builder = TreeBuilder::new();
    build(&mut builder, model);
    builder.finish().unwrap()
}

/// Reads every value below, by every reader.
fn read(value: Value<'_>) -> Model {
    assert_eq!(value.is_empty(), value.items().count() == 0);
    match value.kind() {
        Kind::Nil => Model::Nil,
        Kind::Boolean => Model::Boolean(value.as_bool().unwrap()),
        Kind::Int => Model::Int(value.as_int().unwrap()),
        Kind::Int64 => Model::Int64(value.as_int64().unwrap()),
        Kind::Double => Model::Double(value.as_double().unwrap()),
        Kind::Text => Model::Text(value.as_text().unwrap().to_owned()),
        Kind::Bytes => Model::Bytes(value.as_bytes().unwrap().to_owned()),
        Kind::Time => Model::Time(value.as_time().unwrap().to_owned()),
        Kind::Held => value.as_held().map(|id| Model::Held(id.slot, id.table)).unwrap(),
        Kind::Array => Model::Array(value.items().map(read).collect()),
        Kind::Object => Model::Object(value.members().map(|(key, member)| (key.to_owned(), read(member))).collect()),
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    use Kind::*;
    proptest::sample::select(vec![Nil, Boolean, Int, Int64, Double, Text, Bytes, Time, Array, Object, Held])
}

/// Parts as a hostile module may send them: small numbers, so that some are trees.
fn parts() -> impl Strategy<Value = Parts> {
    let node = (0..4_u16, kind(), prop_oneof![0..4_u32, any::<u32>()], prop_oneof![0..4_u32, any::<u32>()]);
    let nodes = proptest::collection::vec(node.prop_map(|(key, kind, a, b)| Node { key, kind, a, b }), 0..12);
    let keys = proptest::collection::vec("[ab]{0,2}", 0..3);
    (keys, "[aé]{0,4}", proptest::collection::vec(any::<u8>(), 0..4), nodes).prop_map(|(keys, text, bytes, nodes)| Parts {
        keys,
        text,
        bytes,
        nodes,
    })
}

proptest! {
    #[test]
    fn a_tree_reads_as_it_was_built(model in model()) {
        prop_assert_eq!(read(tree(&model).root()), model);
    }

    #[test]
    fn parts_of_a_tree_are_a_tree(model in model()) {
        let built = tree(&model);
        prop_assert_eq!(Tree::from_parts(built.clone().into_parts()), Ok(built));
    }

    #[test]
    fn parts_are_refused_or_can_be_read_whole(parts in parts()) {
        if let Ok(tree) = Tree::from_parts(parts) {
            // Doubles may be NaN here, which equals nothing: compare what is shown.
            let copy = Tree::copy_of(tree.root());
            prop_assert_eq!(format!("{:?}", read(copy.root())), format!("{:?}", read(tree.root())));
        }
    }

    #[test]
    fn a_copy_of_any_part_reads_the_same(model in model()) {
        let tree = tree(&model);
        prop_assert_eq!(read(Tree::copy_of(tree.root()).root()), model.clone());
        for value in tree.root().items() {
            prop_assert_eq!(read(Tree::copy_of(value).root()), read(value));
        }
    }

    #[test]
    fn members_and_items_are_found(model in model()) {
        let tree = tree(&model);
        let root = tree.root();
        match model {
            Model::Object(members) => {
                for (key, member) in &members {
                    prop_assert_eq!(&read(root.get(key).unwrap()), member);
                }
                prop_assert!(root.get("no such").is_none() && root.item(0).is_none());
            }
            Model::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    prop_assert_eq!(&read(root.item(index).unwrap()), item);
                }
                prop_assert!(root.item(items.len()).is_none() && root.get("a").is_none());
            }
            _ => prop_assert!(root.get("a").is_none() && root.item(0).is_none() && root.is_empty()),
        }
    }

    #[test]
    fn a_tree_survives_its_record(model in model()) {
        let tree = tree(&model);
        let mut bytes = Vec::new();
        ciborium::into_writer(&tree, &mut bytes).unwrap();
        prop_assert_eq!(ciborium::from_reader::<Tree, _>(&bytes[..]).unwrap(), tree);
    }
}

fn nested(depth: usize) -> Result<Tree, TreeError> {
    let mut builder = TreeBuilder::new();
    for _ in 0..depth {
        builder.open_array();
    }
    for _ in 0..depth {
        builder.close();
    }
    builder.finish()
}

#[test]
fn nesting_ends_at_its_limit() {
    assert!(nested(MAX_DEPTH).is_ok());
    assert_eq!(nested(MAX_DEPTH + 1), Err(TreeError::Depth));
}

fn one(kind: Kind, a: u32, b: u32) -> Parts {
    Parts { keys: vec![], text: "é".to_owned(), bytes: vec![1], nodes: vec![Node { key: 0, kind, a, b }] }
}

#[test]
fn a_node_outside_its_pool_is_refused() {
    for parts in
        [one(Kind::Text, 0, 3), one(Kind::Text, 1, 1), one(Kind::Text, u32::MAX, u32::MAX), one(Kind::Time, 2, 1), one(Kind::Bytes, 1, 1)]
    {
        assert_eq!(Tree::from_parts(parts), Err(TreeError::Range(0)));
    }
    assert!(Tree::from_parts(one(Kind::Text, 2, 0)).is_ok());
}

#[test]
fn a_member_without_a_name_is_refused() {
    let mut parts = one(Kind::Object, 1, 0);
    parts.nodes.push(Node { key: 0, kind: Kind::Nil, a: 0, b: 0 });
    assert_eq!(Tree::from_parts(parts.clone()), Err(TreeError::Range(1)));
    parts.keys.push("name".to_owned());
    assert!(Tree::from_parts(parts).is_ok());
}

#[test]
fn missing_and_left_over_children_are_refused() {
    assert_eq!(Tree::from_parts(Parts::default()), Err(TreeError::Shape));
    assert_eq!(Tree::from_parts(one(Kind::Array, 1, 0)), Err(TreeError::Shape));
    let mut two = one(Kind::Nil, 0, 0);
    two.nodes.push(two.nodes[0]);
    assert_eq!(Tree::from_parts(two), Err(TreeError::Shape));
    let mut open = TreeBuilder::new();
    open.open_array().int(1);
    assert!(open.finish().is_ok(), "an array counts its items as they come");
}

#[test]
fn a_name_shared_by_many_members_is_kept_once() {
    let tree = Tree::array(|list| {
        for number in 0..3 {
            list.open_object().int_at("vmId", number).close();
        }
    });
    assert_eq!(tree.parts().keys, ["vmId"]);
}

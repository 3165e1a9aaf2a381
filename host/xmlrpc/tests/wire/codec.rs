//! Properties of the codec: what is written is read back, and nothing that arrives makes it panic. Rung: pure.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use vdsm_core::descriptor::ArgumentPath;
use vdsm_core::held::{ArrayEncoder, Held, HeldTable};
use vdsm_core::tree::{Tree, TreeBuilder};
use vdsm_xmlrpc::{Answer, ArrayWriter, decode_request, decode_response, encode_reply, encode_request};

/// A value of every kind that VDSM's wire carries.
#[derive(Clone, Debug)]
pub(crate) enum Sample {
    Boolean(bool),
    Int(i32),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Time(String),
    Array(Vec<Sample>),
    Object(Vec<(String, Sample)>),
}

impl Sample {
    pub(crate) fn build(&self, out: &mut TreeBuilder) {
        match self {
            Sample::Boolean(value) => _ = out.boolean(*value),
            Sample::Int(value) => _ = out.int(*value),
            Sample::Double(value) => _ = out.double(*value),
            Sample::Text(value) => _ = out.text(value),
            Sample::Bytes(value) => _ = out.bytes(value),
            Sample::Time(value) => _ = out.time(value),
            Sample::Array(items) => {
                out.open_array();
                items.iter().for_each(|item| item.build(out));
                out.close();
            }
            Sample::Object(members) => {
                out.open_object();
                for (key, member) in members {
                    out.key(key);
                    member.build(out);
                }
                out.close();
            }
        }
    }

    fn tree(&self) -> Tree {
        let mut out = TreeBuilder::new();
        self.build(&mut out);
        out.finish().unwrap()
    }
}

/// Text without the characters that are replaced on the way out; line ends and markup included.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,20}",
        "[a<>&\"'\\]\\[!?;#\r\n\t -]{0,20}",
        "[\\PC]{0,8}"
            .prop_map(|text| text.replace(|c: char| matches!(c, '\u{7F}'..='\u{84}' | '\u{86}'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}'), "")),
    ]
}

pub(crate) fn samples() -> impl Strategy<Value = Sample> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Sample::Boolean),
        any::<i32>().prop_map(Sample::Int),
        any::<f64>().prop_filter("equal to itself", |value| !value.is_nan()).prop_map(Sample::Double),
        text().prop_map(Sample::Text),
        vec(any::<u8>(), 0..200).prop_map(Sample::Bytes),
        "[0-9]{8}T[0-9]{2}:[0-9]{2}:[0-9]{2}".prop_map(Sample::Time),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Sample::Array),
            vec((text(), inner), 0..8).prop_map(|mut members| {
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                members.dedup_by(|(one, _), (other, _)| one == other);
                Sample::Object(members)
            }),
        ]
    })
}

fn no_secrets(_: &str) -> Arc<[ArgumentPath]> {
    Arc::from([])
}

fn everywhere(_: &str) -> Arc<[ArgumentPath]> {
    Arc::from([ArgumentPath::parse("*").unwrap()])
}

proptest! {
    #[test]
    fn replies_are_read_back_as_written(sample in samples()) {
        let tree = sample.tree();
        let bytes = Vec::from(encode_reply(&tree, &HeldTable::new()).unwrap());
        prop_assert_eq!(decode_response(&bytes).unwrap(), Answer::Value(tree));
    }

    #[test]
    fn requests_are_read_back_as_written(method in "[a-zA-Z.]{1,20}", arguments in vec(samples(), 0..4)) {
        let tree = Sample::Array(arguments).tree();
        let request = decode_request(&encode_request(&method, &tree).unwrap(), no_secrets).unwrap();
        prop_assert_eq!(request.method, method);
        prop_assert_eq!(request.arguments, tree);
    }

    #[test]
    fn any_text_can_be_sent(text in any::<String>()) {
        let bytes = Vec::from(encode_reply(&Tree::text(text), &HeldTable::new()).unwrap());
        prop_assert!(decode_response(&bytes).is_ok());
    }

    #[test]
    fn fragments_are_what_the_whole_would_be(sample in samples()) {
        let (tree, held) = (sample.tree(), HeldTable::new());
        let whole = Tree::array(|out| _ = out.value(tree.root()));
        let mut array = Box::new(ArrayWriter::new(&whole));
        let item = array.next().unwrap();
        let fragment = held.keep(Held::Encoded(array.finish().unwrap().slice(item)));
        let spliced = Tree::array(|out| _ = out.held(fragment));
        let sent = |tree| Vec::from(encode_reply(tree, &held).unwrap());
        prop_assert_eq!(sent(&spliced), sent(&whole));
    }

    #[test]
    fn a_secret_argument_leaves_nothing_in_the_arena(sample in samples()) {
        let tree = Sample::Array(vec![sample]).tree();
        // Refused is what is binary: a secret is a text.
        let Ok(request) = decode_request(&encode_request("m", &tree).unwrap(), everywhere) else { return Ok(()) };
        prop_assert!(request.arguments.parts().text.is_empty() && request.arguments.parts().bytes.is_empty());
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..400)) {
        let _ = decode_request(&bytes, everywhere);
        let _ = decode_response(&bytes);
    }

    #[test]
    fn arbitrary_markup_does_no_harm(pieces in vec(markup(), 0..60)) {
        let document = pieces.concat();
        let _ = decode_request(document.as_bytes(), everywhere);
        let _ = decode_response(document.as_bytes());
    }

    #[test]
    fn damaged_documents_do_no_harm(sample in samples(), damage in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6)) {
        let mut document = encode_request("m", &Sample::Array(vec![sample]).tree()).unwrap();
        for (place, byte, kind) in damage {
            if document.is_empty() {
                break;
            }
            let at = place.index(document.len());
            match kind {
                0 => document[at] = byte,
                1 => document.truncate(at),
                _ => document.insert(at, byte),
            }
        }
        let _ = decode_request(&document, everywhere);
    }
}

/// Pieces that get further into the grammar than random bytes.
fn markup() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "<methodCall>",
        "</methodCall>",
        "<methodName>m</methodName>",
        "<params>",
        "</params>",
        "<param>",
        "</param>",
        "<value>",
        "</value>",
        "<value/>",
        "<array>",
        "</array>",
        "<data>",
        "</data>",
        "<struct>",
        "</struct>",
        "<member>",
        "</member>",
        "<name>a</name>",
        "<int>1</int>",
        "<string>",
        "</string>",
        "<nil/>",
        "&amp;",
        "&#65;",
        "&#x;",
        "&",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?xml version='1.0'?>",
        "<!DOCTYPE a [",
        "text",
        " ",
        "<methodResponse>",
        "</methodResponse>",
        "<fault>",
        "</fault>",
    ])
}

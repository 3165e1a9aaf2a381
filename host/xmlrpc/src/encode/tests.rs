//! What the encoder writes, refuses and splices. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use vdsm_core::held::Secret;
use vdsm_core::tree::TreeBuilder;

use super::*;

fn value(tree: &Tree, held: &HeldTable) -> Result<String, EncodeError> {
    let reply = encode_reply(tree, held).map(|reply| String::from_utf8(reply.into()).unwrap())?;
    let inner = reply.strip_prefix("<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n");
    Ok(inner.and_then(|inner| inner.strip_suffix("</param>\n</params>\n</methodResponse>\n")).unwrap().to_owned())
}

fn object(fill: impl FnOnce(&mut TreeBuilder)) -> Tree {
    Tree::object(fill)
}

#[test]
fn a_reply_is_written_as_pythons_library_writes_it() {
    let reply = object(|out| {
        out.object_at("status", |out| {
            out.int_at("code", 0).text_at("message", "Done");
        });
        out.array_at("list", |out| {
            out.boolean(true).double(0.5).text("a<b").bytes(b"hi").time("20131124T08:00:00");
        });
        out.array_at("empty", |_| {}).object_at("none", |_| {});
    });
    let expected = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><struct>\n\
        <member>\n<name>status</name>\n<value><struct>\n\
        <member>\n<name>code</name>\n<value><int>0</int></value>\n</member>\n\
        <member>\n<name>message</name>\n<value><string>Done</string></value>\n</member>\n</struct></value>\n</member>\n\
        <member>\n<name>list</name>\n<value><array><data>\n<value><boolean>1</boolean></value>\n<value><double>0.5</double></value>\n\
        <value><string>a&lt;b</string></value>\n<value><base64>\naGk=\n</base64></value>\n\
        <value><dateTime.iso8601>20131124T08:00:00</dateTime.iso8601></value>\n</data></array></value>\n</member>\n\
        <member>\n<name>empty</name>\n<value><array><data>\n</data></array></value>\n</member>\n\
        <member>\n<name>none</name>\n<value><struct>\n</struct></value>\n</member>\n</struct></value>\n\
        </param>\n</params>\n</methodResponse>\n";
    assert_eq!(String::from_utf8(encode_reply(&reply, &HeldTable::new()).unwrap().into()).unwrap(), expected);
}

#[test]
fn what_vdsm_cannot_send_is_refused_with_its_place_and_vdsms_fault() {
    let held = HeldTable::new();
    let bad = |fill: fn(&mut TreeBuilder)| {
        object(|out| {
            out.array_at("list", |out| {
                out.int(1);
                fill(out);
            });
        })
    };
    let error = encode_reply(&bad(|out| _ = out.nil()), &held).unwrap_err();
    assert_eq!(error.path, ["list", "1"]);
    assert_eq!(error.fault().text, "<type 'exceptions.TypeError'>:cannot marshal None unless allow_none is enabled: list.1");
    let error = encode_reply(&bad(|out| _ = out.int64(5)), &held).unwrap_err();
    assert_eq!(error.fault().text, "<type 'exceptions.OverflowError'>:long int exceeds XML-RPC limits: list.1");
    assert_eq!(encode_request("m", &Tree::int(1)).unwrap_err().reason, EncodeReason::Arguments);
}

#[test]
fn held_values_are_spliced_encoded_or_refused() {
    let held = HeldTable::new();
    let fragment = held.keep(Held::Encoded(Bytes::from_static(b"<value>verbatim</value>")));
    let inner = held.keep(Held::Tree(Arc::new(Tree::text("conf"))));
    let nested = Tree::array(|out| _ = out.held(inner));
    let tree = held.keep(Held::Tree(Arc::new(nested)));
    let reply = Tree::array(|out| _ = out.held(fragment).held(tree));
    assert_eq!(
        value(&reply, &held).unwrap(),
        "<value><array><data>\n<value>verbatim</value><value><array><data>\n<value><string>conf</string></value>\n\
         </data></array></value>\n</data></array></value>\n"
    );
    let secret = held.keep(Held::Secret(Arc::new(Secret::new("hunter2".into()))));
    let leak = Tree::array(|out| _ = out.held(secret));
    let error = encode_reply(&leak, &held).unwrap_err();
    assert_eq!(error.reason, EncodeReason::Secret);
    assert!(!error.fault().text.contains("hunter2"));
    assert_eq!(value(&reply, &HeldTable::new()).unwrap_err().reason, EncodeReason::Unheld);
}

#[test]
fn held_values_that_hold_each_other_end() {
    let held = HeldTable::new();
    // The name of the next slot is known before it is filled.
    let first = held.keep(Held::Tree(Arc::new(Tree::nil())));
    let own = HeldId { slot: first.slot + 1, ..first };
    let looped = Tree::array(|out| _ = out.held(own));
    assert_eq!(held.keep(Held::Tree(Arc::new(looped.clone()))), own);
    assert_eq!(value(&looped, &held).unwrap_err().reason, EncodeReason::Depth);
    let wide = Tree::array(|out| {
        let next = HeldId { slot: own.slot + 1, ..own };
        for _ in 0..100 {
            out.held(next);
        }
    });
    held.keep(Held::Tree(Arc::new(wide.clone())));
    assert!(matches!(value(&wide, &held).unwrap_err().reason, EncodeReason::Depth | EncodeReason::Size));
}

#[test]
fn foreign_text_cannot_break_a_reply() {
    let held = HeldTable::new();
    let tree = object(|out| _ = out.text_at("a\u{0}<", "\u{1B}[0m\u{9F}\u{FFFE}ok"));
    assert_eq!(
        value(&tree, &held).unwrap(),
        "<value><struct>\n<member>\n<name>a\u{FFFD}&lt;</name>\n<value><string>\u{FFFD}[0m\u{FFFD}\u{FFFD}ok</string></value>\n</member>\n</struct></value>\n"
    );
}

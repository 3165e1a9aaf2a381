//! What the decoder takes, what it refuses, and where secrets go. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use vdsm_core::held::Held;
use vdsm_core::tree::{Kind, MAX_DEPTH};

use super::*;

fn none(_: &str) -> Arc<[ArgumentPath]> {
    Arc::from([])
}

fn call(arguments: &str) -> String {
    format!("<?xml version=\"1.0\"?><methodCall><methodName>m</methodName><params>{arguments}</params></methodCall>")
}

fn decode(document: &str) -> Result<Request, DecodeError> {
    decode_request(document.as_bytes(), none)
}

/// The one argument `<value>` written as `value`.
fn argument(value: &str) -> Result<Tree, DecodeError> {
    let request = decode(&call(&format!("<param><value>{value}</value></param>")))?;
    Ok(Tree::copy_of(request.arguments.root().item(0).unwrap()))
}

fn refusal(value: &str) -> Reason {
    argument(value).expect_err(value).reason
}

#[test]
fn every_type_arrives_as_itself() {
    for tag in ["int", "i4", "i8", "ex:i8"] {
        assert_eq!(argument(&format!("<{tag}> -7 </{tag}>")).unwrap().root().as_int(), Some(-7), "{tag}");
    }
    assert_eq!(argument("<i8>4294967296</i8>").unwrap().root().as_int64(), Some(1 << 32));
    assert_eq!(argument("<boolean>1</boolean>").unwrap().root().as_bool(), Some(true));
    assert_eq!(argument("<double>1e-3</double>").unwrap().root().as_double(), Some(0.001));
    assert_eq!(argument("<string> a\r\nb </string>").unwrap().root().as_text(), Some(" a\nb "));
    assert_eq!(argument("<dateTime.iso8601>19980717T14:08:55</dateTime.iso8601>").unwrap().root().as_time(), Some("19980717T14:08:55"));
    assert_eq!(argument("<base64>\naGVs\nbG8=\n</base64>").unwrap().root().as_bytes(), Some(&b"hello"[..]));
    assert_eq!(argument("<base64>aGVsbG8</base64>").unwrap().root().as_bytes(), Some(&b"hello"[..]));
    assert_eq!(argument("<nil/>").unwrap().root().kind(), Kind::Nil);
    assert_eq!(argument("<array><data><value>1</value><value/></data></array>").unwrap().root().len(), 2);
    assert!(argument("<array/>").unwrap().root().is_empty());
    let object = argument("<struct><member><name>a</name><value><int>1</int></value></member></struct>").unwrap();
    assert_eq!(object.root().get("a").unwrap().as_int(), Some(1));
}

#[test]
fn text_needs_no_tag_and_keeps_its_blanks() {
    for (written, text) in [
        ("", ""),
        ("<string/>", ""),
        ("  two words ", "  two words "),
        ("a&lt;b&amp;&#x41;&quot;&apos;&gt;", "a<b&A\"'>"),
        ("<![CDATA[a<b]]>&#10;<!-- no --><?no no?>c", "a<b\nc"),
    ] {
        assert_eq!(argument(written).unwrap().root().as_text(), Some(text), "{written}");
    }
}

#[test]
fn calls_without_arguments_take_both_forms() {
    for document in [
        "<methodCall><methodName> ping </methodName></methodCall>",
        "\u{FEFF}<?xml version='1.0' encoding='UTF-8'?>\n<methodCall><methodName>ping</methodName><params/>\n</methodCall>\n",
    ] {
        let request = decode(document).unwrap();
        assert_eq!(request.method, "ping");
        assert!(request.arguments.root().is_empty() && request.arguments.root().kind() == Kind::Array);
    }
}

#[test]
fn what_would_change_a_meaning_is_refused() {
    let member = "<member><name>a</name><value/></member>";
    assert_eq!(refusal(&format!("<struct>{member}{member}</struct>")), Reason::Duplicate);
    assert_eq!(refusal("text<int>1</int>"), Reason::Unexpected("no text beside a type"));
    assert_eq!(refusal("<int>1</int>text"), Reason::Unexpected("an element, not text"));
    assert_eq!(refusal("<int>1</int><int>2</int>"), Reason::Unexpected("the end of the element"));
    assert_eq!(refusal("<string>a<b/></string>"), Reason::Unexpected("text, not an element"));
    assert_eq!(refusal("<unheard/>"), Reason::Unexpected("a type"));
    assert_eq!(refusal("<struct><member><value/><name>a</name></member></struct>"), Reason::Unexpected("name"));
    for late in ["<methodName>other</methodName>", "<params/>"] {
        let document = format!("<methodCall><methodName>m</methodName><params/>{late}</methodCall>");
        assert_eq!(decode(&document).unwrap_err().reason, Reason::Unexpected("the end of the element"));
    }
    assert_eq!(
        decode("<methodCall><params/><methodName>m</methodName></methodCall>").unwrap_err().reason,
        Reason::Unexpected("methodName")
    );
    assert_eq!(decode("<methodCall><methodName> </methodName></methodCall>").unwrap_err().reason, Reason::Unexpected("a method name"));
    assert_eq!(decode(&(call("") + "<methodCall/>")).unwrap_err().reason, Reason::Unexpected("the end of the document"));
}

#[test]
fn values_that_do_not_fit_their_type_are_refused() {
    for (value, kind) in [
        ("<int>1.0</int>", "int"),
        ("<int/>", "int"),
        ("<i8>9223372036854775808</i8>", "int"),
        ("<boolean>true</boolean>", "boolean"),
        ("<double>one</double>", "double"),
        ("<dateTime.iso8601>yesterday</dateTime.iso8601>", "dateTime.iso8601"),
        ("<base64>!</base64>", "base64"),
        ("<nil>1</nil>", "nil"),
    ] {
        assert_eq!(refusal(value), Reason::BadValue(kind));
    }
}

#[test]
fn xml_beyond_need_is_refused() {
    assert_eq!(decode("<!DOCTYPE methodCall><methodCall/>").unwrap_err().reason, Reason::DocType);
    assert_eq!(refusal("&nbsp;"), Reason::Entity);
    assert_eq!(refusal("&#0;"), Reason::Character);
    assert_eq!(refusal("\u{1}"), Reason::Character);
    assert_eq!(refusal("\u{FFFE}"), Reason::Character);
    assert_eq!(decode_request(b"<methodCall>\xFF", none).unwrap_err().reason, Reason::NotUtf8);
    assert_eq!(decode("<?xml version='1.0' encoding='iso-8859-1'?><methodCall/>").unwrap_err().reason, Reason::NotUtf8);
    for broken in ["<int>1</i4>", "a & b", "<int", "</value></param></params></methodCall>"] {
        assert!(argument(broken).is_err(), "{broken}");
    }
    for short in ["", "<methodCall>", "<methodCall><methodName>m", "plain text"] {
        assert!(decode(short).is_err(), "{short}");
    }
}

#[test]
fn errors_say_where_and_become_the_faults_of_vdsm() {
    let error = decode("<methodCall>\n <methodName>é</methodName>\n<é/></methodCall>").unwrap_err();
    assert_eq!((error.line, error.column), (3, 0));
    assert_eq!(error.fault().text, "<class 'xmlrpclib.ResponseError'>:expected params: line 3, column 0");
    let broken = decode("<methodCall><methodName>é&</methodName></methodCall>").unwrap_err();
    assert_eq!(
        broken.fault().text,
        "<class 'xml.parsers.expat.ExpatError'>:not well-formed: mismatched tag or open reference: line 1, column 25"
    );
    assert_eq!(broken.fault().code, 1);
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "<array><data><value>".repeat(depth), "</value></data></array>".repeat(depth));
    // The array of arguments is the first level.
    assert!(argument(&nested(MAX_DEPTH - 1)).is_ok());
    assert_eq!(refusal(&nested(MAX_DEPTH)), Reason::TooDeep);
    assert_eq!(refusal(&nested(100_000)), Reason::TooDeep);
    // Around the values stand the array of arguments and the array itself.
    let many = |count: usize| format!("<array><data>{}</data></array>", "<value/>".repeat(count));
    assert_eq!(argument(&many(MAX_VALUES - 2)).unwrap().root().len(), MAX_VALUES - 2);
    assert_eq!(refusal(&many(MAX_VALUES - 1)), Reason::TooManyValues);
    assert_eq!(decode_request(&vec![b' '; MAX_BODY + 1], none).unwrap_err().reason, Reason::TooLarge);
}

#[test]
fn more_names_than_an_arena_has_are_refused() {
    let members: String = (0..70_000).map(|number| format!("<member><name>{number}</name><value/></member>")).collect();
    assert!(matches!(refusal(&format!("<struct>{members}</struct>")), Reason::Tree(_)));
}

fn with_secrets(paths: &[&str], arguments: &str) -> Request {
    let paths: Arc<[ArgumentPath]> = paths.iter().map(|path| ArgumentPath::parse(path).unwrap()).collect();
    decode_request(call(arguments).as_bytes(), |method| if method == "m" { paths } else { panic!("asked for {method}") }).unwrap()
}

fn revealed(request: &Request, value: Value<'_>) -> String {
    match request.held.get(value.as_held().expect("held")).unwrap() {
        Held::Secret(secret) => secret.reveal().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn secrets_never_touch_the_arena() {
    let connection = |password: &str| {
        format!(
            "<value><struct><member><name>user</name><value>u</value></member>\
             <member><name>password</name><value>{password}</value></member></struct></value>"
        )
    };
    let arguments = format!(
        "<param><value>hunter1</value></param><param><value><array><data>{}{}{}{}</data></array></value></param>",
        connection("hunter2"),
        connection("<string>hunter&amp;3</string>"),
        connection("<int> 44444 </int>"),
        connection("<base64>aHVudGVyNQ==</base64>"),
    );
    let request = with_secrets(&["0", "1.*.password"], &arguments);
    let root = request.arguments.root();
    assert_eq!(revealed(&request, root.item(0).unwrap()), "hunter1");
    let list = root.item(1).unwrap();
    for (index, secret) in ["hunter2", "hunter&3", "44444", "hunter5"].iter().enumerate() {
        let entry = list.item(index).unwrap();
        assert_eq!(revealed(&request, entry.get("password").unwrap()), *secret);
        assert_eq!(entry.get("user").unwrap().as_text(), Some("u"));
    }
    let printed = format!("{request:?}");
    assert!(!printed.contains("hunter") && !printed.contains("44444") && printed.contains("***"), "{printed}");
}

#[test]
fn what_lies_below_a_secret_path_is_secret_too_and_nothing_beside_it() {
    let arguments = "<param><value><struct><member><name>a</name><value><array><data><value>s</value></data></array></value></member>\
                     <member><name>b</name><value>open</value></member><member><name>0</name><value>named</value></member></struct></value></param>";
    let request = with_secrets(&["0.a", "0.0"], arguments);
    let first = request.arguments.root().item(0).unwrap();
    assert_eq!(revealed(&request, first.get("a").unwrap().item(0).unwrap()), "s");
    assert_eq!(first.get("b").unwrap().as_text(), Some("open"));
    assert_eq!(revealed(&request, first.get("0").unwrap()), "named");
}

#[test]
fn the_decoder_marks_exactly_what_the_path_finds() {
    let arguments = "<param><value><struct><member><name>x</name><value><array><data><value>1</value><value>2</value></data></array></value></member>\
                     <member><name>y</name><value>3</value></member></struct></value></param><param><value>4</value></param>";
    let open = with_secrets(&[], arguments);
    for path in ["0.x.1", "0.x.*", "0.*", "*", "1", "0.y", "0.z", "2", "0.x.0.deeper"] {
        let parsed = ArgumentPath::parse(path).unwrap();
        let expected: usize = parsed.find(open.arguments.root()).into_iter().map(|value| leaves(value, Kind::Text)).sum();
        let masked = with_secrets(&[path], arguments);
        assert_eq!(leaves(masked.arguments.root(), Kind::Held), expected, "{path}");
    }
}

fn leaves(value: Value<'_>, kind: Kind) -> usize {
    usize::from(value.kind() == kind) + value.items().map(|item| leaves(item, kind)).sum::<usize>()
}

#[test]
fn errors_do_not_quote_the_document() {
    for value in ["<int>hunter2</int>", "pass<hunter2>", "pass&hunter2;", "<hunter2/>", "<string>a</hunter2>", "hunter2<int>"] {
        let error = argument(value).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn responses_are_values_or_faults() {
    let value = decode_response(b"<methodResponse><params><param><value><int>1</int></value></param></params></methodResponse>").unwrap();
    assert_eq!(value, Answer::Value(Tree::int(1)));
    let fault = Fault { code: 1, text: "a<b".into() };
    assert_eq!(decode_response(&crate::encode::encode_fault(&fault)).unwrap(), Answer::Fault(fault));
    for odd in [
        "<methodResponse/>",
        "<methodResponse><params/></methodResponse>",
        "<methodResponse><fault><value>x</value></fault></methodResponse>",
        "<html/>",
    ] {
        assert!(decode_response(odd.as_bytes()).is_err(), "{odd}");
    }
}

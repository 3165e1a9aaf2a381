//! What no edit touches stays byte for byte; what an edit did is there when the text is read again; no text makes the reader fail
//! otherwise than with an error. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;

use super::*;

const DOMAIN: &str = r#"<?xml version='1.0' encoding='utf-8'?>
<!-- made by hand -->
<domain type='kvm'  id="3" >
  <name>a &amp; b<![CDATA[ <c> ]]>&#100;</name>
  <devices>
    <disk type="file" device='disk'><source file="/a'b&quot;c"/></disk>
    <!-- between -->
    <disk type="block" device="cdrom" />
    <emulator/>
  </devices>
  <os/>
</domain>
<!-- end -->
"#;

fn domain() -> Document {
    Document::parse(DOMAIN).unwrap()
}

/// The document with one stretch of its text replaced: what every edit below must come to.
fn with(old: &str, new: &str) -> String {
    assert_eq!(DOMAIN.matches(old).count(), 1, "{old}");
    DOMAIN.replace(old, new)
}

#[test]
fn reading_gives_what_the_document_says() {
    let document = domain();
    assert_eq!(document.name(document.root()), "domain");
    let name = document.find("domain/name").unwrap();
    assert_eq!(document.text(name), "a & b <c> d");
    let disks = document.find_all("domain/devices/disk");
    assert_eq!(disks.len(), 2);
    assert_eq!(document.attribute(disks[1], "device").as_deref(), Some("cdrom"));
    let source = document.find_all_in(disks[0], "source")[0];
    assert_eq!(document.attribute(source, "file").as_deref(), Some("/a'b\"c"));
    assert_eq!(document.parent(source), Some(disks[0]));
    assert_eq!(
        (document.find("devices/disk"), document.find("domain/devices/nic"), document.find("domain")),
        (None, None, Some(document.root()))
    );
    assert_eq!(document.children(document.root()).map(|child| document.name(child)).collect::<Vec<_>>(), ["name", "devices", "os"]);
}

#[test]
fn attributes_are_spliced() {
    let edit = |change: &dyn Fn(&mut Document)| {
        let mut document = domain();
        change(&mut document);
        document.to_string()
    };
    let disk = |document: &Document, at: usize| document.find_all("domain/devices/disk")[at];
    assert_eq!(edit(&|d| d.set_attribute(d.root(), "type", "a'b\n<").unwrap()), with("type='kvm'", "type='a&apos;b&#10;&lt;'"));
    assert_eq!(edit(&|d| d.set_attribute(d.root(), "new", "x\"").unwrap()), with("id=\"3\"", "id=\"3\" new='x\"'"));
    assert_eq!(edit(&|d| d.set_attribute(disk(d, 1), "type", "file").unwrap()), with("<disk type=\"block\"", "<disk type=\"file\""));
    assert_eq!(edit(&|d| d.set_attribute(d.find("domain/os").unwrap(), "a", "b").unwrap()), with("<os/>", "<os a=\"b\"/>"));
    assert_eq!(edit(&|d| assert!(d.remove_attribute(d.root(), "id").unwrap())), with("  id=\"3\"", ""));
    assert_eq!(edit(&|d| assert!(!d.remove_attribute(d.root(), "none").unwrap())), DOMAIN);
}

#[test]
fn elements_are_spliced() {
    let mut document = domain();
    let devices = document.find("domain/devices").unwrap();
    let rng = document.append(devices, &element("rng").attribute("model", "a\"b").child(element("rate").text("<1>"))).unwrap();
    let expected = "<emulator/>\n    <rng model=\"a&quot;b\">\n      <rate>&lt;1&gt;</rate>\n    </rng>";
    assert_eq!(document.to_string(), with("<emulator/>", expected));
    assert_eq!(document.find("domain/devices/rng"), Some(rng));
    document.remove(rng).unwrap();
    assert_eq!(document.to_string(), DOMAIN);
    assert!(!document.is_edited());
    assert!(matches!(document.remove(rng), Err(XmlError::NoPlace)));
    assert!(matches!(document.remove(document.root()), Err(XmlError::NoPlace)));

    let emulator = document.find("domain/devices/emulator").unwrap();
    document.insert_before(emulator, &element("a")).unwrap();
    assert_eq!(document.to_string(), with("<emulator/>", "<a/>\n    <emulator/>"));
    let mut document = domain();
    let os = document.find("domain/os").unwrap();
    document.append(os, &element("smbios").attribute("mode", "sysinfo")).unwrap();
    document.append(os, &element("boot")).unwrap();
    assert_eq!(document.to_string(), with("<os/>", "<os><smbios mode=\"sysinfo\"/><boot/></os>"));
}

#[test]
fn text_replaces_the_content() {
    let mut document = domain();
    let name = document.find("domain/name").unwrap();
    document.set_text(name, "a & b <c> d").unwrap();
    assert!(!document.is_edited());
    document.set_text(name, "x < y").unwrap();
    assert_eq!(document.to_string(), with("a &amp; b<![CDATA[ <c> ]]>&#100;", "x &lt; y"));
    let disk = document.find("domain/devices/disk").unwrap();
    let source = document.child(disk, "source").unwrap();
    document.set_text(disk, "").unwrap();
    assert_eq!((document.child(disk, "source"), document.parent(source)), (None, None));
}

#[test]
fn a_namespace_is_declared_once() {
    let uri = "http://libvirt.org/schemas/domain/qemu/1.0";
    let mut document = domain();
    assert_eq!(document.declare_namespace("qemu", uri).unwrap(), "qemu");
    let once = document.to_string();
    assert_eq!(once, with("id=\"3\"", &format!("id=\"3\" xmlns:qemu='{uri}'")));
    assert_eq!(document.declare_namespace("q", uri).unwrap(), "qemu");
    assert_eq!(document.to_string(), once);
    assert!(matches!(document.declare_namespace("qemu", "other"), Err(XmlError::Prefix { .. })));
}

#[test]
fn an_edit_that_cannot_be_written_is_refused_and_changes_nothing() {
    let mut document = domain();
    let root = document.root();
    assert!(matches!(document.set_attribute(root, "a b", "x"), Err(XmlError::Name(_))));
    assert!(matches!(document.set_attribute(root, "a", "\u{1}"), Err(XmlError::Character('\u{1}'))));
    assert!(matches!(document.append(root, &element("<")), Err(XmlError::Name(_))));
    assert!(matches!(document.append(root, &element("a").text("\u{0}")), Err(XmlError::Character(_))));
    assert!(document.append(root, &element("a").attribute("b", "1").attribute("b", "2")).is_err());
    let deep = (0..MAX_DEPTH).fold(element("a"), |inner, _| element("a").child(inner));
    assert!(matches!(document.append(root, &deep), Err(XmlError::Depth)));
    assert_eq!(document.to_string(), DOMAIN);
    assert!(!document.is_edited());
}

#[test]
fn what_is_no_document_is_refused() {
    for bad in [
        "",
        " ",
        "x",
        "<a>",
        "</a>",
        "<a></b>",
        "<a/><b/>",
        "x<a/>",
        "<a/>&amp;",
        "<a b/>",
        "<a b=c/>",
        "<a b='1' b='2'/>",
        "<a b='1'c='2'/>",
        "<1/>",
        "<a b='<'/>",
    ] {
        assert!(Document::parse(bad).is_err(), "{bad:?}");
    }
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(Document::parse(&nested(MAX_DEPTH)).is_ok());
    assert!(matches!(Document::parse(&nested(MAX_DEPTH + 1)), Err(XmlError::Depth)));
    assert!(Document::parse(&nested(100_000)).is_err());
    assert_eq!(Document::parse("\u{feff}<a/>").unwrap().to_string(), "\u{feff}<a/>");
    let inside = Document::parse("<a>\u{feff}b&amp;<!--c--></a>").unwrap();
    assert_eq!(inside.text(inside.root()), "\u{feff}b&");
}

/// Well-formed elements with all that documents hold.
fn elements() -> impl Strategy<Value = String> {
    let attributes = "( [a-c]=\"[^<&\"]{0,4}\")?( [d-f]='[^<&']{0,4}')?[ \n]?";
    let leaf = prop_oneof![
        attributes.prop_map(|attributes| format!("<e{attributes}/>")),
        "<!-- [a-z ]{0,5}-->",
        "<!\\[CDATA\\[[a-z<&]{0,5}\\]\\]>",
        "[a-z \n]{0,5}(&amp;|&#65;|&unknown;)?",
    ];
    leaf.prop_recursive(4, 30, 5, move |inner| {
        (attributes, proptest::collection::vec(inner, 0..5))
            .prop_map(|(attributes, content)| format!("<n{attributes}>{}</n >", content.concat()))
    })
}

fn documents() -> impl Strategy<Value = String> {
    (proptest::collection::vec(elements(), 0..5))
        .prop_map(|content| format!("<?xml version=\"1.0\"?>\n<r x='1'>{}</r>\n<!-- e -->", content.concat()))
}

fn path_to(document: &Document, element: Element) -> String {
    let mut names: Vec<&str> =
        std::iter::successors(Some(element), |element| document.parent(*element)).map(|e| document.name(e)).collect();
    names.reverse();
    names.join("/")
}

proptest! {
    #[test]
    fn without_an_edit_every_byte_stays(text in documents()) {
        let document = Document::parse(&text).unwrap();
        prop_assert!(!document.is_edited());
        prop_assert_eq!(document.to_string(), text);
    }

    #[test]
    fn an_edit_is_there_when_read_again(text in documents(), pick in any::<proptest::sample::Index>(), value in "[ -~\n\t\ré]{0,8}") {
        let mut document = Document::parse(&text).unwrap();
        let mut all = vec![document.root()];
        let mut next = 0;
        while let Some(element) = all.get(next).copied() {
            all.extend(document.children(element));
            next += 1;
        }
        let target = *pick.get(&all);
        document.set_attribute(target, "a", &value).unwrap();
        document.append(target, &element("added").attribute("v", value.as_str()).text(value.as_str())).unwrap();
        let again = Document::parse(&document.to_string()).unwrap();
        let path = format!("{}/added", path_to(&document, target));
        let added = again.find(&path).unwrap();
        prop_assert_eq!(again.attribute(added, "v").unwrap(), value.as_str());
        prop_assert_eq!(again.text(added), value.as_str());
        prop_assert_eq!(again.attribute(again.parent(added).unwrap(), "a").unwrap(), value.as_str());
        let added = document.find(&path).unwrap();
        document.remove(added).unwrap();
        prop_assert!(Document::parse(&document.to_string()).unwrap().find(&path).is_none());
    }

    #[test]
    fn any_text_is_a_document_or_an_error(
        text in documents(),
        at in any::<proptest::sample::Index>(),
        noise in "[<>&;'\"/!?\\[\\]a= -]{0,6}",
    ) {
        let at = (0..=at.index(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let (before, after) = text.split_at(at);
        if let Ok(document) = Document::parse(&format!("{before}{noise}{after}")) {
            prop_assert_eq!(document.to_string(), format!("{before}{noise}{after}"));
            for child in document.children(document.root()) {
                let _ = (document.text(child), document.attribute(child, "a"));
            }
        }
    }
}

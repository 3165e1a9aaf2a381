//! Rung: pure.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;

const DOMAIN: &str = "<domain type='qemu'><name>a</name><os><type>hvm</type></os></domain>";

fn scope(part: &str) -> Vec<String> {
    vec![part.to_owned()]
}

#[test]
fn an_edit_in_scope_is_allowed() {
    let after =
        "<domain type=\"qemu\">\n <name>a</name>\n <os><type>hvm</type></os>\n <sysinfo type='smbios'><entry>x</entry></sysinfo></domain>";
    assert_eq!(check(DOMAIN, after, &scope("domain/sysinfo")), Ok(()));
}

#[test]
fn anything_else_is_found() {
    let renamed = DOMAIN.replace("<name>a", "<name>b");
    assert_eq!(check(DOMAIN, &renamed, &scope("domain/sysinfo")), Err(EditError::Outside("domain/name".into())));
    let attribute = DOMAIN.replace("'qemu'", "'kvm'");
    assert_eq!(check(DOMAIN, &attribute, &scope("domain/os")), Err(EditError::Outside("domain".into())));
    let removed = DOMAIN.replace("<name>a</name>", "");
    assert!(check(DOMAIN, &removed, &scope("domain/os")).is_err());
    let beside = DOMAIN.replace("</domain>", "<sysinfoX/></domain>");
    assert_eq!(check(DOMAIN, &beside, &scope("domain/sysinfo")), Err(EditError::Outside("domain/sysinfoX".into())));
}

#[test]
fn a_text_that_looks_like_an_element_is_none() {
    let twice = DOMAIN.replace("<name>a</name>", "<features/><features/>");
    for text in ["&lt;features&gt;", "&lt;", "<"] {
        let once = twice.replace("<features/><features/>", &format!("<features><![CDATA[{text}]]></features>"));
        assert!(check(&twice, &once, &scope("domain/os")).is_err(), "{text}");
    }
    // Where a value ends is told apart from what is in it.
    let two = DOMAIN.replace("<name>a</name>", "<a x='1' y='2'/>");
    assert!(check(&two, &two.replace("x='1' y='2'", "x='1 y=1:2'"), &scope("domain/os")).is_err());
}

#[test]
fn a_namespace_of_the_scope_may_be_declared() {
    let after = DOMAIN
        .replace("<domain type", "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' type")
        .replace("</domain>", "<qemu:commandline><qemu:arg value='-s'/></qemu:commandline></domain>");
    assert_eq!(check(DOMAIN, &after, &scope("domain/qemu:commandline")), Ok(()));
    assert!(check(DOMAIN, &after, &scope("domain/sysinfo")).is_err());
}

#[test]
fn what_is_no_document_is_refused() {
    for text in ["", "<domain>", "<a/><b/>", "<domain></os></domain>", "<!DOCTYPE x><domain/>", "text"] {
        assert!(matches!(check(DOMAIN, text, &scope("domain")), Err(EditError::Malformed(_))), "{text}");
    }
}

#[test]
fn whitespace_inside_a_value_is_part_of_it() {
    let padded = DOMAIN.replace("<name>a", "<name> a ");
    assert_eq!(check(DOMAIN, &padded, &scope("domain/sysinfo")), Err(EditError::Outside("domain/name".into())));
}

#[test]
fn the_way_a_text_is_written_means_nothing() {
    let plain = DOMAIN.replace("<name>a", "<name>a &lt; b");
    for same in ["<name>a &#60; b", "<name><![CDATA[a < b]]>", "<name>a <!-- so --><![CDATA[<]]> b"] {
        assert_eq!(check(&plain, &DOMAIN.replace("<name>a", same), &[]), Ok(()), "{same}");
    }
    assert!(check(&plain, &DOMAIN.replace("<name>a", "<name>a &amp;lt; b"), &[]).is_err());
}

/// In UTF-7, `+ADw-` is `<`: what is an entry's text here would be elements to a reader that follows the declaration.
#[test]
fn another_encoding_is_refused() {
    let hidden = DOMAIN.replace("</domain>", "<sysinfo>+ADw-/sysinfo+AD4-</sysinfo></domain>");
    let declared = |encoding: &str| format!("<?xml version='1.0' encoding='{encoding}'?>{hidden}");
    assert!(matches!(check(DOMAIN, &declared("UTF-7"), &scope("domain/sysinfo")), Err(EditError::Malformed(_))));
    assert_eq!(check(DOMAIN, &declared("utf-8"), &scope("domain/sysinfo")), Ok(()));
}

#[test]
fn nesting_has_an_end() {
    let deep = format!("<domain>{}{}</domain>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert!(matches!(check(DOMAIN, &deep, &scope("domain")), Err(EditError::Malformed(_))));
    let long = format!("<domain><{0}/></domain>", "a".repeat(100_000));
    assert!(matches!(check(DOMAIN, &long, &scope("domain")), Err(EditError::Malformed(_))));
}

/// A small element: name, attribute values, text, children. Text stands before the children, as in libvirt's documents.
#[derive(Clone, Debug)]
struct Small {
    name: usize,
    attributes: Vec<String>,
    text: String,
    children: Vec<Small>,
}

const NAMES: [&str; 5] = ["name", "os", "devices", "disk", "qemu:arg"];

impl Small {
    fn write(&self, out: &mut String, space: &str) {
        let name = NAMES[self.name];
        out.push_str(&format!("<{name}"));
        for (index, value) in self.attributes.iter().enumerate() {
            out.push_str(&format!(" a{index}='{}'", quick_xml::escape::escape(value.as_str())));
        }
        out.push_str(&format!(">{}", quick_xml::escape::escape(self.text.as_str())));
        for child in &self.children {
            // Beside text, space is text.
            out.push_str(if self.text.is_empty() { space } else { "" });
            child.write(out, space);
        }
        out.push_str(&format!("</{name}>"));
    }

    fn count(&self) -> usize {
        1 + self.children.iter().map(Small::count).sum::<usize>()
    }

    /// Changes element number `at` (depth first) in one of five ways.
    fn change(&mut self, at: &mut usize, way: usize) -> bool {
        if *at > 0 {
            *at -= 1;
            return self.children.iter_mut().any(|child| child.change(at, way));
        }
        match way {
            0 => self.name = (self.name + 1) % NAMES.len(),
            1 => self.text.push('x'),
            2 => self.attributes.push("new".into()),
            3 => self.children.push(Small { name: 0, attributes: Vec::new(), text: String::new(), children: Vec::new() }),
            _ => match self.attributes.first_mut() {
                Some(first) => first.push('y'),
                None => self.text.insert(0, 'z'),
            },
        }
        true
    }
}

fn small() -> impl Strategy<Value = Small> {
    let leaf = (0..NAMES.len(), proptest::collection::vec("[a-z<&' ]{0,4}", 0..3), "[a-z&<\\]]{0,5}")
        .prop_map(|(name, attributes, text)| Small { name, attributes, text, children: Vec::new() });
    leaf.prop_recursive(4, 24, 4, |inner| {
        (0..NAMES.len(), proptest::collection::vec("[a-z]{0,3}", 0..2), "[a-z]{0,3}", proptest::collection::vec(inner, 0..4))
            .prop_map(|(name, attributes, text, children)| Small { name, attributes, text, children })
    })
}

fn document(parts: &[Small], space: &str) -> String {
    let mut text = String::from("<domain type='kvm'>");
    for part in parts {
        part.write(&mut text, space);
    }
    text + "</domain>"
}

proptest! {
    #[test]
    fn a_document_equals_itself_however_it_is_laid_out(parts in proptest::collection::vec(small(), 0..4)) {
        prop_assert_eq!(check(&document(&parts, ""), &document(&parts, ""), &[]), Ok(()));
        prop_assert_eq!(check(&document(&parts, ""), &document(&parts, "\n  "), &[]), Ok(()));
    }

    #[test]
    fn a_change_outside_the_scope_is_found_whatever_was_changed_inside(
        parts in proptest::collection::vec(small(), 1..4), which: prop::sample::Index, at: prop::sample::Index, way in 0..5_usize, inside in small(),
    ) {
        let before = document(&parts, "");
        let mut changed = parts.clone();
        let chosen = which.index(changed.len());
        let mut place = at.index(changed[chosen].count());
        prop_assert!(changed[chosen].change(&mut place, way));
        let mut entry = String::from("<sysinfo>");
        inside.write(&mut entry, "");
        let with_entry = |text: String| text.replace("</domain>", &format!("{entry}</sysinfo></domain>"));
        prop_assert_eq!(check(&before, &with_entry(before.clone()), &scope("domain/sysinfo")), Ok(()));
        let outcome = check(&before, &with_entry(document(&changed, "")), &scope("domain/sysinfo"));
        prop_assert!(matches!(outcome, Err(EditError::Outside(_))), "{:?}: {}", outcome, document(&changed, ""));
    }
}

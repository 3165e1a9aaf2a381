//! Documents in a form that can be compared: what an XML reader cannot tell apart, and the order of device groups, is gone.

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// An element as a reader sees it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Canonical {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Canonical>,
}

impl Canonical {
    fn open(start: &BytesStart<'_>) -> Canonical {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.expect("an attribute");
            (attribute.key.as_ref().to_owned(), attribute.value.into_owned())
        });
        Canonical { name: start.name().as_ref().to_owned(), attributes: attributes.collect(), ..Canonical::default() }
    }

    /// VDSM wrote groups of devices in an order of their own; within a group the order is the request's.
    fn closed(mut self) -> Canonical {
        if self.name == "devices" {
            self.children.sort_by(|a, b| a.name.cmp(&b.name));
        }
        self
    }
}

/// The root of a document.
pub(super) fn canonical(document: &str) -> Canonical {
    let mut reader = Reader::from_str(document);
    let mut open = vec![Canonical::default()];
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(start) => open.push(Canonical::open(&start)),
            Event::Empty(start) => open.last_mut().expect("a parent").children.push(Canonical::open(&start)),
            Event::End(_) => {
                let element = open.pop().expect("an open element").closed();
                open.last_mut().expect("a parent").children.push(element);
            }
            Event::Text(text) => open.last_mut().expect("a parent").text.push_str(text.trim()),
            Event::Eof => break,
            _ => {}
        }
    }
    open.pop().and_then(|mut document| document.children.pop()).expect("a root")
}

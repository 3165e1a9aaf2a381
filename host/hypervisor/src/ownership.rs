//! Whose domain it is: the mark in a domain's `<metadata>`, the id of this root, and the libvirt this root belongs to.
//!
//! Ours is a domain that carries this root's id: a random uuid made at the first start, never the host's id, which two roots on
//! one machine share. Nothing is ever destroyed, or shown, that does not carry it.

use serde::{Deserialize, Serialize};
use vdsm_core::store::{Store, StoreError, Table};

use crate::vm::record::VMS;
use crate::xml::{Element, XmlError};

/// Namespace of our metadata element.
pub const NAMESPACE: &str = "urn:vdsmd:1";

const IDENTITY: Table<Identity> = Table::new("hypervisor-identity", 1);
const KEY: &str = "this";

/// Who we are to libvirt, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Marks our domains; a random uuid.
    pub root_id: String,
    /// The libvirt our machines run under.
    pub uri: String,
}

/// Why this root cannot be used with that libvirt.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Machines are written down that run under another libvirt.
    #[error(
        "[libvirt] uri is {wanted}, but {machines} machine(s) of this root run under {pinned}: set it back, or destroy them there first"
    )]
    OtherUri {
        /// As configured now.
        wanted: String,
        /// As pinned.
        pinned: String,
        /// How many records there are.
        machines: usize,
    },
}

impl Identity {
    /// The identity of this root, made when it has none. A root without machines may change its libvirt.
    pub async fn open(store: &Store, uri: &str) -> Result<Identity, IdentityError> {
        let known = store.get(IDENTITY, KEY)?;
        let root_id = match known {
            Some(identity) if identity.uri == uri => return Ok(identity),
            Some(identity) => {
                let machines = store.all(VMS)?.len();
                if machines > 0 {
                    return Err(IdentityError::OtherUri { wanted: uri.to_owned(), pinned: identity.uri, machines });
                }
                identity.root_id
            }
            None => uuid::Uuid::new_v4().to_string(),
        };
        let identity = Identity { root_id, uri: uri.to_owned() };
        store.put(IDENTITY, KEY, identity.clone()).await?;
        Ok(identity)
    }
}

/// The document with our mark: everything else stays byte for byte. A mark that is there already is replaced.
pub fn mark(document: &str, root_id: &str) -> Result<String, XmlError> {
    let domain = Element::parse_domain(document)?;
    let ours = format!("<vdsmd:vm xmlns:vdsmd=\"{NAMESPACE}\" root=\"{}\"/>", quick_xml::escape::escape(root_id));
    let inner = domain.inner.clone().ok_or(XmlError::Incomplete)?;
    let (cut, text) = match domain.child("metadata") {
        Some(metadata) => match (metadata.children.iter().find(|child| is_mark(child)), &metadata.inner) {
            (Some(old), _) => (old.span.clone(), ours),
            (None, Some(within)) => (within.end..within.end, ours),
            (None, None) => (metadata.span.clone(), format!("<metadata>{ours}</metadata>")),
        },
        None => (inner.end..inner.end, format!("<metadata>{ours}</metadata>")),
    };
    let before = document.get(..cut.start).ok_or(XmlError::Incomplete)?;
    let after = document.get(cut.end..).ok_or(XmlError::Incomplete)?;
    Ok([before, &text, after].concat())
}

/// The root id a domain carries; none: it is nobody's that we know.
pub fn owner(domain: &Element) -> Option<&str> {
    domain.child("metadata")?.children.iter().find(|child| is_mark(child))?.attribute("root")
}

/// Whether `document` is a domain of the root `root_id`. A document that cannot be read is not.
pub fn is_ours(document: &str, root_id: &str) -> bool {
    Element::parse_domain(document).is_ok_and(|domain| owner(&domain) == Some(root_id))
}

fn is_mark(element: &Element) -> bool {
    match element.name.split_once(':') {
        Some((prefix, "vm")) => element.attribute(&format!("xmlns:{prefix}")) == Some(NAMESPACE),
        Some(_) => false,
        None => element.name == "vm" && element.attribute("xmlns") == Some(NAMESPACE),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use super::*;

    const ROOT: &str = "0d4c1f6a-0000-4000-8000-000000000001";

    fn owner_of(document: &str) -> Option<String> {
        owner(&Element::parse_domain(document).unwrap()).map(str::to_owned)
    }

    #[test]
    fn a_marked_document_names_its_root_and_is_otherwise_unchanged() {
        let document = "<?xml version=\"1.0\"?>\n<domain type='kvm'>\n  <name>a &amp; b</name> <!-- kept -->\n</domain>\n";
        let marked = mark(document, ROOT).unwrap();
        assert_eq!(owner_of(&marked).as_deref(), Some(ROOT));
        let at = marked.find("<metadata>").unwrap();
        let end = marked.find("</metadata>").unwrap() + "</metadata>".len();
        assert_eq!(format!("{}{}", &marked[..at], &marked[end..]), document);
    }

    #[test]
    fn metadata_of_others_is_kept() {
        let document = "<domain><metadata><x:y xmlns:x='urn:x'>1</x:y></metadata><name>n</name></domain>";
        let marked = mark(document, ROOT).unwrap();
        assert!(marked.contains("<x:y xmlns:x='urn:x'>1</x:y>"));
        assert_eq!(owner_of(&marked).as_deref(), Some(ROOT));
    }

    #[test]
    fn a_mark_of_another_root_is_replaced_and_empty_metadata_is_filled() {
        let other = mark("<domain><metadata/></domain>", "another").unwrap();
        assert_eq!(owner_of(&other).as_deref(), Some("another"));
        assert_eq!(owner_of(&mark(&other, ROOT).unwrap()).as_deref(), Some(ROOT));
        assert!(is_ours(&mark(&other, ROOT).unwrap(), ROOT));
        assert!(!is_ours(&other, ROOT));
    }

    #[test]
    fn what_is_no_domain_is_refused_and_nobodys() {
        assert!(mark("<network/>", ROOT).is_err());
        assert!(mark("<domain>", ROOT).is_err());
        assert!(!is_ours("<domain><metadata><vm root='x'/></metadata></domain>", "x"));
    }

    #[tokio::test]
    async fn a_root_keeps_its_id_and_refuses_another_libvirt_while_it_has_machines() {
        let store = Store::in_memory().unwrap();
        let first = Identity::open(&store, "qemu:///system").await.unwrap();
        assert_eq!(Identity::open(&store, "qemu:///system").await.unwrap(), first);
        let moved = Identity::open(&store, "test:///default").await.unwrap();
        assert_eq!(moved.root_id, first.root_id);
        store.put(VMS, "vm", crate::vm::record::tests::record("vm")).await.unwrap();
        let refused = Identity::open(&store, "qemu:///system").await.unwrap_err();
        assert!(refused.to_string().contains("test:///default"), "{refused}");
    }
}

//! What today's libvirt no longer takes of a document as VDSM wrote it.

/// The document without `min_guarantee`: libvirt refuses to start a QEMU domain that has one, where it once ignored it. What the
/// manager guaranteed stays in the configuration and bounds the balloon. Hooks still see the document VDSM's hooks saw.
pub(crate) fn for_libvirt(document: &str) -> String {
    let end = "</min_guarantee>";
    let (Some(from), Some(to)) = (document.find("<min_guarantee"), document.find(end)) else { return document.into() };
    match (document.get(..from), document.get(to + end.len()..)) {
        (Some(before), Some(after)) if from < to => format!("{before}{after}"),
        _ => document.into(),
    }
}

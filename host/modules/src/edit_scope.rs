//! Whether an edit stays within the parts of the document a hook may change. Everything outside is compared, so a hook that "also"
//! renames the machine is found out whatever it edited beside.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Why a document is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is not well-formed.
    #[error("the document is not well-formed: {0}")]
    Malformed(String),
    /// A part outside the scope changed.
    #[error("it changed `{0}`, which is outside its edit scope")]
    Outside(String),
}

/// Compares `before` and `after` outside of `scopes` (paths such as `domain/sysinfo`). Whitespace between elements and the order of
/// attributes mean nothing; namespace declarations on the root are allowed when a scope uses their prefix.
pub fn check(before: &str, after: &str, scopes: &[String]) -> Result<(), EditError> {
    let (before, after) = (outline(before, scopes)?, outline(after, scopes)?);
    let mut old = before.iter();
    for new in &after {
        match old.next() {
            Some(known) if known == new => {}
            _ => return Err(EditError::Outside(new.path.clone())),
        }
    }
    match old.next() {
        None => Ok(()),
        Some(gone) => Err(EditError::Outside(gone.path.clone())),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Line {
    path: String,
    content: String,
}

/// The document as lines, those in scope left out.
fn outline(document: &str, scopes: &[String]) -> Result<Vec<Line>, EditError> {
    let malformed = |error: String| EditError::Malformed(error);
    let mut reader = Reader::from_str(document);
    reader.config_mut().check_end_names = true;
    let mut path: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    let mut roots = 0;
    loop {
        let event = reader.read_event().map_err(|error| malformed(error.to_string()))?;
        let content = match &event {
            Event::Start(start) | Event::Empty(start) => {
                roots += usize::from(path.is_empty());
                path.push(start.name().0.to_owned());
                Some(attributes(start, path.len() == 1, scopes)?)
            }
            Event::Text(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Event::CData(data) => Some(data.to_string()),
            Event::GeneralRef(reference) => Some(format!("&{};", &**reference)),
            Event::DocType(_) => return Err(malformed("a document type is not allowed".into())),
            Event::Eof => break,
            Event::End(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => None,
        };
        if let Some(content) = content {
            let path = path.join("/");
            if !scopes.iter().any(|scope| path == *scope || path.strip_prefix(scope.as_str()).is_some_and(|rest| rest.starts_with('/'))) {
                lines.push(Line { path, content });
            }
        }
        if matches!(event, Event::Empty(_) | Event::End(_)) {
            path.pop();
        }
    }
    if roots == 1 && path.is_empty() { Ok(lines) } else { Err(malformed("it has no single root, or elements are left open".into())) }
}

fn attributes(start: &BytesStart<'_>, root: bool, scopes: &[String]) -> Result<String, EditError> {
    let mut all = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| EditError::Malformed(error.to_string()))?;
        let name = attribute.key.0;
        let declares = name.strip_prefix("xmlns:").is_some_and(|prefix| scopes.iter().any(|scope| scope.contains(&format!("/{prefix}:"))));
        if !(root && declares) {
            let value = attribute.unescape_value().map_err(|error| EditError::Malformed(error.to_string()))?;
            all.push(format!(" {name}={value:?}"));
        }
    }
    all.sort();
    Ok(format!("<{}{}>", start.name().0, all.concat()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Rung: pure.
    use super::*;

    const DOMAIN: &str = "<domain type='qemu'><name>a</name><os><type>hvm</type></os></domain>";

    fn scope(part: &str) -> Vec<String> {
        vec![part.to_owned()]
    }

    #[test]
    fn an_edit_in_scope_is_allowed() {
        let after = "<domain type=\"qemu\">\n <name>a</name>\n <os><type>hvm</type></os>\n <sysinfo type='smbios'><entry>x</entry></sysinfo></domain>";
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
}

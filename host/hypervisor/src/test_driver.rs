//! libvirt's test driver (`test:///…`) runs only domains of type `test`: what would run on QEMU is given that type before it starts, so
//! that everything but the guest can be tried without one.

use std::borrow::Cow;

use crate::xml::{Element, XmlError};

/// The document as the driver behind `uri` takes it.
pub(crate) fn adapt<'a>(uri: &str, document: &'a str) -> Result<Cow<'a, str>, XmlError> {
    if !uri.starts_with("test:") {
        return Ok(Cow::Borrowed(document));
    }
    let domain = Element::parse_domain(document)?;
    let inner = domain.inner.clone().ok_or(XmlError::Incomplete)?;
    let attribute = |(name, value): &(String, String)| {
        let value = if name == "type" { "test" } else { value };
        format!(" {name}=\"{}\"", quick_xml::escape::escape(value))
    };
    let attributes: String = domain.attributes.iter().map(attribute).collect();
    let before = document.get(..domain.span.start).ok_or(XmlError::Incomplete)?;
    let after = document.get(inner.start..).ok_or(XmlError::Incomplete)?;
    Ok(Cow::Owned(format!("{before}<domain{attributes}>{after}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Rung: pure.
    use super::*;

    #[test]
    fn only_the_test_driver_gets_another_type() {
        let document = "<?xml version='1.0'?><domain type='qemu' xmlns:q='a&amp;b'>\n <name>x</name></domain>";
        assert_eq!(adapt("qemu:///system", document).unwrap(), document);
        let adapted = adapt("test:///default", document).unwrap();
        assert_eq!(adapted, "<?xml version='1.0'?><domain type=\"test\" xmlns:q=\"a&amp;b\">\n <name>x</name></domain>");
    }
}

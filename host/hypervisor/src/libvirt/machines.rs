//! The machine types libvirt offers here, as VDSM reports them (`emulatedMachines`): those named right below the first `arch` element
//! called x86_64 of the capabilities document, in its order (VDSM 3.3 `caps.py`).

use crate::xml::{Element, XmlError};

const ARCHITECTURE: &str = "x86_64";

/// Machine types out of a capabilities document; empty where it knows no x86_64 guest.
pub(crate) fn machine_types(capabilities: &str) -> Result<Vec<String>, XmlError> {
    let document = Element::parse(capabilities)?;
    let guests = document.children.iter().filter(|child| child.name == "guest");
    let mut architectures = guests.filter_map(|guest| guest.child("arch"));
    let Some(first) = architectures.find(|arch| arch.attribute("name") == Some(ARCHITECTURE)) else { return Ok(Vec::new()) };
    Ok(first.children.iter().filter(|child| child.name == "machine").map(|machine| machine.text.trim().to_owned()).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Rung: pure.
    use super::*;

    #[test]
    fn machines_of_the_first_x86_64_guest() {
        let document = "<capabilities><host><cpu><arch>x86_64</arch></cpu></host><guest><arch name='i686'><machine>pc</machine></arch></guest>\
                        <guest><arch name='x86_64'><machine maxCpus='255'>pc-i440fx-7.2</machine><machine canonical='x'>pc</machine>\
                        <domain type='qemu'><machine>none</machine></domain></arch></guest></capabilities>";
        assert_eq!(machine_types(document).unwrap(), ["pc-i440fx-7.2", "pc"]);
        assert!(machine_types("<capabilities/>").unwrap().is_empty());
        assert!(machine_types("<capabilities>").is_err());
    }
}

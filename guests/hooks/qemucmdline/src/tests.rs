//! The hook on domain documents, as a chain would call it. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use vdsm_sdk::hook::log::Level;
use vdsm_sdk::mock::{Hook, Ran};

use crate::QemuCommandLine;

const DOMAIN: &str = "<domain type='qemu'>\n  <name>n</name><!-- kept -->\n</domain>\n";

fn run(arguments: &str, document: &str) -> Ran {
    Hook::new("before_vm_start").property("qemu_cmdline", arguments).document(document).run::<QemuCommandLine>()
}

#[test]
fn without_arguments_the_document_is_kept() {
    assert_eq!(Hook::new("before_vm_start").document(DOMAIN).run::<QemuCommandLine>().result, Ok(None));
    assert_eq!(run("[]", DOMAIN).result, Ok(None));
}

#[test]
fn each_argument_is_an_element_of_the_qemu_namespace() {
    let ran = run(r#"["-global", "a=\"b\",c=<é>"]"#, DOMAIN);
    let expected = "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n  <name>n</name><!-- kept -->\n  \
        <qemu:commandline><qemu:arg value=\"-global\"/><qemu:arg value=\"a=&quot;b&quot;,c=&lt;é&gt;\"/></qemu:commandline>\n</domain>\n";
    assert_eq!(ran.document(), expected);
    assert_eq!(ran.log, [(Level::Info, "2 raw QEMU arguments added".to_owned())]);
}

#[test]
fn arguments_of_another_hook_stay() {
    let once = run(r#"["-a"]"#, DOMAIN);
    let twice = run(r#"["-b"]"#, once.document());
    assert_eq!(twice.document(), once.document().replace("<qemu:arg value=\"-a\"/>", "<qemu:arg value=\"-a\"/><qemu:arg value=\"-b\"/>"));
}

#[test]
fn what_is_no_list_of_texts_stops_the_chain() {
    for bad in ["", "-device x", "{\"a\": 1}", "[1]", "[\"a\"", "\"a\"", "[\"a\"] x", "null"] {
        let ran = run(bad, DOMAIN);
        let error = ran.result.clone().unwrap_err();
        assert!(error.stop && error.text.starts_with("qemu_cmdline is no JSON list of texts: "), "{bad}: {error:?}");
        assert_eq!(ran.document(), DOMAIN);
    }
}

#[test]
fn a_character_that_xml_cannot_hold_is_refused() {
    assert!(run(r#"["a\u0000b"]"#, DOMAIN).result.is_err());
}

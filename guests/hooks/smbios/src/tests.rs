//! The hook on domain documents, as a chain would call it. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use vdsm_sdk::mock::{Hook, Ran};

use crate::Smbios;

/// As the host makes it, with a comment that no edit may touch.
const DOMAIN: &str = r#"<domain type="kvm">
  <os><smbios mode="sysinfo"/></os>
  <sysinfo type="smbios">
    <system>
      <entry name="manufacturer">oVirt</entry>
      <entry name='serial' ><!-- host --></entry>
    </system>
  </sysinfo>
</domain>
"#;

fn run(smbios: &str, document: &str) -> Ran {
    Hook::new("before_vm_start").property("smbios", smbios).document(document).run::<Smbios>()
}

#[test]
fn without_the_property_the_document_is_kept() {
    let ran = Hook::new("before_vm_start").document(DOMAIN).run::<Smbios>();
    assert_eq!(ran.result, Ok(None));
}

#[test]
fn an_entry_is_replaced_and_nothing_else() {
    let ran = run("{'manufacturer': 'A & B'}", DOMAIN);
    assert_eq!(ran.document(), DOMAIN.replace(">oVirt<", ">A &amp; B<"));
}

#[test]
fn each_entry_goes_to_its_block() {
    let ran = run(r#"{'serial': "x^y"}^{'vendor': 'V', 'date': 'not this one'} ^ {'family': 'F',}"#, DOMAIN);
    let expected = DOMAIN.replace("<!-- host -->", "x^y").replace(
        "    </system>\n",
        "      <entry name=\"family\">F</entry>\n    </system>\n    <bios><entry name=\"vendor\">V</entry></bios>\n",
    );
    assert_eq!(ran.document(), expected);
}

#[test]
fn a_domain_without_sysinfo_gets_one() {
    let ran = run("{'release': '1'}", "<domain>\n  <name>n</name>\n</domain>");
    let sysinfo = "<sysinfo type=\"smbios\"><bios><entry name=\"release\">1</entry></bios></sysinfo>";
    assert_eq!(ran.document(), format!("<domain>\n  <name>n</name>\n  {sysinfo}\n</domain>"));
}

#[test]
fn another_kind_of_sysinfo_is_left_alone() {
    let fwcfg = "<domain><sysinfo type=\"fwcfg\"><entry name=\"opt/a\">1</entry></sysinfo></domain>";
    let ran = run("{'family': 'F'}", fwcfg);
    assert_eq!(
        ran.document(),
        fwcfg.replace("</domain>", "<sysinfo type=\"smbios\"><system><entry name=\"family\">F</entry></system></sysinfo></domain>")
    );
}

#[test]
fn a_second_run_keeps_the_document() {
    let once = run("{'serial': 'x'}", DOMAIN);
    assert_eq!(run("{'serial': 'x'}", once.document()).result, Ok(None));
}

#[test]
fn a_property_that_is_none_fails_and_says_why() {
    for bad in ["", "serial", "{}", "{'a': {'b': 'c'}}", "{'a': 'b'}{'c': 'd'}", "{'a': 'b'}^", "{'a': '\\x00'}"] {
        let ran = run(bad, DOMAIN);
        let error = ran.result.clone().unwrap_err();
        assert!(!error.stop && !error.text.is_empty(), "{bad}");
        assert_eq!(ran.document(), DOMAIN);
    }
    assert_eq!(run("{'a' 'b'}", DOMAIN).result.unwrap_err().text, "smbios: `{'a' 'b'}`: `:` expected at byte 5");
}

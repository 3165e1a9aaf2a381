//! Reading vdsm.conf. Rung: pure (the last tests read a real file).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

use proptest::prelude::*;
use vdsm_core::config::{Config, ConfigError, KEYS, Warning, is_known};

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/vdsm/vdsm.conf"))
}

fn warnings(text: &str) -> Vec<String> {
    parse(text).unwrap().warnings().iter().map(Warning::to_string).collect()
}

#[test]
fn an_empty_file_means_vdsms_defaults() {
    let config = parse("").unwrap();
    assert!(config.vars.ssl);
    assert_eq!(config.vars.host_mem_reserve, 256);
    assert_eq!(config.vars.vdsm_nice, -5);
    assert_eq!(config.vars.hidden_nics, ["w*", "usb*"]);
    assert_eq!(config.addresses.management_port, 54321);
    assert_eq!(config.addresses.management_ip.to_string(), "0.0.0.0");
    assert_eq!(config.libvirt.uri.as_str(), "qemu:///system");
    assert_eq!(config.compat.machine_aliases.iter().collect::<Vec<_>>(), [("pc-1.0", "pc"), ("rhel6.4.0", "pc")]);
    assert!(config.warnings().is_empty());
}

#[test]
fn the_dialect_is_pythons() {
    let text = "; a comment\n# another\nrem and this\n[vars]\nSSL: no ; for now\nnic_model = pv,\n   e1000\n\n\
                [addresses]\nmanagement_ip=::\nguests_gateway_ip = \"\"\n";
    let config = parse(text).unwrap();
    assert!(!config.vars.ssl);
    assert_eq!(config.vars.nic_model, ["pv", "e1000"]);
    assert!(config.addresses.management_ip.is_ipv6());
    assert_eq!(config.addresses.guests_gateway_ip, "");
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    assert_eq!(parse("[vars]\nhost_mem_reserve=1\nhost_mem_reserve=2\n").unwrap().vars.host_mem_reserve, 2);
}

#[test]
fn references_are_put_in() {
    let config = parse("[irs]\nimages = /x\n").unwrap();
    assert_eq!(config.irs.hsm_tasks, "/rhev/data-center/hsm-tasks");
    assert_eq!(config.irs.irsd, "/x/irsd");
    assert_eq!(config.get("irs.irsd").as_deref(), Some("/x/irsd"));
}

#[test]
fn settings_are_found_by_name() {
    let config = parse("[vars]\nssl = false\n").unwrap();
    assert_eq!(config.get("vars.ssl").as_deref(), Some("false"));
    assert_eq!(config.get("vars.guest_ram_overhead").as_deref(), Some("65"));
    assert_eq!(config.get("vars.nothing"), None);
    assert!(is_known("libvirt.uri") && !is_known("libvirt.url") && !is_known("ssl"));
    assert_eq!(config.place("vars.ssl").to_string(), "/etc/vdsm/vdsm.conf:2");
    assert_eq!(config.place("vars.fake_nics").to_string(), "/etc/vdsm/vdsm.conf");
}

#[test]
fn keys_without_effect_are_named_in_one_warning() {
    let text = "[vars]\nssl = false\nmigration_timeout = 5\nmigration_timeout = 6\n[mom]\nconf = /x\n";
    assert_eq!(warnings(text), ["/etc/vdsm/vdsm.conf: accepted, but without effect in this version: vars.migration_timeout, mom.conf"]);
}

#[test]
fn unknown_keys_are_reported_with_the_nearest_name() {
    assert_eq!(
        warnings("[vars]\nfake_kvm_suport = true\n[ovirt]\nxyz = 1\n"),
        [
            "/etc/vdsm/vdsm.conf:2: unknown setting vars.fake_kvm_suport, ignored; is vars.fake_kvm_support meant?",
            "/etc/vdsm/vdsm.conf:4: unknown setting ovirt.xyz, ignored",
        ]
    );
}

#[test]
fn wrong_values_are_refused_with_line_key_and_what_was_expected() {
    for (text, complaint) in [
        ("[vars]\nssl = maybe", ":2: vars.ssl: `maybe` where true or false was expected"),
        ("\n[vars]\nhost_mem_reserve = -1", ":3: vars.host_mem_reserve: `-1` where a whole number, 0 or more, was expected"),
        ("[addresses]\nmanagement_port = 70000", ":2: addresses.management_port: `70000` where a port number"),
        ("[addresses]\nmanagement_ip = here", ":2: addresses.management_ip: `here` where an IPv4 or IPv6 address"),
        ("[libvirt]\nuri = qemu+ssh://elsewhere/system", ":2: libvirt.uri: `qemu+ssh://elsewhere/system` where a libvirt URI of this host"),
        ("[compat]\nmachine_aliases = pc-1.0", ":2: compat.machine_aliases: `pc-1.0` where a list such as"),
        ("[compat]\nmachine_aliases = a=b,b=c", ":2: compat.machine_aliases"),
        ("[irs]\nrepository = /srv", ":2: irs.repository: `/srv` where /rhev/data-center"),
        ("[irs]\nimages = %(images)s", ":2: irs.images: %(images)s: the references go in a circle"),
        ("[irs]\nimages = %(no)s", ":2: irs.images: %(no)s: there is no no to refer to"),
        ("[irs]\nimages = %(images", ":2: irs.images: %(images: a reference is written %(name)s"),
        ("ssl = true", ":1: a setting before the first [section]"),
        ("[vars\nssl = true", ":1: a section is written [name]"),
        ("[vars]\nnonsense", ":2: expected `key = value`"),
    ] {
        let shown = parse(text).unwrap_err().to_string();
        assert!(shown.contains(&format!("/etc/vdsm/vdsm.conf{complaint}")), "{text:?} gave {shown}");
    }
}

#[test]
fn all_mistakes_are_named_at_once() {
    let Err(ConfigError::Mistakes(mistakes)) = parse("[vars]\nssl = a\nnothing\n[addresses]\nmanagement_port = b\n") else {
        panic!("accepted")
    };
    assert_eq!(mistakes.iter().filter_map(|mistake| mistake.place.line).collect::<Vec<_>>(), [3, 2, 5]);
}

#[test]
fn an_absent_file_is_an_empty_one_and_an_unreadable_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Config::load(&folder.path().join("vdsm.conf")).unwrap().vars.ssl);
    assert!(matches!(Config::load(folder.path()), Err(ConfigError::Read { .. })));
}

/// Numbers of keys and values for them.
fn written() -> impl Strategy<Value = Vec<(usize, String)>> {
    proptest::collection::vec((0..KEYS.len(), "[a-zA-Z0-9/._]([a-zA-Z0-9/._ -]{0,20}[a-z])?"), 0..40)
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(\\[[a-z]{0,4}\\]?|[a-z%()= :;#\"]{0,12}|[ \t]+|.)(\n|.){0,80}") {
        let _ = parse(&text);
        let _ = parse(&format!("[irs]\n{text}"));
    }

    #[test]
    fn what_is_written_is_read(values in written()) {
        let texts: Vec<_> = values
            .into_iter()
            .map(|(index, value)| (&KEYS[index], value))
            // The other keys accept only some values.
            .filter(|(key, _)| key.section == "mom" || ["nfs_mount_options", "default_bridge", "fake_nics"].contains(&key.name))
            .collect();
        let file: String = texts.iter().map(|(key, value)| format!("[{}]\n{} = {value}\n", key.section, key.name)).collect();
        let config = parse(&file).unwrap();
        for key in KEYS {
            let written = texts.iter().rfind(|(other, _)| std::ptr::eq(*other, key)).map(|(_, value)| value.clone());
            if let Some(written) = written {
                prop_assert_eq!(config.get(&format!("{}.{}", key.section, key.name)), Some(written));
            }
        }
    }
}

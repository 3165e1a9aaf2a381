//! What is read of a host made of text. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod fixture;

use fixture::{host, write};
use vdsm_system::Settings;
use vdsm_system::facts::packages::{BuildTime, built};
use vdsm_system::facts::processor::Topology;
use vdsm_system::facts::{Facts, identity};
use vdsm_system::network::address::{Address, Addresses};
use vdsm_system::network::{Reader, Visibility, sampled};

fn settings(pairs: &'static [(&'static str, &'static str)]) -> Settings {
    Settings::new(move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()), |_| true)
}

const VDSMS_DEFAULTS: &[(&str, &str)] = &[("vars.fake_nics", "dummy_*"), ("vars.hidden_nics", "w*,usb*")];

fn addresses() -> Addresses {
    let address = |device: &str, ip: &str, prefix| Address { device: device.into(), ip: ip.parse().unwrap(), prefix };
    Addresses(vec![
        address("lo", "127.0.0.1", 8),
        address("ovirtmgmt", "192.0.2.10", 24),
        address("ovirtmgmt", "192.0.2.11", 24),
        address("ovirtmgmt", "fe80::1", 64),
        address("ovirtmgmt", "fd00::2", 128),
    ])
}

#[test]
fn processors_are_counted_as_vdsm_counts_them() {
    let directory = tempfile::tempdir().unwrap();
    let facts = Facts::read(&host(directory.path()));
    assert_eq!(facts.topology, Topology { cores: 2, threads: 4, sockets: 2 });
    assert_eq!(facts.processor.mhz, Some(2596.146));
    assert_eq!(facts.processor.model, "A Processor @ 2.60GHz");
    assert_eq!(facts.processor.flags, ["fpu", "nx", "svm", "lm"]);
    assert_eq!(facts.memory_mib, 15_625);
    assert!(facts.kvm);
}

#[test]
fn the_host_id_is_dmi_and_the_lowest_address_unless_the_operator_wrote_one() {
    let directory = tempfile::tempdir().unwrap();
    let places = host(directory.path());
    assert_eq!(identity::host_id(&places).as_deref(), Some("4C4C4544-0042-4810-8052-B4C04F563258_00:16:3e:00:00:01"));
    write(directory.path(), "sys/class/dmi/id/product_uuid", "Not Settable\n");
    assert_eq!(identity::host_id(&places).as_deref(), Some("_00:16:3e:00:00:01"));
    write(directory.path(), "own/etc/vdsm/vdsm.id", "mine as it stands\nsecond\n");
    assert_eq!(identity::host_id(&places).as_deref(), Some("mine as it stands"));
    let empty = tempfile::tempdir().unwrap();
    let nowhere = vdsm_system::HostFs::at(empty.path());
    assert_eq!(identity::host_id(&vdsm_system::facts::Places { host: nowhere.clone(), own: nowhere }), None);
}

#[test]
fn the_operating_system_is_the_first_that_has_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let places = host(directory.path());
    let names = || {
        let system = identity::operating_system(&places.host);
        [system.name, system.version, system.release]
    };
    assert_eq!(names(), ["Debian", "12.5", ""]);
    write(directory.path(), "etc/redhat-release", "some text for people");
    assert_eq!(names(), ["RHEL", "", ""]);
    write(directory.path(), "etc/ovirt-node-iso-release", "");
    write(directory.path(), "etc/default/version", "VERSION=3.0\nRELEASE='x'\nRELEASE=1.el6\n");
    assert_eq!(names()[..2], ["oVirt Node", "3.0"]);
}

#[test]
fn packages_are_those_that_are_installed_and_the_declared_one() {
    let directory = tempfile::tempdir().unwrap();
    let packages = Facts::read(&host(directory.path())).packages;
    let version = |name: &str| packages.get(name).map(|package| (package.version.as_str(), package.release.as_str()));
    assert_eq!(version("libvirt"), Some(("9.0.0-4+deb12u2", "")));
    assert_eq!(version("qemu-kvm"), Some(("1:7.2+dfsg-7+deb12u12", "")));
    assert_eq!(version("kernel"), Some(("6.1.0", "18-amd64")));
    assert_eq!(version("vdsm"), Some(("4.13.3", "1.el6")));
    assert_eq!(packages.keys().copied().collect::<Vec<_>>(), ["kernel", "libvirt", "qemu-kvm", "vdsm"], "what is absent is left out");
    assert_eq!(packages["kernel"].built, BuildTime::Epoch(1_385_090_109.0));
    assert_eq!(built("#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)"), None);
}

#[test]
fn adapters_are_shown_with_their_numbers_stripped() {
    let directory = tempfile::tempdir().unwrap();
    let facts = Facts::read(&host(directory.path()));
    assert_eq!(facts.adapters.initiator, "iqn.1993-08.org.debian:01:abc");
    let [adapter] = facts.adapters.fibre_channel.as_slice() else { panic!("one adapter") };
    assert_eq!(
        (adapter.wwpn.as_str(), adapter.wwnn.as_str(), adapter.model.as_str()),
        ("50014380242f4a", "50014380242f4b", "QLE2562 - 8Gb")
    );
    assert_eq!(facts.system.map(|system| (system.manufacturer, system.family)), Some(("Maker".into(), String::new())));
}

#[test]
fn links_are_sorted_into_their_kinds() {
    let directory = tempfile::tempdir().unwrap();
    let places = host(directory.path());
    let addresses = addresses();
    let links = Reader::new(&places.host, &addresses).links(&Visibility::of(&settings(VDSMS_DEFAULTS)));
    assert_eq!(links.nics.keys().collect::<Vec<_>>(), ["dummy_1", "em1", "em2", "vio"]);
    assert_eq!((links.nics["em1"].speed, links.nics["em2"].speed, links.nics["vio"].speed), (10_000, 0, 0));
    assert_eq!(links.nics["em2"].permanent.as_deref(), Some("00:16:3E:00:00:0C"));
    assert_eq!(links.nics["vio"].permanent, None);
    assert_eq!(links.bondings["bond0"].slaves, ["em1", "em2"]);
    let vlan = &links.vlans["bond0.27"];
    assert_eq!((vlan.parent.as_str(), vlan.tag), ("bond0", 27));
    assert_eq!(links.bridges.len(), 1, "the dummy bridge is nobody's business");
    let bridge = &links.bridges["ovirtmgmt"];
    assert_eq!(
        (bridge.device.address.as_str(), bridge.device.netmask.as_str(), bridge.device.mtu.as_str()),
        ("192.0.2.10", "255.255.255.0", "1500")
    );
    assert_eq!(bridge.device.ipv6, ["fe80::1/64", "fd00::2/128"]);
    assert_eq!((bridge.gateway.as_str(), bridge.gateway6.as_str()), ("192.0.2.1", "fd00::1"));
    assert_eq!(bridge.ports, ["bond0.27"]);
    assert!(!bridge.spanning_tree);
    assert_eq!(bridge.device.configuration["BONDING_OPTS"], "mode=4 miimon=100");
    assert_eq!(bridge.device.configuration["BOOTPROTO"], "none");
}

#[test]
fn what_is_hidden_hides_what_hangs_on_it() {
    let directory = tempfile::tempdir().unwrap();
    let places = host(directory.path());
    let visibility =
        Visibility::of(&settings(&[("vars.hidden_bonds", "bond*"), ("vars.hidden_vlans", "*.27"), ("vars.hidden_nics", "vio")]));
    let links = Reader::new(&places.host, &Addresses::default()).links(&visibility);
    assert_eq!(links.nics.keys().collect::<Vec<_>>(), ["wlan0"], "slaves of a hidden bonding are hidden");
    assert!(links.bondings.is_empty() && links.vlans.is_empty());
    assert!(!sampled(&places.host, &visibility).contains(&"bond0".to_owned()));
}

#[test]
fn the_device_of_a_connection_owns_its_local_address() {
    let addresses = addresses();
    for local in ["192.0.2.10", "192.0.2.10:54321", "::ffff:192.0.2.10", "[::ffff:192.0.2.10]:54321", "fd00::2"] {
        assert_eq!(addresses.owner(local), Some("ovirtmgmt"), "{local}");
    }
    for local in ["192.0.2.99", "", "nonsense"] {
        assert_eq!(addresses.owner(local), None, "{local}");
    }
}

#[test]
fn the_kernel_tells_the_loopback_address() {
    assert_eq!(Addresses::of_kernel().unwrap().owner("127.0.0.1"), Some("lo"));
}

#[test]
fn this_machine_is_read() {
    let here = vdsm_system::HostFs::at("/");
    let facts = Facts::read(&vdsm_system::facts::Places { host: here.clone(), own: here });
    assert!(facts.topology.threads >= facts.topology.cores && facts.topology.cores >= facts.topology.sockets && facts.topology.sockets > 0);
    assert!(facts.memory_mib > 0);
    assert!(facts.packages.contains_key("kernel"));
}

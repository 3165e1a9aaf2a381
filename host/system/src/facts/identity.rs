//! Who this host is: VDSM's host id, the operating system, and what DMI says of the machine.

use super::Places;
use crate::hostfs::HostFs;

/// The host's operating system as VDSM names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatingSystem {
    /// `Debian`, `RHEL`, `Fedora`, `oVirt Node`, `RHEV Hypervisor` or `unknown`.
    pub name: String,
    /// Empty where only a package database could tell.
    pub version: String,
    /// The same.
    pub release: String,
}

/// Finds the operating system by the files VDSM looks for, the first that is there.
pub fn operating_system(host: &HostFs) -> OperatingSystem {
    let node = || host.names("etc").iter().any(|name| name.starts_with("ovirt-node-") && name.ends_with("-release"));
    let (name, version, release) = if host.exists("etc/rhev-hypervisor-release") {
        ("RHEV Hypervisor", node_setting(host, "VERSION"), node_setting(host, "RELEASE"))
    } else if node() {
        ("oVirt Node", node_setting(host, "VERSION"), node_setting(host, "RELEASE"))
    } else if host.exists("etc/fedora-release") {
        ("Fedora", String::new(), String::new())
    } else if host.exists("etc/redhat-release") {
        ("RHEL", String::new(), String::new())
    } else if let Some(version) = host.value("etc/debian_version") {
        ("Debian", version, String::new())
    } else {
        ("unknown", String::new(), String::new())
    };
    OperatingSystem { name: name.to_owned(), version, release }
}

/// A setting of `/etc/default/version`, which only nodes have.
fn node_setting(host: &HostFs, key: &str) -> String {
    let text = host.read("etc/default/version").unwrap_or_default();
    let mut values = text.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| name.trim() == key);
    values.next().map(|(_, value)| value.trim().trim_matches('"').to_owned()).unwrap_or_default()
}

/// VDSM's host id: the first line of `etc/vdsm/vdsm.id` as it stands, else the DMI uuid with `_` and the lowest hardware address
/// of the host. None when nothing is known.
pub fn host_id(places: &Places) -> Option<String> {
    if let Some(text) = places.own.read("etc/vdsm/vdsm.id") {
        return text.lines().next().map(str::to_owned);
    }
    let uuid = places.host.value("sys/class/dmi/id/product_uuid").filter(|uuid| !uuid.contains("Not")).map(|uuid| uuid.to_uppercase());
    match (uuid, lowest_address(&places.host)) {
        (None, None) => None,
        (uuid, None) => uuid,
        (uuid, Some(address)) => Some(format!("{}_{address}", uuid.unwrap_or_default())),
    }
}

fn lowest_address(host: &HostFs) -> Option<String> {
    let devices = host.names("sys/class/net").into_iter();
    devices
        .filter_map(|device| host.value(&format!("sys/class/net/{device}/address")))
        .filter(|address| address != "00:00:00:00:00:00")
        .min()
}

/// What DMI says of the machine; members that this machine leaves out are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemInformation {
    /// Who made it.
    pub manufacturer: String,
    /// What it is called.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Its serial number.
    pub serial: String,
    /// Its uuid.
    pub uuid: String,
    /// Its family.
    pub family: String,
}

/// Reads it from `/sys/class/dmi/id`; none where there is no DMI, or where it may not be read.
pub fn system_information(host: &HostFs) -> Option<SystemInformation> {
    let read = |name: &str| host.value(&format!("sys/class/dmi/id/{name}"));
    let text = |name: &str| read(name).unwrap_or_default();
    Some(SystemInformation {
        uuid: read("product_uuid")?.to_uppercase(),
        manufacturer: text("sys_vendor"),
        product: text("product_name"),
        version: text("product_version"),
        serial: text("product_serial"),
        family: text("product_family"),
    })
}

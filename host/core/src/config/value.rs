//! The types a setting can have, each with what it accepts.

use std::net::IpAddr;

/// A type of settings.
pub(super) trait Setting: Sized {
    /// What is accepted, to follow "expected".
    const EXPECTED: &str;

    /// Reads a value without white space around it; none when it is not accepted.
    fn parse(text: &str) -> Option<Self>;
}

impl Setting for bool {
    const EXPECTED: &str = "true or false";

    fn parse(text: &str) -> Option<bool> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        }
    }
}

impl Setting for u32 {
    const EXPECTED: &str = "a whole number, 0 or more,";

    fn parse(text: &str) -> Option<u32> {
        text.parse().ok()
    }
}

impl Setting for i32 {
    const EXPECTED: &str = "a whole number";

    fn parse(text: &str) -> Option<i32> {
        text.parse().ok()
    }
}

impl Setting for u16 {
    const EXPECTED: &str = "a port number from 0 to 65535";

    fn parse(text: &str) -> Option<u16> {
        text.parse().ok()
    }
}

impl Setting for IpAddr {
    const EXPECTED: &str = "an IPv4 or IPv6 address";

    fn parse(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }
}

impl Setting for String {
    const EXPECTED: &str = "a text";

    fn parse(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

impl Setting for Vec<String> {
    const EXPECTED: &str = "names separated by commas";

    fn parse(text: &str) -> Option<Vec<String>> {
        Some(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }
}

/// Where the storage repository lies: in one place, because links on shared storage and in domain documents name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repository;

impl Repository {
    /// The logical path, as managers and QEMU see it.
    pub const PATH: &str = "/rhev/data-center";
}

impl Setting for Repository {
    const EXPECTED: &str = "/rhev/data-center, the only repository supported yet,";

    fn parse(text: &str) -> Option<Repository> {
        (text.trim_end_matches('/') == Repository::PATH).then_some(Repository)
    }
}

/// A libvirt connection to this very host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibvirtUri(String);

impl LibvirtUri {
    /// The URI as libvirt takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the driver runs inside this process, which is for development only.
    pub fn is_embedded(&self) -> bool {
        self.0.starts_with("qemu:///embed")
    }
}

impl Setting for LibvirtUri {
    const EXPECTED: &str = "a libvirt URI of this host, such as qemu:///system, qemu:///embed?root=/dir or test:///default,";

    fn parse(text: &str) -> Option<LibvirtUri> {
        let path = ["qemu:///", "qemu+unix:///", "test:///"].iter().find_map(|scheme| text.strip_prefix(scheme))?;
        let plain = !path.is_empty() && path.chars().all(|character| character.is_ascii_graphic());
        plain.then(|| LibvirtUri(text.to_owned()))
    }
}

/// Machine types that no QEMU of today has, each with the one that stands in for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineAliases(Vec<(String, String)>);

impl MachineAliases {
    /// Alias and machine type, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(alias, machine)| (alias.as_str(), machine.as_str()))
    }
}

impl Setting for MachineAliases {
    const EXPECTED: &str = "a list such as pc-1.0=pc,rhel6.4.0=pc, each alias once and none of them a target,";

    fn parse(text: &str) -> Option<MachineAliases> {
        let pairs = Vec::<String>::parse(text)?.iter().map(|pair| alias(pair)).collect::<Option<Vec<_>>>()?;
        let named = |name: &str| pairs.iter().filter(|(alias, _)| alias == name).count();
        let sound = pairs.iter().all(|(alias, machine)| named(alias) == 1 && named(machine) == 0);
        sound.then_some(MachineAliases(pairs))
    }
}

fn alias(pair: &str) -> Option<(String, String)> {
    let (alias, machine) = pair.split_once('=')?;
    let (alias, machine) = (alias.trim(), machine.trim());
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    (is_name(alias) && is_name(machine)).then(|| (alias.to_owned(), machine.to_owned()))
}

//! Links of the host as VDSM reports them: nics, bridges, vlans and bondings, with their addresses.
//!
//! From sysfs and procfs tables; addresses come from the kernel through [`address::Addresses`]. What is configured (networks) is
//! another room's.

pub mod address;
pub mod ifcfg;
pub mod route;

use std::collections::BTreeMap;

use crate::hostfs::HostFs;
use crate::settings::{Globs, Settings};
use address::Addresses;
use route::Gateways;

/// Bridge of machines without a network; never reported.
const DUMMY_BRIDGE: &str = ";vdsmdummy;";

/// Which devices the operator shows.
#[derive(Clone, Debug, Default)]
pub struct Visibility {
    fake_nics: Globs,
    hidden_nics: Globs,
    hidden_bonds: Globs,
    hidden_vlans: Globs,
}

impl Visibility {
    /// From `vars.fake_nics`, `vars.hidden_nics`, `vars.hidden_bonds` and `vars.hidden_vlans`.
    pub fn of(settings: &Settings) -> Visibility {
        Visibility {
            fake_nics: settings.globs("vars.fake_nics"),
            hidden_nics: settings.globs("vars.hidden_nics"),
            hidden_bonds: settings.globs("vars.hidden_bonds"),
            hidden_vlans: settings.globs("vars.hidden_vlans"),
        }
    }
}

/// What every device has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// First IPv4 address; empty without one.
    pub address: String,
    /// Its mask.
    pub netmask: String,
    /// IPv6 addresses as `ADDRESS/PREFIX`.
    pub ipv6: Vec<String>,
    /// Largest packet, as text.
    pub mtu: String,
    /// Its ifcfg file; empty without one.
    pub configuration: BTreeMap<String, String>,
}

/// A network card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nic {
    /// What every device has.
    pub device: Device,
    /// Hardware address.
    pub hardware: String,
    /// Mbit/s; 0 when it is down, virtio, or not known.
    pub speed: i32,
    /// Its own hardware address while it is a bonding's slave, in capitals.
    pub permanent: Option<String>,
}

/// A bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridge {
    /// What every device has.
    pub device: Device,
    /// IPv4 gateway of its default route, `0.0.0.0` without one.
    pub gateway: String,
    /// IPv6 gateway, `::` without one.
    pub gateway6: String,
    /// Its ports.
    pub ports: Vec<String>,
    /// Whether it takes part in the spanning tree protocol.
    pub spanning_tree: bool,
}

/// A vlan device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vlan {
    /// What every device has.
    pub device: Device,
    /// The device under it.
    pub parent: String,
    /// Its tag.
    pub tag: i32,
}

/// A bonding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bonding {
    /// What every device has.
    pub device: Device,
    /// Hardware address.
    pub hardware: String,
    /// Its slaves.
    pub slaves: Vec<String>,
}

/// All links, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Network cards.
    pub nics: BTreeMap<String, Nic>,
    /// Bridges.
    pub bridges: BTreeMap<String, Bridge>,
    /// Vlans.
    pub vlans: BTreeMap<String, Vlan>,
    /// Bondings.
    pub bondings: BTreeMap<String, Bonding>,
}

/// Reads links.
pub struct Reader<'a> {
    host: &'a HostFs,
    addresses: &'a Addresses,
    gateways: Gateways,
}

impl<'a> Reader<'a> {
    /// A reader of `host`, with the addresses the kernel gave.
    pub fn new(host: &'a HostFs, addresses: &'a Addresses) -> Reader<'a> {
        Reader { host, addresses, gateways: Gateways::read(host) }
    }

    /// Every link that `visibility` shows.
    pub fn links(&self, visibility: &Visibility) -> Links {
        let names = self.host.names("sys/class/net");
        let bondings: Vec<String> = bondings(self.host);
        let hidden: Vec<String> =
            bondings.iter().filter(|name| visibility.hidden_bonds.matches(name)).flat_map(|name| self.slaves(name)).collect();
        let named = |wanted: &dyn Fn(&str) -> bool| names.iter().filter(|name| wanted(name)).cloned().collect::<Vec<_>>();
        let nics = named(&|name| is_nic(self.host, name, visibility) && !hidden.iter().any(|slave| slave == name));
        let bridges = named(&|name| name != DUMMY_BRIDGE && self.host.exists(&format!("sys/class/net/{name}/bridge")));
        let vlans = route::vlans(&self.host.read("proc/net/vlan/config").unwrap_or_default());
        let shown = |name: &str| name.contains('.') && !visibility.hidden_vlans.matches(name);
        Links {
            nics: nics.into_iter().map(|name| (name.clone(), self.nic(&name))).collect(),
            bridges: bridges.into_iter().map(|name| (name.clone(), self.bridge(&name))).collect(),
            vlans: vlans.into_iter().filter(|vlan| shown(&vlan.name)).map(|vlan| (vlan.name.clone(), self.vlan(vlan))).collect(),
            bondings: bondings
                .into_iter()
                .filter(|name| !visibility.hidden_bonds.matches(name))
                .map(|name| (name.clone(), self.bonding(&name)))
                .collect(),
        }
    }

    fn value(&self, device: &str, file: &str) -> Option<String> {
        self.host.value(&format!("sys/class/net/{device}/{file}"))
    }

    fn device(&self, name: &str) -> Device {
        let (address, netmask) = self.addresses.ipv4(name).unwrap_or_default();
        Device {
            address,
            netmask,
            ipv6: self.addresses.ipv6(name),
            mtu: self.value(name, "mtu").unwrap_or_default(),
            configuration: ifcfg::read(self.host, name),
        }
    }

    fn nic(&self, name: &str) -> Nic {
        Nic {
            device: self.device(name),
            hardware: self.value(name, "address").unwrap_or_default(),
            speed: speed(self.host, name),
            permanent: self.value(name, "bonding_slave/perm_hwaddr").map(|address| address.to_uppercase()),
        }
    }

    fn bridge(&self, name: &str) -> Bridge {
        Bridge {
            device: self.device(name),
            gateway: self.gateways.ipv4(name),
            gateway6: self.gateways.ipv6(name),
            ports: self.host.names(&format!("sys/class/net/{name}/brif")),
            spanning_tree: self.value(name, "bridge/stp_state").is_some_and(|state| state != "0"),
        }
    }

    fn vlan(&self, vlan: route::VlanRow) -> Vlan {
        Vlan { device: self.device(&vlan.name), parent: vlan.parent, tag: vlan.tag }
    }

    fn slaves(&self, bonding: &str) -> Vec<String> {
        let text = self.value(bonding, "bonding/slaves").unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn bonding(&self, name: &str) -> Bonding {
        Bonding { device: self.device(name), hardware: self.value(name, "address").unwrap_or_default(), slaves: self.slaves(name) }
    }
}

/// Bondings of the host, hidden ones included.
pub fn bondings(host: &HostFs) -> Vec<String> {
    host.read("sys/class/net/bonding_masters").unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Devices whose traffic is sampled: network cards and bondings that are shown.
pub fn sampled(host: &HostFs, visibility: &Visibility) -> Vec<String> {
    let mut names = host.names("sys/class/net");
    names.retain(|name| is_nic(host, name, visibility));
    names.extend(bondings(host).into_iter().filter(|name| !visibility.hidden_bonds.matches(name)));
    names
}

/// A device with hardware behind it, or one that counts as such for tests.
fn is_nic(host: &HostFs, name: &str, visibility: &Visibility) -> bool {
    let real = host.exists(&format!("sys/class/net/{name}/device")) || visibility.fake_nics.matches(name);
    real && !visibility.hidden_nics.matches(name)
}

/// Line rate in Mbit/s: 0 when the device is not up, is virtio (whose figure means nothing), or the driver does not know.
pub fn speed(host: &HostFs, name: &str) -> i32 {
    let up = host.value(&format!("sys/class/net/{name}/operstate")).is_some_and(|state| state == "up");
    let virtio = host.link(&format!("sys/class/net/{name}/device")).is_some_and(|target| target.contains("virtio"));
    let known = || host.number::<i64>(&format!("sys/class/net/{name}/speed"));
    // 65535 and 4294967295 are how drivers write that they do not know.
    let plausible = |speed: &i64| *speed > 0 && *speed != 65_535 && *speed != 4_294_967_295;
    (up && !virtio).then(known).flatten().filter(plausible).and_then(|speed| i32::try_from(speed).ok()).unwrap_or(0)
}

/// Whether traffic flows: the administrator has it up and there is a carrier, as the kernel's IFF_RUNNING says.
pub fn running(host: &HostFs, name: &str) -> bool {
    const ADMINISTRATIVELY_UP: u32 = 1;
    let flags = host.value(&format!("sys/class/net/{name}/flags"));
    let flags = flags.and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()).unwrap_or(0);
    let state = host.value(&format!("sys/class/net/{name}/operstate"));
    flags & ADMINISTRATIVELY_UP != 0 && matches!(state.as_deref(), Some("up" | "unknown"))
}

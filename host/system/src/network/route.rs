//! The kernel's tables of routes and vlans under `/proc/net`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::hostfs::HostFs;

/// Gateways of default routes, by device; of several the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gateways {
    ipv4: BTreeMap<String, Ipv4Addr>,
    ipv6: BTreeMap<String, Ipv6Addr>,
}

impl Gateways {
    /// Reads `/proc/net/route` and `/proc/net/ipv6_route`.
    pub fn read(host: &HostFs) -> Gateways {
        Gateways {
            ipv4: host.read("proc/net/route").map(|text| ipv4(&text)).unwrap_or_default(),
            ipv6: host.read("proc/net/ipv6_route").map(|text| ipv6(&text)).unwrap_or_default(),
        }
    }

    /// Of a device; `0.0.0.0` without one.
    pub fn ipv4(&self, device: &str) -> String {
        self.ipv4.get(device).unwrap_or(&Ipv4Addr::UNSPECIFIED).to_string()
    }

    /// Of a device; `::` without one.
    pub fn ipv6(&self, device: &str) -> String {
        self.ipv6.get(device).unwrap_or(&Ipv6Addr::UNSPECIFIED).to_string()
    }
}

/// `/proc/net/route`: device, destination, gateway, … , mask as numbers in the order of the processor's bytes.
pub fn ipv4(text: &str) -> BTreeMap<String, Ipv4Addr> {
    let rows = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let gateways = rows.filter_map(|row| match row.as_slice() {
        [device, "00000000", gateway, _, _, _, _, "00000000", ..] => {
            let bytes = u32::from_str_radix(gateway, 16).ok()?.to_ne_bytes();
            Some(((*device).to_owned(), Ipv4Addr::from(bytes)))
        }
        _ => None,
    });
    gateways.filter(|(_, gateway)| !gateway.is_unspecified()).collect()
}

/// `/proc/net/ipv6_route`: destination, its prefix, source, its prefix, next hop, metric, references, use, flags, device.
pub fn ipv6(text: &str) -> BTreeMap<String, Ipv6Addr> {
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let gateways = rows.filter_map(|row| match row.as_slice() {
        [destination, "00", _, _, hop, .., device] if destination.bytes().all(|byte| byte == b'0') => {
            Some(((*device).to_owned(), Ipv6Addr::from(u128::from_str_radix(hop, 16).ok()?)))
        }
        _ => None,
    });
    gateways.filter(|(_, gateway)| !gateway.is_unspecified()).collect()
}

/// A row of the vlan table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VlanRow {
    /// The vlan device.
    pub name: String,
    /// Its tag.
    pub tag: i32,
    /// The device under it.
    pub parent: String,
}

/// `/proc/net/vlan/config`: device, tag and parent between bars, after two lines of heading.
pub fn vlans(text: &str) -> Vec<VlanRow> {
    let rows = text.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let parsed = rows.filter_map(|row| match row.as_slice() {
        [name, tag, parent] => Some(VlanRow { name: (*name).to_owned(), tag: tag.parse().ok()?, parent: (*parent).to_owned() }),
        _ => None,
    });
    parsed.collect()
}

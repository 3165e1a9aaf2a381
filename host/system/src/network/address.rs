//! Addresses of this host's devices.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use nix::ifaddrs::getifaddrs;

/// One address of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The device.
    pub device: String,
    /// The address.
    pub ip: IpAddr,
    /// Length of its prefix in bits.
    pub prefix: u8,
}

/// All addresses, in the kernel's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses(pub Vec<Address>);

impl Addresses {
    /// Asks the kernel.
    pub fn of_kernel() -> std::io::Result<Addresses> {
        let mut addresses = Vec::new();
        for interface in getifaddrs()? {
            let (Some(address), Some(mask)) = (interface.address, interface.netmask) else { continue };
            // A label such as `eth0:1` names the same device.
            let device = interface.interface_name.split(':').next().unwrap_or_default().to_owned();
            let found = match (address.as_sockaddr_in(), mask.as_sockaddr_in(), address.as_sockaddr_in6(), mask.as_sockaddr_in6()) {
                (Some(ip), Some(mask), _, _) => (IpAddr::V4(ip.ip()), u32::from(mask.ip()).count_ones()),
                (_, _, Some(ip), Some(mask)) => (IpAddr::V6(ip.ip()), u128::from(mask.ip()).count_ones()),
                _ => continue,
            };
            addresses.push(Address { device, ip: found.0, prefix: u8::try_from(found.1).unwrap_or(u8::MAX) });
        }
        Ok(Addresses(addresses))
    }

    fn of<'a>(&'a self, device: &'a str) -> impl Iterator<Item = &'a Address> {
        self.0.iter().filter(move |address| address.device == device)
    }

    /// The first IPv4 address of a device and its mask.
    pub fn ipv4(&self, device: &str) -> Option<(String, String)> {
        self.of(device).find(|address| address.ip.is_ipv4()).map(|address| {
            let mask = u32::MAX.checked_shl(32 - u32::from(address.prefix.min(32))).unwrap_or(0);
            (address.ip.to_string(), Ipv4Addr::from(mask).to_string())
        })
    }

    /// The IPv6 addresses of a device as `ADDRESS/PREFIX`.
    pub fn ipv6(&self, device: &str) -> Vec<String> {
        self.of(device).filter(|address| address.ip.is_ipv6()).map(|address| format!("{}/{}", address.ip, address.prefix)).collect()
    }

    /// The device that owns the local end of a connection, given with or without a port; IPv4 mapped into IPv6 is IPv4.
    pub fn owner(&self, local: &str) -> Option<&str> {
        let ip = local.parse::<IpAddr>().or_else(|_| local.parse::<SocketAddr>().map(|socket| socket.ip())).ok()?.to_canonical();
        self.0.iter().find(|address| address.ip == ip).map(|address| address.device.as_str())
    }
}

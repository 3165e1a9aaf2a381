//! What seldom changes: who the host is and what it is made of.

pub mod adapters;
pub mod identity;
pub mod packages;
pub mod processor;

use std::collections::BTreeMap;

use crate::hostfs::HostFs;
use adapters::Adapters;
use identity::{OperatingSystem, SystemInformation};
use packages::Package;
use processor::{Processor, Topology};

/// Where things are read: the host's own trees, and ours (`etc/vdsm/vdsm.id`, `var/log`), which `--root` may have moved.
#[derive(Clone, Debug)]
pub struct Places {
    /// `/proc`, `/sys`, `/etc`, `/var/lib/dpkg`, `/dev`, `/tmp`.
    pub host: HostFs,
    /// Our trees.
    pub own: HostFs,
}

/// A reading of everything here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// VDSM's host id.
    pub host_id: Option<String>,
    /// Which system this is.
    pub operating_system: OperatingSystem,
    /// What DMI says of the machine.
    pub system: Option<SystemInformation>,
    /// Installed packages by VDSM's names.
    pub packages: BTreeMap<&'static str, Package>,
    /// Model, clock and flags.
    pub processor: Processor,
    /// How many of each.
    pub topology: Topology,
    /// All memory, in MiB.
    pub memory_mib: u64,
    /// Whether KVM is there.
    pub kvm: bool,
    /// iSCSI and fibre channel.
    pub adapters: Adapters,
}

impl Facts {
    /// Reads them.
    pub fn read(places: &Places) -> Facts {
        let host = &places.host;
        Facts {
            host_id: identity::host_id(places),
            operating_system: identity::operating_system(host),
            system: identity::system_information(host),
            packages: packages::packages(host),
            processor: host.read("proc/cpuinfo").map(|text| processor::parse(&text)).unwrap_or_default(),
            topology: processor::topology(host),
            memory_mib: host.read("proc/meminfo").map(|text| crate::sampler::memory::parse(&text).total_mib).unwrap_or_default(),
            kvm: host.exists("dev/kvm"),
            adapters: adapters::read(host),
        }
    }
}

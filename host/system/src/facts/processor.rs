//! Processors: `/proc/cpuinfo` and the topology in sysfs.

use std::collections::BTreeSet;

use crate::hostfs::HostFs;

/// What `/proc/cpuinfo` says of the first processor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Processor {
    /// `model name`.
    pub model: String,
    /// `cpu MHz`.
    pub mhz: Option<f64>,
    /// `flags`, in their order.
    pub flags: Vec<String>,
}

/// Reads `/proc/cpuinfo`.
pub fn parse(cpuinfo: &str) -> Processor {
    let value = |key: &str| {
        let named = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        named.into_iter().find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
    };
    Processor {
        model: value("model name").unwrap_or_default().to_owned(),
        mhz: value("cpu MHz").and_then(|mhz| mhz.parse().ok()),
        flags: value("flags").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
    }
}

/// How many processors, counted as VDSM counts libvirt's topology: of the processors that are on line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// Distinct sets of sibling threads.
    pub cores: u32,
    /// Logical processors.
    pub threads: u32,
    /// Distinct packages.
    pub sockets: u32,
}

/// Reads the topology from `/sys/devices/system/cpu`. A processor that is off line has none there.
pub fn topology(host: &HostFs) -> Topology {
    let (mut siblings, mut packages, mut threads) = (BTreeSet::new(), BTreeSet::new(), 0);
    for name in host.names("sys/devices/system/cpu") {
        let numbered = name.strip_prefix("cpu").is_some_and(|number| number.parse::<u32>().is_ok());
        let read = |file: &str| host.value(&format!("sys/devices/system/cpu/{name}/topology/{file}"));
        let Some(core) = read("thread_siblings_list").filter(|_| numbered) else { continue };
        threads += 1;
        siblings.insert(core);
        packages.extend(read("physical_package_id"));
    }
    let count = |set: &BTreeSet<String>| u32::try_from(set.len()).unwrap_or(u32::MAX);
    Topology { cores: count(&siblings), threads, sockets: count(&packages) }
}

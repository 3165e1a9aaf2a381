//! The answers of `vdsm:host/ask` as trees. Numbers are numbers here: what travels as text on VDSM's wire is the verb module's.

use std::collections::BTreeMap;
use std::time::Duration;

use vdsm_core::tree::{Tree, TreeBuilder};
use vdsm_modules::state::Client;

use crate::board::Statistics;
use crate::facts::Facts;
use crate::facts::packages::{BuildTime, COMPATIBILITY};
use crate::hypervisor::{HypervisorFacts, MachineLoad};
use crate::network::{Bonding, Bridge, Device, Links, Nic, Vlan};
use crate::sampler::window::{Flow, Rates};

/// `uuid` (absent when nothing identifies the host), `operatingSystem` {name, version, release}, `software` {version, revision,
/// name}, `generation`, `bootId`.
pub(super) fn identity(facts: &Facts, generation: &str, boot: &str) -> Tree {
    let system = &facts.operating_system;
    Tree::object(|object| {
        if let Some(uuid) = &facts.host_id {
            object.text_at("uuid", uuid);
        }
        object.object_at("operatingSystem", |object| {
            object.text_at("name", &system.name).text_at("version", &system.version).text_at("release", &system.release);
        });
        object.object_at("software", |object| {
            object.text_at("version", COMPATIBILITY.version).text_at("revision", COMPATIBILITY.release);
            object.text_at("name", COMPATIBILITY.name);
        });
        object.text_at("generation", generation).text_at("bootId", boot);
    })
}

/// `cpuModel`, `cpuSpeed` (double, MHz; absent when the kernel tells none), `cpuFlags`, `models`, `cores`, `threads`, `sockets`,
/// `memoryMiB`, `kvm`, `machines`, `initiator` (text), `fibreChannel` (array of {wwpn, wwnn, model}), `system` {manufacturer,
/// product, version, serial, uuid, family} (absent without DMI).
pub(super) fn hardware(facts: &Facts, hypervisor: &HypervisorFacts) -> Tree {
    Tree::object(|object| {
        object.text_at("cpuModel", &facts.processor.model);
        if let Some(mhz) = facts.processor.mhz {
            object.key("cpuSpeed").double(mhz);
        }
        texts(object, "cpuFlags", &facts.processor.flags);
        texts(object, "models", &hypervisor.models);
        for (key, count) in [("cores", facts.topology.cores), ("threads", facts.topology.threads), ("sockets", facts.topology.sockets)] {
            object.int_at(key, int(u64::from(count)));
        }
        object.int_at("memoryMiB", int(facts.memory_mib)).boolean_at("kvm", facts.kvm);
        texts(object, "machines", &hypervisor.machines);
        object.text_at("initiator", &facts.adapters.initiator);
        object.array_at("fibreChannel", |array| {
            for adapter in &facts.adapters.fibre_channel {
                array.open_object().text_at("wwpn", &adapter.wwpn).text_at("wwnn", &adapter.wwnn).text_at("model", &adapter.model).close();
            }
        });
        if let Some(system) = &facts.system {
            object.object_at("system", |object| {
                object.text_at("manufacturer", &system.manufacturer).text_at("product", &system.product);
                object.text_at("version", &system.version).text_at("serial", &system.serial);
                object.text_at("uuid", &system.uuid).text_at("family", &system.family);
            });
        }
    })
}

/// By VDSM's names: {version, release, buildtime}; buildtime is a double or a text.
pub(super) fn packages(facts: &Facts) -> Tree {
    Tree::object(|object| {
        for (name, package) in &facts.packages {
            object.object_at(name, |object| {
                object.text_at("version", &package.version).text_at("release", &package.release).key("buildtime");
                match package.built {
                    BuildTime::Epoch(seconds) => object.double(seconds),
                    BuildTime::Text(text) => object.text(text),
                };
            });
        }
    })
}

/// `nics`, `bridges`, `vlans`, `bondings`, in VDSM's own shape.
pub(super) fn network(links: &Links) -> Tree {
    Tree::object(|object| {
        devices(object, "nics", &links.nics, |object, nic: &Nic| {
            device(object, &nic.device);
            object.text_at("hwaddr", &nic.hardware).int_at("speed", nic.speed);
            if let Some(permanent) = &nic.permanent {
                object.text_at("permhwaddr", permanent);
            }
        });
        devices(object, "bridges", &links.bridges, |object, bridge: &Bridge| {
            device(object, &bridge.device);
            object.text_at("gateway", &bridge.gateway).text_at("ipv6gateway", &bridge.gateway6);
            texts(object, "ports", &bridge.ports);
            object.text_at("stp", if bridge.spanning_tree { "on" } else { "off" });
        });
        devices(object, "vlans", &links.vlans, |object, vlan: &Vlan| {
            device(object, &vlan.device);
            object.text_at("iface", &vlan.parent).int_at("vlanid", vlan.tag);
        });
        devices(object, "bondings", &links.bondings, |object, bonding: &Bonding| {
            device(object, &bonding.device);
            object.text_at("hwaddr", &bonding.hardware);
            texts(object, "slaves", &bonding.slaves);
        });
    })
}

fn devices<T>(object: &mut TreeBuilder, key: &str, all: &BTreeMap<String, T>, fill: impl Fn(&mut TreeBuilder, &T)) {
    object.object_at(key, |object| {
        for (name, each) in all {
            object.object_at(name, |object| fill(object, each));
        }
    });
}

fn device(object: &mut TreeBuilder, device: &Device) {
    object.text_at("addr", &device.address).text_at("netmask", &device.netmask).text_at("mtu", &device.mtu);
    texts(object, "ipv6addrs", &device.ipv6);
    object.object_at("cfg", |object| {
        for (key, value) in &device.configuration {
            object.text_at(key, value);
        }
    });
}

/// How old things are.
#[derive(Clone, Copy)]
pub(super) struct Ages {
    /// This start of the daemon.
    pub(super) daemon: Duration,
    /// The last sample; before the first one as old as the daemon.
    pub(super) sample: Duration,
}

/// `elapsed` (int, s), `age` (double, s), `memory` {free, swapTotal, swapFree: MiB}, `ksm` {running, pages, shared: MiB, cpu:
/// percent}, `machines` {count, active, migrating, committed, resident: MiB} and, once there are two samples, `window`.
pub(super) fn statistics(statistics: &Statistics, ages: Ages, load: MachineLoad) -> Tree {
    let Statistics { memory, same_pages, rates, .. } = statistics;
    Tree::object(|object| {
        object.int_at("elapsed", int(ages.daemon.as_secs())).key("age").double(ages.sample.as_secs_f64());
        object.object_at("memory", |object| {
            object.int_at("free", int(memory.free_mib));
            object.int_at("swapTotal", int(memory.swap_total_mib)).int_at("swapFree", int(memory.swap_free_mib));
        });
        object.object_at("ksm", |object| {
            object.boolean_at("running", same_pages.running).int_at("pages", int(same_pages.pages_to_scan));
            object.int_at("shared", int(same_pages.shared_mib));
            object.int_at("cpu", rates.as_ref().map_or(0, |rates| rates.same_pages as i32));
        });
        object.object_at("machines", |object| {
            let MachineLoad { count, active, migrating, committed_mib, resident_mib, policies } = load;
            let numbers = [
                ("count", count),
                ("active", active),
                ("migrating", migrating),
                ("committed", committed_mib),
                ("resident", resident_mib),
                ("policies", policies),
            ];
            for (key, number) in numbers {
                object.int_at(key, int(u64::from(number)));
            }
        });
        if let Some(rates) = rates {
            object.object_at("window", |object| window(object, rates));
        }
    })
}

/// `cpuUser`, `cpuSystem`, `cpuIdle`, `daemonUser`, `daemonSystem`, `load`, `rxRate`, `txRate` (doubles), `memoryUsed` (percent),
/// `anonymousHuge` (MiB), `hugePages` (text), `rxDropped`, `txDropped` (int64), `devices` by name, `disks` by path (MiB, nil
/// when it is not there).
fn window(object: &mut TreeBuilder, rates: &Rates) {
    let numbers = [
        ("cpuUser", rates.user),
        ("cpuSystem", rates.system),
        ("cpuIdle", rates.idle()),
        ("daemonUser", rates.daemon_user),
        ("daemonSystem", rates.daemon_system),
        ("load", rates.load),
        ("rxRate", rates.rx_percent),
        ("txRate", rates.tx_percent),
    ];
    for (key, number) in numbers {
        object.key(key).double(number);
    }
    object.int_at("memoryUsed", int(rates.memory.used_percent)).int_at("anonymousHuge", int(rates.memory.anonymous_huge_mib));
    object.text_at("hugePages", rates.transparent_huge_pages);
    let (rx, tx) = rates.dropped();
    object.key("rxDropped").int64(int64(rx)).key("txDropped").int64(int64(tx));
    devices(object, "devices", &rates.devices, flow);
    object.object_at("disks", |object| {
        for (path, free) in &rates.disks {
            match free {
                Some(free) => object.key(path).int64(int64(*free)),
                None => object.key(path).nil(),
            };
        }
    });
}

/// `speed` (int, Mbit/s), `up` (boolean), `rxRate`, `txRate` (double, percent), counters as int64.
fn flow(object: &mut TreeBuilder, flow: &Flow) {
    object.int_at("speed", flow.speed).boolean_at("up", flow.now.up);
    object.key("rxRate").double(flow.rx_percent).key("txRate").double(flow.tx_percent);
    let counters = [
        ("rxDropped", flow.now.rx_dropped),
        ("txDropped", flow.now.tx_dropped),
        ("rxErrors", flow.now.rx_errors),
        ("txErrors", flow.now.tx_errors),
    ];
    for (key, counter) in counters {
        object.key(key).int64(int64(counter));
    }
}

/// `peer`, `local`, `interface` (empty when no device owns the local address).
pub(super) fn client(client: &Client, interface: Option<&str>) -> Tree {
    Tree::object(|object| {
        object.text_at("peer", &client.peer).text_at("local", &client.local).text_at("interface", interface.unwrap_or_default());
    })
}

fn texts(object: &mut TreeBuilder, key: &str, all: &[String]) {
    object.array_at(key, |array| {
        for text in all {
            array.text(text);
        }
    });
}

fn int(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn int64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

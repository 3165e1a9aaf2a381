//! `getVdsCapabilities`: what this host is and can do.
//!
//! Numbers travel as text except where VDSM sends them as ints. There is never a member `packages`: managers would prefer that older
//! list. The list of hooks is left out, as VDSM leaves it out when it cannot be read.

use vdsm_sdk::wire::{Object, Value};
use vdsm_sdk::{array, object};

use crate::settings::Settings;
use crate::words::{count, int, lower, text, texts};

/// Levels of clusters and managers that VDSM 4.13 serves.
const LEVELS: [&str; 4] = ["3.0", "3.1", "3.2", "3.3"];
/// Versions of the migration and API protocol that VDSM 4.13 names.
const PROTOCOLS: [&str; 2] = ["2.2", "2.3"];
/// What VDSM's fake mode says of a processor, whatever it is.
const FAKE_MODEL: &str = "Intel(Fake) CPU";
const FAKE_FLAGS: [&str; 3] = ["vmx", "sse2", "nx"];
const FAKE_MODELS: [&str; 13] = [
    "486",
    "pentium",
    "pentium2",
    "pentium3",
    "pentiumpro",
    "qemu32",
    "coreduo",
    "core2duo",
    "n270",
    "Conroe",
    "Penryn",
    "Nehalem",
    "Opteron_G1",
];

/// What the host knows, as `vdsm:host/ask` gives it.
pub(crate) struct Host {
    pub(crate) identity: Value,
    pub(crate) hardware: Value,
    pub(crate) packages: Value,
    pub(crate) network: Value,
    pub(crate) client: Value,
    pub(crate) settings: Settings,
}

/// `info`.
pub(crate) fn capabilities(host: &Host) -> Object {
    let groups = [processor(host), software(host), network(host), storage(host), memory(host)];
    groups.into_iter().flatten().collect()
}

fn processor(Host { hardware, settings, .. }: &Host) -> Object {
    let kvm = hardware.get("kvm").and_then(Value::as_bool).unwrap_or(false) || settings.fake_kvm;
    let cores = if settings.threads_as_cores { "threads" } else { "cores" };
    let speed = hardware.get("cpuSpeed").and_then(Value::as_double).filter(|mhz| mhz.is_finite());
    object! {
        "kvmEnabled": lower(kvm),
        "cpuCores": count(hardware, cores),
        "cpuThreads": count(hardware, "threads"),
        "cpuSockets": count(hardware, "sockets"),
        // Managers cannot do without a number here; 0 says that the kernel tells none.
        "cpuSpeed": speed.map_or_else(|| "0".to_owned(), |mhz| format!("{mhz:.3}")),
        "cpuModel": if settings.fake_kvm { FAKE_MODEL } else { text(hardware, "cpuModel") },
        "cpuFlags": flags(hardware, settings.fake_kvm).join(","),
        "emulatedMachines": machines(hardware, &settings.machine_aliases),
        "vmTypes": array!["kvm"],
    }
}

/// The processor's flags in order, then `model_NAME` for every model that this host can run. In fake mode VDSM adds what it
/// pretends to; its missing comma before the first model is not kept, because it costs the flag before it.
fn flags(hardware: &Value, fake: bool) -> Vec<String> {
    let mut all: Vec<String> = texts(hardware, "cpuFlags").into_iter().map(str::to_owned).collect();
    let mut models: Vec<String> = texts(hardware, "models").into_iter().map(|model| format!("model_{model}")).collect();
    if fake {
        add(&mut all, FAKE_FLAGS.map(str::to_owned));
        add(&mut models, FAKE_MODELS.map(|model| format!("model_{model}")));
    }
    add(&mut all, models);
    all
}

/// Machine types, and the older names under which they are offered where they are there.
fn machines(hardware: &Value, aliases: &[(String, String)]) -> Value {
    let mut all: Vec<String> = texts(hardware, "machines").into_iter().map(str::to_owned).collect();
    let offered: Vec<String> = aliases.iter().filter(|(_, machine)| all.contains(machine)).map(|(alias, _)| alias.clone()).collect();
    add(&mut all, offered);
    all.into()
}

fn add(all: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for each in more {
        if !all.contains(&each) {
            all.push(each);
        }
    }
}

fn software(Host { identity, packages, .. }: &Host) -> Object {
    let software = identity.get("software").unwrap_or(&Value::Nil);
    let unknown = || Value::from(object! { "name": "unknown", "version": "", "release": "" });
    object! {
        "version_name": text(software, "name"),
        "software_version": text(software, "version"),
        "software_revision": text(software, "revision"),
        "supportedENGINEs": levels(),
        "clusterLevels": levels(),
        "supportedProtocols": PROTOCOLS.into_iter().collect::<Value>(),
        "operatingSystem": identity.get("operatingSystem").cloned().unwrap_or_else(unknown),
        // Python's text of its own nil, which is what VDSM sends when nothing identifies the host.
        "uuid": identity.text("uuid").unwrap_or("None"),
        "packages2": packages.as_object().cloned().unwrap_or_default(),
    }
}

fn levels() -> Value {
    LEVELS.into_iter().collect()
}

fn network(Host { network, client, settings, .. }: &Host) -> Object {
    let links = |key: &str| crate::words::object(network, key);
    object! {
        // Networks are another room's; a host without that room has none.
        "networks": object! {},
        "bridges": links("bridges"),
        "nics": links("nics"),
        "bondings": links("bondings"),
        "vlans": links("vlans"),
        "netConfigDirty": "False",
        "management_ip": settings.management_ip.as_str(),
        "lastClient": text(client, "peer"),
        "lastClientIface": text(client, "interface"),
    }
}

fn storage(Host { hardware, .. }: &Host) -> Object {
    let initiator = text(hardware, "initiator");
    let initiators = if initiator.is_empty() { array![] } else { array![object! { "InitiatorName": initiator }] };
    let fibre_channel = hardware.get("fibreChannel").filter(|list| list.as_array().is_some());
    object! {
        "ISCSIInitiatorName": initiator,
        "HBAInventory": object! { "iSCSI": initiators, "FC": fibre_channel.cloned().unwrap_or_else(|| array![]) },
    }
}

fn memory(Host { hardware, settings, .. }: &Host) -> Object {
    object! {
        "memSize": int(hardware, "memoryMiB").to_string(),
        "reservedMem": (settings.host_reserve + settings.extra_reserve).to_string(),
        "guestOverhead": settings.guest_overhead.to_string(),
    }
}

//! Storage adapters: the iSCSI initiator's name and fibre channel hosts.

use crate::hostfs::HostFs;

/// What the inventory of adapters shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adapters {
    /// `InitiatorName` of `/etc/iscsi/initiatorname.iscsi`; empty without one.
    pub initiator: String,
    /// Fibre channel hosts, in the order of their names.
    pub fibre_channel: Vec<FibreChannel>,
}

/// A fibre channel host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FibreChannel {
    /// Port name, without its leading `0x`, and without leading zeros, as VDSM strips them.
    pub wwpn: String,
    /// Node name, likewise.
    pub wwnn: String,
    /// `NAME - DESCRIPTION`.
    pub model: String,
}

/// Reads both.
pub fn read(host: &HostFs) -> Adapters {
    let text = host.read("etc/iscsi/initiatorname.iscsi").unwrap_or_default();
    let hosts = host.names("sys/class/fc_host").into_iter().filter(|name| name.starts_with("host"));
    Adapters { initiator: initiator(&text), fibre_channel: hosts.map(|name| fibre_channel(host, &name)).collect() }
}

/// The value of `InitiatorName` in the text of the initiator's file.
pub fn initiator(text: &str) -> String {
    let named = text.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "InitiatorName");
    named.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

fn fibre_channel(host: &HostFs, name: &str) -> FibreChannel {
    let address = |file: &str| {
        let text = host.value(&format!("sys/class/fc_host/{name}/{file}")).unwrap_or_default();
        text.trim_start_matches(['0', 'x']).to_owned()
    };
    let first = |files: [&str; 3]| {
        let known = files.iter().find_map(|file| host.value(&format!("sys/class/scsi_host/{name}/{file}")));
        known.unwrap_or_else(|| "Unknown".to_owned())
    };
    let model = first(["modelname", "model", "model_name"]);
    let description = first(["modeldesc", "model_description", "model_desc"]);
    FibreChannel { wwpn: address("port_name"), wwnn: address("node_name"), model: format!("{model} - {description}") }
}

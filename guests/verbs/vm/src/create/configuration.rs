//! The configuration of a machine: the parameters of `create` with VDSM's defaults and what the host adds to them.

use vdsm_sdk::wire::{Object, Value, lenient};

/// What the host adds.
pub(super) struct Additions {
    /// `vars.nic_model`
    pub(super) nic_model: String,
    /// `addresses.guests_gateway_ip`
    pub(super) gateway: String,
    /// Links of the host as `network` tells them: groups of devices by name.
    pub(super) links: Value,
}

/// The configuration of machine `id` as it is kept from its registration on.
pub(super) fn complete(id: &str, parameters: &Object, additions: &Additions) -> Object {
    let mut conf = parameters.clone();
    // A type that was named, and no other, says how processors are had.
    if conf.text("vmType") == Some("kvm") {
        conf.entry("kvmEnable", || "true".into());
    }
    conf.entry("vmType", || "kvm".into());
    conf.entry("vmName", || format!("n{id}").into());
    conf.entry("nicModel", || additions.nic_model.as_str().into());
    conf.set("displayIp", display_address(parameters, additions));
    for (key, value) in [("displayPort", "-1"), ("displaySecurePort", "-1"), ("clientIp", ""), ("pid", "0"), ("status", "WaitForLaunch")] {
        conf.set(key, value);
    }
    conf.remove("launchPaused");
    conf
}

/// The address display clients connect to: that of the display network's device, else the configured gateway, else `0`.
fn display_address(parameters: &Object, additions: &Additions) -> String {
    let of_network = parameters.text("displayNetwork").and_then(|network| {
        let groups = ["bridges", "vlans", "bondings", "nics"].into_iter().filter_map(|group| additions.links.get(group));
        groups.filter_map(|group| group.get(network)?.text("addr")).find(|address| !address.is_empty())
    });
    match of_network {
        Some(address) => address.into(),
        None if !additions.gateway.is_empty() => additions.gateway.clone(),
        None => "0".into(),
    }
}

/// Whether the machine is to wait for `cont`: the key alone says so, whatever its value.
pub(super) fn starts_paused(parameters: &Object) -> bool {
    parameters.contains("launchPaused")
}

/// What a drive shows to its guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium<'a> {
    /// A drive with nothing in it.
    None,
    /// What lies in a CD or floppy drive. libvirt leaves out what is not there any more.
    Removable(&'a str),
    /// The file or block device of a disk, which must be there.
    Fixed(&'a str),
}

/// What lies in a drive; none when it says nothing that could be opened.
pub(super) fn medium(drive: &Object) -> Option<Medium<'_>> {
    let removable = matches!(drive.text("device"), Some("cdrom" | "floppy"));
    let parameters = drive.get("specParams");
    let path = drive.text("path").or_else(|| parameters?.text("path").filter(|_| removable));
    match path {
        Some("") | None if removable && (path.is_some() || parameters.is_some()) => Some(Medium::None),
        Some("") | None => None,
        Some(path) if removable => Some(Medium::Removable(path)),
        Some(path) => Some(Medium::Fixed(path)),
    }
}

/// Whether a setting switches something on.
pub(super) fn is_on(setting: &str) -> bool {
    lenient::tobool(&setting.into())
}

/// What was sent, as every later reply can show it: a member without a value (Python's `None`) is as good as none, and a number of 64
/// bits is a text.
pub(crate) fn shown_later(parameters: &Object) -> Object {
    parameters.iter().filter_map(|(name, value)| Some((name.to_owned(), value_shown_later(value)?))).collect()
}

fn value_shown_later(value: &Value) -> Option<Value> {
    match value {
        Value::Nil => None,
        Value::Int64(number) => Some(Value::Text(number.to_string())),
        Value::Array(items) => Some(Value::Array(items.iter().filter_map(value_shown_later).collect())),
        Value::Object(members) => Some(Value::Object(shown_later(members))),
        other => Some(other.clone()),
    }
}

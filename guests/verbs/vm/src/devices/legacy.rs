//! The form of managers before devices had a list: one key a kind of device.

use vdsm_sdk::object;
use vdsm_sdk::wire::{Object, Value, lenient};

use super::Defaults;
use crate::reading::{self, Unstartable};

/// The list that older keys stand for.
pub(super) fn devices(conf: &Object, defaults: &Defaults) -> Result<Vec<Value>, Unstartable> {
    let mut list = drives(conf)?;
    list.extend(removable(conf));
    list.extend(interfaces(conf, defaults)?);
    list.extend(videos(conf)?);
    if let Some(device) = reading::filled(conf, "soundDevice") {
        list.push(object! { "type": "sound", "device": device }.into());
    }
    if reading::flag(conf, "smartcard", false) {
        let parameters = object! { "mode": "passthrough", "type": "spicevmc" };
        list.push(object! { "type": "smartcard", "device": "smartcard", "specParams": parameters }.into());
    }
    list.push(object! { "type": "controller", "device": "virtio-serial" }.into());
    Ok(list)
}

/// `drives`, else `hda` to `hdd`.
fn drives(conf: &Object) -> Result<Vec<Value>, Unstartable> {
    let listed = conf.get("drives").map(Value::items).unwrap_or_default();
    if !listed.is_empty() {
        return listed.iter().map(drive).collect();
    }
    let named = ["hda", "hdb", "hdc", "hdd"].into_iter().zip(0..);
    let disk = |(key, index): (&str, i32)| {
        let path = reading::filled(conf, key)?;
        let mut disk = object! { "type": "disk", "device": "disk", "iface": "ide", "index": index, "path": path };
        plain(&mut disk);
        Some(disk.into())
    };
    Ok(named.filter_map(disk).collect())
}

fn drive(value: &Value) -> Result<Value, Unstartable> {
    let mut drive = value.as_object().cloned().ok_or_else(|| Unstartable::new("Bad drive: not a struct"))?;
    drive.set("type", "disk");
    drive.entry("device", || "disk".into());
    let iface = reading::filled(&drive, "iface").or_else(|| reading::text(&drive, "if")).unwrap_or_else(|| "ide".into());
    drive.set("iface", iface);
    plain(&mut drive);
    Ok(drive.into())
}

/// What VDSM takes an older drive for where it says nothing itself.
fn plain(drive: &mut Object) {
    for (key, default) in [("format", "raw"), ("propagateErrors", "off")] {
        if !drive.get(key).is_some_and(lenient::truthy) {
            drive.set(key, default);
        }
    }
    drive.set("readonly", false);
    drive.set("shared", false);
}

/// The CD drive that is always there, perhaps empty, and the floppy drive when it is asked for.
fn removable(conf: &Object) -> Vec<Value> {
    let path = reading::text(conf, "cdrom").unwrap_or_default();
    let mut list = vec![object! { "type": "disk", "device": "cdrom", "iface": "ide", "index": 2, "path": path }.into()];
    if let Some(path) = reading::filled(conf, "floppy") {
        list.push(object! { "type": "disk", "device": "floppy", "iface": "fdc", "index": 0, "path": path }.into());
    }
    list
}

/// `macAddr`, `nicModel` and `bridge`: lists joined by commas. Addresses and bridges are filled up with their last entry.
fn interfaces(conf: &Object, defaults: &Defaults) -> Result<Vec<Value>, Unstartable> {
    let list = |key: &str, default: &str| -> Vec<String> {
        let text = reading::text(conf, key).unwrap_or_else(|| default.into());
        if text.is_empty() { Vec::new() } else { text.split(',').map(str::to_owned).collect() }
    };
    let (macs, models, bridges) = (list("macAddr", ""), list("nicModel", ""), list("bridge", &defaults.bridge));
    let (Some(last_mac), Some(last_bridge)) = (macs.last(), bridges.last()) else { return Ok(Vec::new()) };
    if models.is_empty() {
        return Ok(Vec::new());
    }
    if models.len() < macs.len() || models.len() < bridges.len() {
        return Err(Unstartable::new("Bad nic specification: fewer models than addresses or bridges"));
    }
    let nic = |(number, model): (usize, &String)| {
        let model = if model == "pv" { "virtio" } else { model };
        let (mac, bridge) = (macs.get(number).unwrap_or(last_mac), bridges.get(number).unwrap_or(last_bridge));
        object! { "type": "interface", "device": "bridge", "macAddr": mac, "nicModel": model, "network": bridge }.into()
    };
    Ok(models.iter().enumerate().map(nic).collect())
}

/// One video device a monitor.
fn videos(conf: &Object) -> Result<Vec<Value>, Unstartable> {
    let device = match conf.text("display") {
        Some("vnc") => "cirrus",
        Some("qxl") => "qxl",
        other => return Err(Unstartable(format!("No video device for display {}", other.unwrap_or_default()))),
    };
    let monitors = reading::number(conf, "spiceMonitors", 1)?;
    let memory = if monitors <= 2 { "65536" } else { "32768" };
    // No display has more heads than QEMU has PCI slots.
    let count = usize::try_from(monitors.clamp(0, 32)).unwrap_or_default();
    let video = object! { "type": "video", "device": device, "specParams": object! { "vram": memory } };
    Ok(std::iter::repeat_n(Value::from(video), count).collect())
}

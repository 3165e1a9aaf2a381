//! Disks, LUNs, CD and floppy drives.

use vdsm_sdk::wire::{Object, Value, lenient};

use super::xml::Element;
use super::{Host, Prepared, attributes};
use crate::devices::{Device, target_name};
use crate::reading::{self, Unstartable};

/// What a disk is to the guest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Medium {
    Fixed,
    Lun,
    Removable,
}

/// `disk`. `prepared` is none for a drive without a medium.
pub(super) fn element(device: &Device<'_>, conf: &Object, prepared: Option<&Prepared>, host: &Host) -> Result<Element, Unstartable> {
    let kind = device.required("device")?;
    let medium = match kind.as_str() {
        "cdrom" | "floppy" => Medium::Removable,
        "lun" => Medium::Lun,
        _ => Medium::Fixed,
    };
    let block = medium != Medium::Removable && prepared.is_some_and(|disk| disk.block);
    let interface = device.required("iface")?;
    let disk = Element::new("disk")
        .with("device", &kind)
        .with("type", if block { "block" } else { "file" })
        .with("snapshot", "no")
        .with_some("sgio", sgio(device, medium)?)
        .children(attributes(device, "address"))
        .child(source(prepared, medium, block))
        .child(Element::new("target").with("dev", target_name(device.members)?).with("bus", &interface))
        .children(shareable(device)?)
        .children(device.flag("readonly").then(|| Element::new("readonly")))
        .child(serial(device))
        .children(device.text("bootOrder").map(|order| Element::new("boot").with("order", order)));
    if medium == Medium::Removable {
        return Ok(disk);
    }
    Ok(disk.child(driver(device, conf, medium, block, host)?).children(limits(device)?))
}

fn sgio(device: &Device<'_>, medium: Medium) -> Result<Option<String>, Unstartable> {
    match device.text("sgio") {
        Some(_) if medium != Medium::Lun => Err(device.unfit("sgio is for LUNs only")),
        sgio => Ok(sgio),
    }
}

fn source(prepared: Option<&Prepared>, medium: Medium, block: bool) -> Element {
    let path = prepared.map_or("", |disk| disk.path.as_str());
    let source = Element::new("source").with(if block { "dev" } else { "file" }, path);
    if medium == Medium::Removable { source.with("startupPolicy", "optional") } else { source }
}

/// Who else may write. Leases of exclusive volumes come with storage images and their volume chains.
fn shareable(device: &Device<'_>) -> Result<Option<Element>, Unstartable> {
    let shared = match device.members.get("shared") {
        None => false,
        Some(Value::Text(word)) if matches!(word.as_str(), "none" | "exclusive") => false,
        Some(Value::Text(word)) if word == "shared" => true,
        Some(flag @ Value::Bool(_)) => lenient::tobool(flag),
        Some(Value::Text(word)) if word.eq_ignore_ascii_case("true") => true,
        Some(Value::Text(word)) if word.eq_ignore_ascii_case("false") => false,
        Some(_) => return Err(device.unfit("shared is none of none, exclusive, shared, true, false")),
    };
    Ok(shared.then(|| Element::new("shareable")))
}

/// How the guest tells disks apart. It must never change: memory snapshots find their disks by it.
fn serial(device: &Device<'_>) -> Element {
    Element::new("serial").holding(device.text("serial").or_else(|| device.text("imageID")).unwrap_or_default())
}

fn driver(device: &Device<'_>, conf: &Object, medium: Medium, block: bool, host: &Host) -> Result<Element, Unstartable> {
    let format = if device.required("format")? == "cow" { "qcow2" } else { "raw" };
    if medium == Medium::Lun && format == "qcow2" {
        return Err(device.unfit("a LUN has no format cow"));
    }
    let own_cache = conf.get("custom").and_then(|custom| reading::filled(custom.as_object()?, "viodiskcache"));
    let cache = own_cache.filter(|_| device.text("iface").as_deref() == Some("virtio")).unwrap_or_else(|| host.drive_cache.clone());
    let propagates = device.members.get("propagateErrors").is_some_and(|value| value.as_text() == Some("on") || lenient::tobool(value));
    Ok(Element::new("driver")
        .with("name", "qemu")
        .with("io", if block { "native" } else { "threads" })
        .with("type", format)
        .with("cache", cache)
        .with("error_policy", if propagates { "enospace" } else { "stop" }))
}

/// `iotune`: bytes or operations a second, in all or apart for reading and writing, not both.
fn limits(device: &Device<'_>) -> Result<Option<Element>, Unstartable> {
    const NAMES: [&str; 6] = ["total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec", "write_iops_sec"];
    let Some(limits) = device.parameters().and_then(|parameters| parameters.get("ioTune")).and_then(Value::as_object) else {
        return Ok(None);
    };
    if let Some((unknown, _)) = limits.iter().find(|(name, _)| !NAMES.contains(name)) {
        return Err(device.unfit(&format!("unknown limit {unknown}")));
    }
    let mut element = Element::new("iotune");
    for (name, value) in limits.iter() {
        let limit = lenient::int_like(value).filter(|limit| *limit >= 0);
        let limit = limit.ok_or_else(|| device.unfit(&format!("{name} is no number from 0 up")))?;
        element = element.child(Element::new(name).holding(limit.to_string()));
    }
    let set = |name: &str| limits.get(name).and_then(lenient::int_like).is_some_and(|limit| limit != 0);
    for unit in ["bytes_sec", "iops_sec"] {
        if set(&format!("total_{unit}")) && (set(&format!("read_{unit}")) || set(&format!("write_{unit}"))) {
            return Err(device.unfit(&format!("a total of {unit} and one for reading or writing exclude each other")));
        }
    }
    Ok(Some(element))
}

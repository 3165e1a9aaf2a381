//! Devices that are one short element: video, sound, controllers, balloon, watchdog, smartcard, redirection, console, and those that
//! VDSM does not know by name.

use super::attributes;
use super::xml::Element;
use crate::devices::Device;
use crate::reading::Unstartable;

/// An element with the device's address in it.
fn addressed(name: &str, device: &Device<'_>) -> Element {
    Element::new(name).children(attributes(device, "address"))
}

/// `video`
pub(super) fn video(device: &Device<'_>) -> Result<Element, Unstartable> {
    let model = Element::new("model")
        .with("type", device.required("device")?)
        .with("vram", device.parameter("vram").unwrap_or_else(|| "32768".into()))
        .with("heads", device.parameter("heads").unwrap_or_else(|| "1".into()))
        .with_some("ram", device.parameter("ram"));
    Ok(addressed("video", device).child(model))
}

/// `sound`
pub(super) fn sound(device: &Device<'_>) -> Result<Element, Unstartable> {
    Ok(addressed("sound", device).with("model", device.required("device")?))
}

/// `controller`
pub(super) fn controller(device: &Device<'_>) -> Result<Element, Unstartable> {
    let kind = device.required("device")?;
    let controller = if kind == "virtio-serial" {
        Element::new("controller").with("index", "0").with("ports", "16")
    } else {
        let of = |key| device.text(key);
        Element::new("controller").with_some("index", of("index")).with_some("model", of("model"))
    };
    Ok(controller.with("type", kind).children(attributes(device, "master")).children(attributes(device, "address")))
}

/// `memballoon`
pub(super) fn balloon(device: &Device<'_>) -> Result<Element, Unstartable> {
    let model = device.parameter("model").ok_or_else(|| device.unfit("specParams.model is missing"))?;
    Ok(addressed("memballoon", device).with("model", model))
}

/// `watchdog`
pub(super) fn watchdog(device: &Device<'_>) -> Element {
    addressed("watchdog", device)
        .with("model", device.parameter("model").unwrap_or_else(|| "i6300esb".into()))
        .with("action", device.parameter("action").unwrap_or_else(|| "none".into()))
}

/// `smartcard`: the host's own, or one passed through by the display client.
pub(super) fn smartcard(device: &Device<'_>) -> Result<Element, Unstartable> {
    let required = |key: &str| device.parameter(key).ok_or_else(|| device.unfit(&format!("specParams.{key} is missing")));
    let mode = required("mode")?;
    let card = addressed("smartcard", device);
    let card = if mode == "host" { card } else { card.with("type", required("type")?) };
    Ok(card.with("mode", mode))
}

/// `redirdev`
pub(super) fn redirection(device: &Device<'_>) -> Result<Element, Unstartable> {
    Ok(addressed("redirdev", device).with("type", device.required("device")?).with_some("bus", device.text("bus")))
}

/// `console`
pub(super) fn console() -> Element {
    Element::new("console").with("type", "pty").child(Element::new("target").with("type", "virtio").with("port", "0"))
}

/// A device that is not known by name: an element named after its type.
pub(super) fn general(device: &Device<'_>) -> Result<Element, Unstartable> {
    let kind = device.required("type")?;
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !kind.chars().all(named) || !kind.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(device.unfit("this type cannot be the name of an element"));
    }
    Ok(addressed(&kind, device).with("type", device.required("device")?))
}

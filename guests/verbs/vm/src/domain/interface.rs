//! Network interfaces.

use vdsm_sdk::wire::{Object, Value, lenient};

use super::xml::Element;
use super::{attributes, struct_element};
use crate::devices::Device;
use crate::reading::{self, Unstartable};

/// The bridge of an interface that is not connected.
const UNCONNECTED: &str = ";vdsmdummy;";

/// `interface`
pub(super) fn element(device: &Device<'_>, conf: &Object) -> Result<Element, Unstartable> {
    let model = device.required("nicModel")?;
    let network = device.text("network").unwrap_or_default();
    let bridge = if network.is_empty() { UNCONNECTED } else { &network };
    let interface = Element::new("interface")
        .with("type", device.required("device")?)
        .children(attributes(device, "address"))
        .child(Element::new("mac").with("address", device.required("macAddr")?))
        .child(Element::new("model").with("type", if model == "pv" { "virtio" } else { &model }))
        .child(Element::new("source").with("bridge", bridge))
        .children(device.text("filter").map(|filter| Element::new("filterref").with("filter", filter)))
        .children(device.members.get("linkActive").map(link))
        .children(device.text("bootOrder").map(|order| Element::new("boot").with("order", order)))
        .children(driver(conf, bridge))
        .children(send_buffer(conf))
        .children(bandwidth(device));
    Ok(interface)
}

fn link(active: &Value) -> Element {
    Element::new("link").with("state", if lenient::tobool(active) { "up" } else { "down" })
}

/// A custom property of the machine, where it is not empty.
fn property(conf: &Object, name: &str) -> Option<String> {
    reading::filled(conf.get("custom")?.as_object()?, name)
}

/// The custom property `vhost`: `network:true` or `network:false`, joined by commas. Networks it does not name have libvirt's choice.
fn driver(conf: &Object, bridge: &str) -> Option<Element> {
    let property = property(conf, "vhost")?;
    let mut entries = property.split(',').filter_map(|entry| entry.split_once(':'));
    let (_, wanted) = entries.find(|(network, _)| *network == bridge)?;
    Some(Element::new("driver").with("name", if wanted.eq_ignore_ascii_case("true") { "vhost" } else { "qemu" }))
}

fn send_buffer(conf: &Object) -> Option<Element> {
    let size = property(conf, "sndbuf")?;
    Some(Element::new("tune").child(Element::new("sndbuf").holding(size)))
}

fn bandwidth(device: &Device<'_>) -> Option<Element> {
    let parameters = device.parameters()?;
    let direction = |key| Some(struct_element(key, parameters.get(key)?.as_object()?));
    let limits: Vec<Element> = ["inbound", "outbound"].into_iter().filter_map(direction).collect();
    (!limits.is_empty()).then(|| Element::new("bandwidth").children(limits))
}

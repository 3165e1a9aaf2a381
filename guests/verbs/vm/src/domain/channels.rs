//! What a machine has without asking for a device: agent channels, pointer and display.

use vdsm_sdk::wire::Object;

use super::xml::Element;
use super::{DisplayTls, Host};
use crate::reading;

/// Channels of the two guest agents, with the key that can switch each off.
const AGENTS: [(&str, &str); 2] = [("vmchannel", "com.redhat.rhevm.vdsm"), ("qgaEnable", "org.qemu.guest_agent.0")];

/// Agent channels, pointer, SPICE channel and display, in that order.
pub(super) fn fixed(id: &str, conf: &Object, host: &Host) -> Vec<Element> {
    let wanted = AGENTS.into_iter().filter(|(key, _)| reading::flag(conf, key, true));
    let mut elements: Vec<Element> = wanted.map(|(_, name)| agent(id, name, host)).collect();
    elements.push(pointer(conf));
    if is_spice(conf) {
        let target = Element::new("target").with("type", "virtio").with("name", "com.redhat.spice.0");
        elements.push(Element::new("channel").with("type", "spicevmc").child(target));
    }
    elements.push(graphics(conf, host));
    elements
}

fn agent(id: &str, name: &str, host: &Host) -> Element {
    let path = format!("{}/{id}.{name}", host.channels);
    Element::new("channel")
        .with("type", "unix")
        .child(Element::new("target").with("type", "virtio").with("name", name))
        .child(Element::new("source").with("mode", "bind").with("path", path))
}

fn pointer(conf: &Object) -> Element {
    let (kind, bus) = if reading::flag(conf, "tabletEnable", false) { ("tablet", "usb") } else { ("mouse", "ps2") };
    Element::new("input").with("type", kind).with("bus", bus)
}

fn is_spice(conf: &Object) -> bool {
    conf.text("display").is_some_and(|display| display.contains("qxl"))
}

fn graphics(conf: &Object, host: &Host) -> Element {
    let port = |key| reading::text(conf, key).unwrap_or_else(|| "-1".into());
    let mut graphics = Element::new("graphics")
        .with("port", port("displayPort"))
        .with("autoport", "yes")
        .with_some("keymap", reading::filled(conf, "keyboardLayout"));
    graphics = graphics.with("type", if is_spice(conf) { "spice" } else { "vnc" });
    if is_spice(conf) && host.display_tls == DisplayTls::Offered {
        graphics = graphics.with("tlsPort", port("displaySecurePort")).children(secure_channels(conf));
    }
    // The ticket: a password nobody knows, expired long ago, until setVmTicket sets another. The key alone switches it off.
    if !conf.contains("spiceDisableTicketing") {
        graphics = graphics.with("passwd", "*****").with("passwdValidTo", "1970-01-01T00:00:01");
    }
    match reading::filled(conf, "displayNetwork") {
        Some(network) => graphics.child(Element::new("listen").with("type", "network").with("network", format!("vdsm-{network}"))),
        None => graphics.with("listen", "0"),
    }
}

/// `spiceSecureChannels`: names joined by commas, each with an `s` before it.
fn secure_channels(conf: &Object) -> Vec<Element> {
    let list = reading::filled(conf, "spiceSecureChannels").unwrap_or_default();
    let names = list.split(',').filter_map(|entry| entry.get(1..));
    names.map(|name| Element::new("channel").with("name", name).with("mode", "secure")).collect()
}

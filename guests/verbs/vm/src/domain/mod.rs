//! The domain document of a machine, as VDSM wrote it, from its configuration in normal form.
//!
//! Pure: what the host knows comes in as [`Host`], where disks lie as [`Prepared`]. Each part has a module of the same name.

mod channels;
mod compatibility;
mod cpu;
mod disk;
mod interface;
mod machine;
mod peripherals;
#[cfg(test)]
mod tests;
mod xml;

use std::collections::BTreeMap;

use vdsm_sdk::wire::Object;

pub(crate) use compatibility::for_libvirt;

use crate::devices::{self, Device, Family};
use crate::reading::Unstartable;
use xml::Element;

/// Whether processors are the host's or emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emulation {
    /// As the configuration asks (`kvmEnable`).
    AsAsked,
    /// Always emulated: `vars.fake_kvm_support`.
    Always,
}

/// Whether displays can be reached under TLS. libvirt refuses to start a SPICE display that asks for what its configuration lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DisplayTls {
    /// SPICE has a TLS port, and channels that use no other.
    Offered,
    /// It has neither: `vars.ssl` is off, which libvirt's own setting follows.
    Off,
}

/// What the document takes from the host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// Version and release of the operating system, joined: `19-8`.
    pub(crate) release: String,
    /// The host's own id, which guests see as their serial number.
    pub(crate) uuid: String,
    /// Where agent sockets lie, without a slash at the end.
    pub(crate) channels: String,
    /// Whether emulation is forced.
    pub(crate) emulation: Emulation,
    /// Whether displays have TLS.
    pub(crate) display_tls: DisplayTls,
    /// Machine types written instead of the ones asked for.
    pub(crate) machine_aliases: BTreeMap<String, String>,
    /// `vars.qemu_drive_cache`
    pub(crate) drive_cache: String,
}

/// A disk that QEMU may open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prepared {
    /// The path as QEMU opens it.
    pub(crate) path: String,
    /// Whether it is a block device.
    pub(crate) block: bool,
}

/// Prepared disks by the number of their device.
pub(crate) type Disks = BTreeMap<usize, Prepared>;

/// The document of the machine `id`.
pub(crate) fn document(id: &str, conf: &Object, disks: &Disks, host: &Host) -> Result<String, Unstartable> {
    let name = crate::reading::text(conf, "vmName").unwrap_or_else(|| format!("n{id}"));
    let domain = Element::new("domain")
        .with("type", machine::kind(conf, host))
        .child(Element::new("name").holding(name))
        .child(Element::new("uuid").holding(id))
        .children(machine::memory(conf)?)
        .child(devices(id, conf, disks, host)?)
        .children(machine::firmware(id, conf, host)?)
        .child(machine::clock(conf))
        .children(machine::features(conf))
        .children(cpu::pinning(conf)?)
        .child(cpu::model(conf)?);
    Ok(domain.document())
}

fn devices(id: &str, conf: &Object, disks: &Disks, host: &Host) -> Result<Element, Unstartable> {
    /// Groups of devices in the order they are written.
    const GROUPS: [Family; 11] = [
        Family::Smartcard,
        Family::Controller,
        Family::Video,
        Family::Interface,
        Family::Watchdog,
        Family::Disk,
        Family::Sound,
        Family::Console,
        Family::Balloon,
        Family::Redirection,
        Family::General,
    ];
    let listed = devices::devices(conf)?;
    let mut element = Element::new("devices").children(channels::fixed(id, conf, host));
    for family in GROUPS {
        for device in listed.iter().filter(|device| device.family == family) {
            element = element.child(self::device(device, conf, disks, host)?);
        }
    }
    Ok(element)
}

fn device(device: &Device<'_>, conf: &Object, disks: &Disks, host: &Host) -> Result<Element, Unstartable> {
    match device.family {
        Family::Disk => disk::element(device, conf, disks.get(&device.number), host),
        Family::Interface => interface::element(device, conf),
        Family::Video => peripherals::video(device),
        Family::Sound => peripherals::sound(device),
        Family::Controller => peripherals::controller(device),
        Family::Balloon => peripherals::balloon(device),
        Family::Redirection => peripherals::redirection(device),
        Family::Console => Ok(peripherals::console()),
        Family::Smartcard => peripherals::smartcard(device),
        Family::Watchdog => Ok(peripherals::watchdog(device)),
        Family::General => peripherals::general(device),
    }
}

/// A member that is a struct, as a child whose attributes are its scalars: how addresses are written.
fn attributes(device: &Device<'_>, key: &str) -> Option<Element> {
    device.members.get(key)?.as_object().map(|members| struct_element(key, members))
}

fn struct_element(name: &str, members: &Object) -> Element {
    members.iter().fold(Element::new(name), |element, (key, value)| element.with_some(key, vdsm_sdk::wire::lenient::text_like(value)))
}

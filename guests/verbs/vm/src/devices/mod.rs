//! Devices of a configuration: their families, and the normal form in which VDSM keeps and shows them.
//!
//! The normal form has a list `devices`, made from older keys where the caller sent none, an index for every disk, and a balloon
//! even where none was asked for.

mod index;
mod legacy;
#[cfg(test)]
mod tests;

use vdsm_sdk::object;
use vdsm_sdk::wire::{Object, Value};

pub(crate) use index::target_name;

use crate::reading::{self, Unstartable};

/// What a device is, by its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `disk`: disks, LUNs, CD and floppy drives.
    Disk,
    /// `interface`
    Interface,
    /// `video`
    Video,
    /// `sound`
    Sound,
    /// `controller`
    Controller,
    /// `balloon`
    Balloon,
    /// `redir`
    Redirection,
    /// `console`
    Console,
    /// `smartcard`
    Smartcard,
    /// `watchdog`
    Watchdog,
    /// Any other `type`.
    General,
}

impl Family {
    /// The family of a `type`.
    pub(crate) fn of(kind: &str) -> Family {
        match kind {
            "disk" => Family::Disk,
            "interface" => Family::Interface,
            "video" => Family::Video,
            "sound" => Family::Sound,
            "controller" => Family::Controller,
            "balloon" => Family::Balloon,
            "redir" => Family::Redirection,
            "console" => Family::Console,
            "smartcard" => Family::Smartcard,
            "watchdog" => Family::Watchdog,
            _ => Family::General,
        }
    }
}

/// A device of a configuration.
#[derive(Clone, Copy)]
pub(crate) struct Device<'a> {
    /// Its place in the list.
    pub(crate) number: usize,
    /// What it is.
    pub(crate) family: Family,
    /// Its members.
    pub(crate) members: &'a Object,
}

impl<'a> Device<'a> {
    /// A scalar member as text.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        reading::text(self.members, key)
    }

    /// A scalar member that the device cannot be without.
    pub(crate) fn required(&self, key: &str) -> Result<String, Unstartable> {
        self.text(key).ok_or_else(|| self.unfit(&format!("{key} is missing")))
    }

    /// A flag that is false where it is not there.
    pub(crate) fn flag(&self, key: &str) -> bool {
        reading::flag(self.members, key, false)
    }

    /// The members of `specParams`, where there are any.
    pub(crate) fn parameters(&self) -> Option<&'a Object> {
        self.members.get("specParams").and_then(Value::as_object)
    }

    /// A scalar of `specParams` as text.
    pub(crate) fn parameter(&self, key: &str) -> Option<String> {
        reading::text(self.parameters()?, key)
    }

    /// Why this device cannot be had.
    pub(crate) fn unfit(&self, why: &str) -> Unstartable {
        let kind = self.text("type").unwrap_or_else(|| "no type".into());
        Unstartable(format!("Bad device {} ({kind}): {why}", self.number))
    }
}

/// The devices of a configuration in normal form, in its order.
pub(crate) fn devices(conf: &Object) -> Result<Vec<Device<'_>>, Unstartable> {
    let listed = conf.get("devices").map(Value::items).unwrap_or_default();
    let device = |(number, value): (usize, &'_ Value)| {
        let members = value.as_object().ok_or_else(|| Unstartable(format!("Bad device {number}: not a struct")))?;
        let kind = members.text("type").ok_or_else(|| Unstartable(format!("Bad device {number}: type is missing")))?;
        Ok((number, Family::of(kind)))
    };
    let families = listed.iter().enumerate().map(device).collect::<Result<Vec<_>, Unstartable>>()?;
    let objects = listed.iter().filter_map(Value::as_object);
    Ok(families.into_iter().zip(objects).map(|((number, family), members)| Device { number, family, members }).collect())
}

/// Settings that older keys lean on.
pub(crate) struct Defaults {
    /// `vars.default_bridge`: where a NIC is plugged in that names no bridge.
    pub(crate) bridge: String,
}

/// Brings a configuration into normal form. Doing it again changes nothing.
pub(crate) fn normalise(conf: &mut Object, defaults: &Defaults) -> Result<(), Unstartable> {
    let mut list = match conf.get("devices") {
        Some(Value::Array(devices)) => devices.clone(),
        Some(_) => return Err(Unstartable::new("devices is no array")),
        None => legacy::devices(conf, defaults)?,
    };
    index::assign(&mut list)?;
    if !list.iter().any(|device| device.text("type") == Some("balloon")) {
        list.push(object! { "type": "balloon", "device": "memballoon", "specParams": object! { "model": "none" } }.into());
    }
    conf.set("devices", Value::Array(list));
    limits(&devices(conf)?)
}

/// A machine has one watchdog and one console at most.
fn limits(devices: &[Device<'_>]) -> Result<(), Unstartable> {
    for (family, name) in [(Family::Watchdog, "watchdog"), (Family::Console, "console")] {
        if devices.iter().filter(|device| device.family == family).count() > 1 {
            return Err(Unstartable(format!("only a single {name} device is supported")));
        }
    }
    Ok(())
}

//! `getVdsHardwareInfo`: what DMI says of this machine.

use vdsm_sdk::object;
use vdsm_sdk::verb::{Status, status};
use vdsm_sdk::wire::{Object, Value};

use crate::words::text;

/// `info`: six texts.
pub(crate) fn information(hardware: &Value) -> Result<Object, Status> {
    let system = hardware.get("system").ok_or_else(|| status(57, "Failed to read hardware information", "this machine shows no DMI"))?;
    Ok(object! {
        "systemManufacturer": text(system, "manufacturer"),
        "systemProductName": text(system, "product"),
        "systemVersion": text(system, "version"),
        "systemSerialNumber": text(system, "serial"),
        "systemUUID": text(system, "uuid"),
        "systemFamily": text(system, "family"),
    })
}

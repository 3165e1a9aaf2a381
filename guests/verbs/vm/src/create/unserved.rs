//! What a request may ask for that no room of this host can give yet. It is refused before the machine is known, so that a manager
//! tries another host.

use vdsm_sdk::verb::Status;
use vdsm_sdk::wire::{Object, Value};

use crate::answers::{CREATE_ERROR, refuse};

/// Refuses what cannot be given.
pub(super) fn check(parameters: &Object) -> Result<(), Status> {
    const KEYS: [(&str, &str); 4] = [
        ("hiberVolHandle", "waking up from a storage image"),
        ("restoreState", "waking up from a storage image"),
        ("migrationDest", "incoming migration"),
        ("sysprepInf", "a sysprep floppy"),
    ];
    if let Some((key, what)) = KEYS.into_iter().find(|(key, _)| parameters.contains(key)) {
        return Err(refuse(CREATE_ERROR, format!("{key}: {what} is not served yet")));
    }
    let drives = ["devices", "drives"].into_iter().flat_map(|key| parameters.get(key).map(Value::items).unwrap_or_default());
    match drives.enumerate().find_map(|(number, drive)| Some((number, drive_kind(drive)?))) {
        Some((number, what)) => Err(refuse(CREATE_ERROR, format!("drive at place {number} is {what}"))),
        None => Ok(()),
    }
}

/// What an unserved drive is; none for one that lies at a path or is no drive.
fn drive_kind(drive: &Value) -> Option<&'static str> {
    let has = |key| drive.get(key).is_some();
    if ["poolID", "domainID", "imageID", "volumeID"].into_iter().all(has) {
        Some("a storage image: storage pools are not served yet")
    } else if has("GUID") {
        Some("a LUN by its GUID: block storage is not served yet")
    } else if has("UUID") {
        Some("a filesystem by its UUID: block storage is not served yet")
    } else if drive.at("specParams.vmPayload").is_some() {
        Some("made from a payload: payloads are not served yet")
    } else {
        None
    }
}

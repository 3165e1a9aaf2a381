//! Places of disks on their buses, and the target names that follow from them.

use std::collections::{BTreeMap, BTreeSet};

use vdsm_sdk::wire::{Object, Value, lenient};

use crate::reading::{self, Unstartable};

/// Gives every disk without an index the lowest one that is free on its interface, after all explicit ones are taken.
pub(super) fn assign(devices: &mut [Value]) -> Result<(), Unstartable> {
    let disks = || |value: &Value| value.text("type") == Some("disk");
    let mut used: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for (number, disk) in devices.iter().enumerate().filter(|(_, value)| disks()(value)) {
        let taken = used.entry(interface(number, disk)?).or_default();
        if let Some(index) = disk.get("index") {
            taken.insert(lenient::int_like(index).ok_or_else(|| Unstartable(format!("Bad device {number} (disk): index is no number")))?);
        }
    }
    for (number, disk) in devices.iter_mut().enumerate().filter(|(_, value)| disks()(value)) {
        let taken = used.entry(interface(number, disk)?).or_default();
        if let Some(disk) = disk.as_object_mut().filter(|disk| !disk.contains("index")) {
            let free = (0..=i32::MAX).find(|index| !taken.contains(&i64::from(*index))).unwrap_or_default();
            taken.insert(i64::from(free));
            disk.set("index", free);
        }
    }
    Ok(())
}

fn interface(number: usize, disk: &Value) -> Result<String, Unstartable> {
    disk.text("iface").map(str::to_owned).ok_or_else(|| Unstartable(format!("Bad device {number} (disk): iface is missing")))
}

/// The target of a disk: a prefix by interface, then letters that count like `a`, …, `z`, `aa`.
pub(crate) fn target_name(disk: &Object) -> Result<String, Unstartable> {
    let prefix = match disk.text("iface") {
        Some("scsi") => "sd",
        Some("virtio") => "vd",
        Some("fdc") => "fd",
        _ => "hd",
    };
    let index = reading::number(disk, "index", 0)?;
    let mut rest = u32::try_from(index).map_err(|_| Unstartable(format!("Bad disk index {index}")))?;
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'a' + (rest % 26) as u8));
        match (rest / 26).checked_sub(1) {
            Some(more) => rest = more,
            None => break,
        }
    }
    Ok(letters.into_iter().rev().fold(prefix.to_owned(), |mut name, letter| {
        name.push(letter);
        name
    }))
}

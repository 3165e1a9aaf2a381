//! The views of `list`.

use std::fmt::Write as _;
use std::str::FromStr;

use vdsm_core::tree::Value;

use super::commands::UsageError;

/// How VMs are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Each with its configuration.
    Long,
    /// One line each.
    Table,
    /// Ids only.
    Ids,
}

impl FromStr for View {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<View, UsageError> {
        match text {
            "long" => Ok(View::Long),
            "table" => Ok(View::Table),
            "ids" => Ok(View::Ids),
            _ => Err(UsageError::Value { text: text.to_owned(), what: "view (long, table or ids)" }),
        }
    }
}

/// The ids of `vms:id,id`.
pub(super) fn split_vms(text: &str) -> Result<Vec<String>, UsageError> {
    let refused = || UsageError::Value { text: text.to_owned(), what: "list of VMs (vms:id,id)" };
    let ids = text.strip_prefix("vms:").ok_or_else(refused)?;
    let ids: Vec<String> = ids.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect();
    if ids.is_empty() { Err(refused()) } else { Ok(ids) }
}

/// The text of a member, empty when there is none.
pub(super) fn text_of<'a>(value: Value<'a>, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_text).unwrap_or("")
}

/// Ids, one a line. Without full status a host may answer bare ids instead of structs.
pub(super) fn ids(vms: Value<'_>) -> String {
    vms.items().map(|vm| format!("{}\n", vm.as_text().unwrap_or_else(|| text_of(vm, "vmId")))).collect()
}

/// VDSM's table: id, pid, name, status (`*`: the monitor is silent), addresses in the guest.
pub(super) fn table(vms: Value<'_>, statistics: Option<Value<'_>>) -> String {
    let mut out = String::new();
    for vm in vms.items() {
        let id = text_of(vm, "vmId");
        let of_vm = statistics.and_then(|list| list.items().find(|entry| text_of(*entry, "vmId") == id));
        let measured = |key| of_vm.map_or("", |entry| text_of(entry, key));
        let silent = if measured("monitorResponse") == "-1" { "*" } else { "" };
        let status = format!("{}{silent}", text_of(vm, "status"));
        let pid = vm.get("pid").map_or_else(|| "none".to_owned(), super::show::plain);
        let name = vm.get("vmName").and_then(Value::as_text).unwrap_or("<< NO NAME >>");
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", format!("{id:<36} {pid:>6}  {name:<20} {status:<20} {:<20}", measured("guestIPs")).trim_end());
    }
    out
}

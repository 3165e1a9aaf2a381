//! A machine's configuration as full `list` shows it: what was sent and read back, plus what the host knows at the moment.

use vdsm_core::tree::{Tree, TreeBuilder, Value};

use super::record::VmRecord;
use super::state::State;

/// Members the host states itself; what a caller sent under these names is not shown.
const OURS: [&str; 7] = ["status", "pid", "clientIp", "pauseCode", "exitCode", "exitMessage", "timeOffset"];

/// The configuration of `record` with the host's own members.
pub(super) fn configuration(record: &VmRecord) -> Tree {
    let root = record.conf.root();
    Tree::object(|out| {
        for (name, value) in root.members().filter(|(name, _)| !OURS.contains(name)) {
            match (name, record.balloon_target_kib) {
                ("devices", Some(target)) => devices(out.key(name), value, target),
                _ => {
                    out.value_at(name, value);
                }
            }
        }
        own_members(out, record);
    })
}

fn own_members(out: &mut TreeBuilder, record: &VmRecord) {
    let machine = &record.machine;
    out.text_at("status", machine.state().name());
    out.text_at("pid", &record.process.map_or(0, |process| process.pid).to_string());
    out.text_at("clientIp", &machine.client_ip);
    if let Some(code) = shown_pause_code(record) {
        out.text_at("pauseCode", code);
    }
    if let (State::Down, Some(exit)) = (machine.state(), &machine.exit) {
        out.int_at("exitCode", exit.code.number());
        out.text_at("exitMessage", &exit.message);
    }
    if let Some(offset) = time_offset(record) {
        out.text_at("timeOffset", &offset);
    }
}

/// `pauseCode`, while the machine stands still.
pub(crate) fn shown_pause_code(record: &VmRecord) -> Option<&'static str> {
    let machine = &record.machine;
    (machine.state() == State::Paused).then_some(machine.pause_code).flatten().map(|code| code.name())
}

/// `timeOffset`: seconds from UTC, as the guest set its clock last or as configured. None: neither.
pub(crate) fn time_offset(record: &VmRecord) -> Option<String> {
    let set = record.machine.clock_offset.map(|offset| offset.to_string());
    set.or_else(|| record.conf.root().get("timeOffset").and_then(scalar_text))
}

/// A scalar as VDSM writes it as text.
pub(crate) fn scalar_text(value: Value<'_>) -> Option<String> {
    let number = || value.as_int().map(i64::from).or_else(|| value.as_int64()).map(|number| number.to_string());
    let boolean = || value.as_bool().map(|flag| if flag { "True" } else { "False" }.to_owned());
    value.as_text().map(str::to_owned).or_else(number).or_else(boolean)
}

fn devices(out: &mut TreeBuilder, devices: Value<'_>, balloon_target_kib: u64) {
    out.open_array();
    for device in devices.items() {
        let is_balloon = device.get("type").and_then(|kind| kind.as_text()) == Some("balloon");
        match i32::try_from(balloon_target_kib) {
            Ok(target) if is_balloon => {
                out.open_object();
                for (name, value) in device.members().filter(|(name, _)| *name != "target") {
                    out.value_at(name, value);
                }
                out.int_at("target", target).close();
            }
            _ => {
                out.value(device);
            }
        }
    }
    out.close();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use super::super::record::tests::record;
    use super::super::state::{Cpus, Input, PauseCode, reduce};
    use super::*;

    fn after(inputs: &[Input]) -> VmRecord {
        let mut record = record("vm");
        for input in inputs {
            record.machine = reduce(&record.machine, input, 1);
        }
        record
    }

    fn text<'a>(tree: &'a Tree, name: &str) -> Option<&'a str> {
        tree.root().get(name).and_then(|value| value.as_text())
    }

    #[test]
    fn what_was_sent_is_kept_and_the_host_adds_its_members() {
        let listed = configuration(&after(&[]));
        assert_eq!(text(&listed, "status"), Some("WaitForLaunch"));
        assert_eq!(text(&listed, "pid"), Some("0"));
        assert_eq!(text(&listed, "clientIp"), Some(""));
        assert_eq!(text(&listed, "vmName"), Some("web01"));
        assert_eq!(listed.root().get("memSize").and_then(|size| size.as_int()), Some(64));
        assert!(listed.root().get("pauseCode").is_none() && listed.root().get("exitCode").is_none());
    }

    #[test]
    fn the_pause_code_shows_only_while_the_machine_stands_still() {
        let started = Input::Seen(Cpus::Running);
        assert_eq!(text(&configuration(&after(std::slice::from_ref(&started))), "pauseCode"), None);
        let error = Input::IoError(super::super::state::IoAction::Pause, PauseCode::Enospc);
        assert_eq!(text(&configuration(&after(&[started.clone(), error.clone()])), "pauseCode"), Some("ENOSPC"));
        assert_eq!(text(&configuration(&after(&[started, error, Input::Resumed])), "pauseCode"), None);
    }

    #[test]
    fn an_end_shows_its_code_as_int_and_its_text() {
        let listed = configuration(&after(&[Input::StartFailed("no such image".into())]));
        assert_eq!(text(&listed, "status"), Some("Down"));
        assert_eq!(listed.root().get("exitCode").and_then(|code| code.as_int()), Some(1));
        assert_eq!(text(&listed, "exitMessage"), Some("no such image"));
    }

    #[test]
    fn where_the_guest_set_its_clock_stands_in_place_of_what_was_configured() {
        let mut record = record("vm");
        assert_eq!(time_offset(&record), None);
        record.conf = std::sync::Arc::new(Tree::object(|conf| {
            conf.text_at("timeOffset", "+3600");
        }));
        assert_eq!(time_offset(&record).as_deref(), Some("+3600"));
        // It went ten seconds back: libvirt counts from UTC, the configured hour included.
        record.machine.clock_offset = Some(3590);
        assert_eq!(time_offset(&record).as_deref(), Some("3590"));
    }

    #[test]
    fn a_balloon_target_stands_at_the_balloon() {
        let mut record = record("vm");
        record.conf = std::sync::Arc::new(Tree::object(|conf| {
            conf.array_at("devices", |devices| {
                devices.open_object().text_at("type", "balloon").close();
                devices.open_object().text_at("type", "video").close();
            });
        }));
        record.balloon_target_kib = Some(4096);
        let listed = configuration(&record);
        let devices = listed.root().get("devices").unwrap();
        assert_eq!(devices.item(0).unwrap().get("target").and_then(|target| target.as_int()), Some(4096));
        assert!(devices.item(1).unwrap().get("target").is_none());
    }
}

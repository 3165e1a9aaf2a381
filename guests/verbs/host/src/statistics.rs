//! `getVdsStats`: how busy this host is.
//!
//! Percentages, rates and load are text, memory and counts are ints. What needs two samples is left out before there are two, as
//! VDSM does; processor percentages are always there, because managers cannot do without.

use vdsm_sdk::object;
use vdsm_sdk::wire::{Object, Value};

use crate::clock::gmt;
use crate::settings::Settings;
use crate::words::{count, double, hundredths, int, link_state, tenths, text};

/// `info`. `statistics` is what `vdsm:host/ask` gives, `time` in milliseconds since 1970.
pub(crate) fn statistics(statistics: &Value, settings: &Settings, generation: &str, time: u64) -> Object {
    let nil = Value::Nil;
    let window = statistics.get("window");
    let groups = [
        rates(window.unwrap_or(&nil), window.is_none()),
        window.map(levels).unwrap_or_default(),
        memory(statistics, settings),
        object! {
            "statsAge": hundredths(double(statistics, "age")),
            "elapsedTime": count(statistics, "elapsed"),
            // Domains are the storage room's; a host without connected domains has none.
            "storageDomains": object! {},
            "dateTime": gmt(time),
            // VDSM's word for a memory policy at work; ours is a module, and there may be none.
            "momStatus": if int(statistics.get("machines").unwrap_or(&nil), "policies") > 0 { "active" } else { "disabled" },
            "netConfigDirty": "False",
            "generationID": generation,
        },
    ];
    groups.into_iter().flatten().collect()
}

/// What is there from the first reply on.
fn rates(window: &Value, idle: bool) -> Object {
    let rate = |key: &str| hundredths(double(window, key));
    object! {
        "cpuUser": rate("cpuUser"),
        "cpuSys": rate("cpuSystem"),
        "cpuIdle": if idle { hundredths(100.0) } else { rate("cpuIdle") },
        "cpuUserVdsmd": rate("daemonUser"),
        "cpuSysVdsmd": rate("daemonSystem"),
        "rxRate": rate("rxRate"),
        "txRate": rate("txRate"),
    }
}

/// What is there once there are two samples.
fn levels(window: &Value) -> Object {
    let disk = |(path, free): (&str, &Value)| (path.to_owned(), object! { "free": free.as_int64().unwrap_or(0).to_string() });
    let members = |key: &str| crate::words::object(window, key);
    object! {
        "cpuLoad": hundredths(double(window, "load")),
        "memUsed": count(window, "memoryUsed"),
        "anonHugePages": count(window, "anonymousHuge"),
        "thpState": text(window, "hugePages"),
        "rxDropped": count(window, "rxDropped"),
        "txDropped": count(window, "txDropped"),
        "network": members("devices").iter().map(|(name, flow)| (name.to_owned(), device(name, flow))).collect::<Object>(),
        "diskStats": members("disks").iter().map(disk).collect::<Object>(),
    }
}

fn device(name: &str, flow: &Value) -> Object {
    object! {
        "name": name,
        "speed": count(flow, "speed"),
        "rxRate": tenths(double(flow, "rxRate")),
        "txRate": tenths(double(flow, "txRate")),
        "rxDropped": count(flow, "rxDropped"),
        "txDropped": count(flow, "txDropped"),
        "rxErrors": count(flow, "rxErrors"),
        "txErrors": count(flow, "txErrors"),
        "state": link_state(flow.get("up").and_then(Value::as_bool).unwrap_or(false)),
    }
}

fn memory(statistics: &Value, settings: &Settings) -> Object {
    let nil = Value::Nil;
    let part = |key: &str| statistics.get(key).unwrap_or(&nil);
    let (memory, ksm, machines) = (part("memory"), part("ksm"), part("machines"));
    let (free, committed) = (int(memory, "free"), int(machines, "committed"));
    object! {
        // What machines hold already is theirs twice: in what is committed, and in what is not free.
        "memAvailable": free.saturating_add(int(machines, "resident")).saturating_sub(committed).saturating_sub(settings.host_reserve),
        "memCommitted": committed,
        "memFree": free,
        "swapTotal": int(memory, "swapTotal"),
        "swapFree": int(memory, "swapFree"),
        "vmCount": int(machines, "count"),
        "vmActive": int(machines, "active"),
        "vmMigrating": int(machines, "migrating"),
        "memShared": int(ksm, "shared"),
        "ksmState": ksm.get("running").and_then(Value::as_bool).unwrap_or(false),
        "ksmPages": int(ksm, "pages"),
        "ksmCpu": int(ksm, "cpu"),
    }
}

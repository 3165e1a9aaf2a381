//! Statistics have VDSM's members in VDSM's types. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use vdsm_sdk::mock::{Row, Samples};
use vdsm_sdk::wire::{Value, decode};
use vdsm_sdk::{array, object};

use super::metrics::{device_number, device_text, number, text};
use super::shape;

struct Builder(Samples, Vec<(u32, String)>, Vec<(u32, f64)>, Vec<Thing>);

/// A device: kind, name, texts and numbers.
type Thing = (String, String, Vec<(u32, String)>, Vec<(u32, f64)>);

fn sample(status: &str) -> Builder {
    Builder(Samples::new(), Vec::new(), Vec::new(), Vec::new()).texts(&[(text::STATUS, status), (text::HASH, "-42")])
}

fn owned(texts: &[(u32, &str)]) -> Vec<(u32, String)> {
    texts.iter().map(|(id, value)| (*id, (*value).to_owned())).collect()
}

fn fill(row: Row<'_>, texts: &[(u32, String)], numbers: &[(u32, f64)]) {
    let row = texts.iter().fold(row, |row, (id, value)| row.text(*id, value));
    numbers.iter().fold(row, |row, (id, value)| row.number(*id, *value));
}

impl Builder {
    fn texts(mut self, texts: &[(u32, &str)]) -> Builder {
        self.1.extend(owned(texts));
        self
    }

    fn numbers(mut self, numbers: &[(u32, f64)]) -> Builder {
        self.2.extend(numbers);
        self
    }

    fn device(mut self, kind: &str, name: &str, texts: &[(u32, &str)], numbers: &[(u32, f64)]) -> Builder {
        self.3.push((kind.to_owned(), name.to_owned(), owned(texts), numbers.to_vec()));
        self
    }

    /// The structure of this machine, which lies between two others.
    fn shaped(mut self) -> Value {
        self.0.machine("vm-0");
        fill(self.0.machine("vm-1"), &self.1, &self.2);
        for (kind, name, texts, numbers) in &self.3 {
            fill(self.0.device(kind).text(device_text::NAME, name), texts, numbers);
        }
        self.0.machine("vm-2");
        self.0.device("nic").text(device_text::NAME, "other");
        let shaped = decode(&shape(&self.0.finish())).expect("a well-formed tree");
        shaped.at("1").expect("a structure for the sample").clone()
    }
}

fn running() -> Builder {
    sample("Up")
        .texts(&[
            (text::DISPLAY_TYPE, "vnc"),
            (text::DISPLAY_PORT, "5900"),
            (text::DISPLAY_SECURE_PORT, "-1"),
            (text::DISPLAY_IP, "0"),
            (text::VM_TYPE, "kvm"),
            (text::KVM_ENABLE, "true"),
            (text::ACPI_ENABLE, "true"),
            (text::TIME_OFFSET, "-3600"),
            (text::CLIENT_IP, ""),
        ])
        .numbers(&[(number::PID, 4711.0), (number::ELAPSED, 12.0), (number::MONITOR_RESPONSE, 0.0), (number::STARTED, 1.0)])
}

fn live_group() -> Vec<(&'static str, Value)> {
    let texts = [
        ("vmId", "vm-1"),
        ("status", "Up"),
        ("hash", "-42"),
        ("displayType", "vnc"),
        ("displayPort", "5900"),
        ("displaySecurePort", "-1"),
        ("displayIp", "0"),
        ("vmType", "kvm"),
        ("kvmEnable", "true"),
        ("acpiEnable", "true"),
        ("timeOffset", "-3600"),
        ("clientIp", ""),
        ("pid", "4711"),
        ("elapsedTime", "12"),
        ("monitorResponse", "0"),
        ("statsAge", "-1.00"),
        ("cpuSys", "0.00"),
        ("cpuUser", "0.00"),
        ("username", "Unknown"),
        ("session", "Unknown"),
        ("memUsage", "0"),
        ("guestIPs", ""),
        ("guestFQDN", ""),
    ];
    texts.into_iter().map(|(name, value)| (name, value.into())).collect()
}

#[test]
fn a_running_machine_without_samples_and_agent_shows_everything_and_invents_nothing() {
    let mut expected = live_group();
    expected.extend([("network", object! {}.into()), ("disks", object! {}.into()), ("balloonInfo", object! {}.into())]);
    expected.push(("appsList", array![]));
    assert_eq!(running().shaped(), Value::Object(expected.into_iter().collect()));
}

#[test]
fn a_down_machine_shows_its_end_and_little_else() {
    let down = sample("Down").texts(&[(text::EXIT_MESSAGE, "User shut down"), (text::PAUSE_CODE, "EIO")]);
    let shaped = down.numbers(&[(number::EXIT_CODE, 0.0), (number::PID, 3.0)]).shaped();
    let expected = object! { "vmId": "vm-1", "status": "Down", "hash": "-42", "exitCode": 0, "exitMessage": "User shut down" };
    assert_eq!(shaped, Value::Object(expected));
    let shaped = sample("Down").texts(&[(text::TIME_OFFSET, "5")]).shaped();
    assert_eq!(shaped.get("timeOffset"), Some(&"5".into()));
    assert_eq!(shaped.get("exitCode"), Some(&1.into()));
}

#[test]
fn before_the_start_there_is_no_guest_and_no_load_but_empty_devices() {
    let shaped = sample("WaitForLaunch").numbers(&[(number::STARTED, 0.0)]).shaped();
    for absent in ["cpuUser", "statsAge", "username", "memUsage", "balloonInfo", "appsList", "pauseCode", "elapsedTime"] {
        assert_eq!(shaped.get(absent), None, "{absent}");
    }
    for (name, value) in
        [("network", object! {}.into()), ("disks", object! {}.into()), ("pid", "0".into()), ("displayPort", Value::from("-1"))]
    {
        assert_eq!(shaped.get(name), Some(&value), "{name}");
    }
}

#[test]
fn load_is_in_percent_of_one_processor_with_two_decimals() {
    let load = [(number::CPU_WINDOW, 10.0), (number::CPU_TIME, 20e9), (number::CPU_USER, 1e9), (number::CPU_SYSTEM, 0.5e9)];
    let shaped = running().numbers(&load).numbers(&[(number::STATS_AGE, 1.236)]).shaped();
    assert_eq!((shaped.text("cpuUser"), shaped.text("cpuSys")), (Some("185.00"), Some("15.00")));
    assert_eq!(shaped.text("statsAge"), Some("1.24"));
}

#[test]
fn a_nic_has_counters_from_one_sample_on_and_rates_from_two() {
    let texts = [(device_text::MAC, "00:1a:4a:16:01:51"), (device_text::NIC_MODEL, "pv")];
    let counters = [
        (device_number::RX_ERRORS, 0.0),
        (device_number::RX_DROPPED, 2.0),
        (device_number::TX_ERRORS, 5e9),
        (device_number::TX_DROPPED, 0.0),
    ];
    let rates = [(device_number::NET_WINDOW, 5.0), (device_number::RX_BYTES, 62_500_000.0), (device_number::TX_BYTES, 0.0)];
    let shaped =
        running().device("nic", "vnet0", &texts, &counters).device("nic", "vnet1", &texts, &[&counters[..], &rates[..]].concat()).shaped();
    let mut once = object! { "name": "vnet0", "macAddr": "00:1a:4a:16:01:51", "speed": "1000", "state": "unknown" };
    for (name, value) in [("rxErrors", "0"), ("rxDropped", "2"), ("txErrors", "5000000000"), ("txDropped", "0")] {
        once.set(name, value);
    }
    assert_eq!(shaped.at("network.vnet0"), Some(&once.clone().into()));
    once.set("name", "vnet1");
    once.set("rxRate", "10.0");
    once.set("txRate", "0.0");
    assert_eq!(shaped.at("network.vnet1"), Some(&once.into()));
}

#[test]
fn nics_other_than_virtio_and_e1000_are_slow() {
    for (model, speed) in [("rtl8139", "100"), ("e1000", "1000"), ("virtio", "1000")] {
        let nic = [(device_text::NIC_MODEL, model)];
        assert_eq!(running().device("nic", "vnet0", &nic, &[]).shaped().at("network.vnet0.speed"), Some(&speed.into()));
    }
}

#[test]
fn a_disk_has_sizes_at_once_and_latencies_in_whole_nanoseconds() {
    let texts = [(device_text::IMAGE, "img")];
    let shaped = running().device("disk", "hdc", &[], &[]).shaped();
    assert_eq!(shaped.at("disks.hdc"), Some(&object! { "truesize": "0", "apparentsize": "0" }.into()));
    let numbers = [
        (device_number::TRUE_SIZE, 8_589_934_592.0),
        (device_number::APPARENT_SIZE, 10_737_418_240.0),
        (device_number::DISK_WINDOW, 60.0),
        (device_number::READ_BYTES, 30.0),
        (device_number::WRITE_BYTES, 6_000_000.0),
        (device_number::READ_OPERATIONS, 3.0),
        (device_number::READ_TIME, 1000.0),
        (device_number::WRITE_OPERATIONS, 0.0),
        (device_number::WRITE_TIME, 0.0),
        (device_number::FLUSH_OPERATIONS, 2.0),
        (device_number::FLUSH_TIME, 9.0),
    ];
    let expected = object! {
        "truesize": "8589934592", "apparentsize": "10737418240", "imageID": "img", "readRate": "0.50", "writeRate": "100000.00",
        "readLatency": "333", "writeLatency": "0", "flushLatency": "4",
    };
    assert_eq!(running().device("disk", "vda", &texts, &numbers).shaped().at("disks.vda"), Some(&expected.into()));
}

#[test]
fn balloon_and_watchdog_have_their_own_types() {
    let balloon = [
        (number::BALLOON_MAX, 2_097_152.0),
        (number::BALLOON_MIN, 1_048_576.0),
        (number::BALLOON_TARGET, 2_097_152.0),
        (number::BALLOON_CURRENT, 2_000_000.0),
        (number::WATCHDOG_TIME, 1_380_000_000.5),
    ];
    let shaped = running().texts(&[(text::WATCHDOG_ACTION, "reset"), (text::PAUSE_CODE, "EIO")]).numbers(&balloon).shaped();
    let sizes = object! {
        "balloon_max": "2097152", "balloon_min": "1048576", "balloon_target": "2097152", "balloon_cur": "2000000",
    };
    assert_eq!(shaped.get("balloonInfo"), Some(&sizes.into()));
    assert_eq!(shaped.get("watchdogEvent"), Some(&object! { "time": 1_380_000_000.5, "action": "reset" }.into()));
    assert_eq!(shaped.text("pauseCode"), Some("EIO"));
}

#[test]
fn a_guests_own_words_cannot_spoil_the_reply_and_unknown_metrics_are_skipped() {
    let shaped = running().texts(&[(text::GUEST_FQDN, "a\u{1}\u{7f}b\u{85}\tü"), (99_999, "x")]).numbers(&[(2, 1.0)]);
    let shaped = shaped.device("teapot", "x0", &[], &[(device_number::RX_BYTES, 1.0)]).shaped();
    assert_eq!(shaped.text("guestFQDN"), Some("a\u{fffd}\u{fffd}b\u{85}\tü"));
    assert_eq!(shaped.get("network"), Some(&object! {}.into()));
}

#[test]
fn decimals_are_rounded_and_have_no_sign_when_they_are_zero() {
    for (age, shown) in [(0.0, "0.00"), (-1.0, "-1.00"), (-0.001, "0.00"), (0.995, "1.00"), (12.04, "12.04"), (1e9, "1000000000.00")] {
        assert_eq!(running().numbers(&[(number::STATS_AGE, age)]).shaped().text("statsAge"), Some(shown));
    }
}

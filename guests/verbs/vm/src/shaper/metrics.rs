//! Metric ids of a sample and the look-up of a sample's values by them.
//!
//! The ids are those of `metrics.md` beside the interface `vdsm:vm`. A sample is an open list: what is not there is not known,
//! and an id that is not in these tables is skipped.

use vdsm_sdk::vm::shaper::{MACHINE, Sample};

/// Texts about the machine itself.
pub(crate) mod text {
    pub(crate) const STATUS: u32 = 1;
    pub(crate) const EXIT_MESSAGE: u32 = 2;
    pub(crate) const PAUSE_CODE: u32 = 3;
    pub(crate) const HASH: u32 = 4;
    pub(crate) const DISPLAY_TYPE: u32 = 5;
    pub(crate) const DISPLAY_PORT: u32 = 6;
    pub(crate) const DISPLAY_SECURE_PORT: u32 = 7;
    pub(crate) const DISPLAY_IP: u32 = 8;
    pub(crate) const VM_TYPE: u32 = 9;
    pub(crate) const KVM_ENABLE: u32 = 10;
    pub(crate) const ACPI_ENABLE: u32 = 11;
    pub(crate) const TIME_OFFSET: u32 = 12;
    pub(crate) const CLIENT_IP: u32 = 13;
    pub(crate) const CDROM: u32 = 14;
    pub(crate) const BOOT: u32 = 15;
    pub(crate) const WATCHDOG_ACTION: u32 = 16;
    pub(crate) const USERNAME: u32 = 17;
    pub(crate) const SESSION: u32 = 18;
    pub(crate) const GUEST_IPS: u32 = 19;
    pub(crate) const GUEST_FQDN: u32 = 20;
}

/// Numbers about the machine itself.
pub(crate) mod number {
    pub(crate) const EXIT_CODE: u32 = 100;
    pub(crate) const PID: u32 = 101;
    pub(crate) const ELAPSED: u32 = 102;
    pub(crate) const MONITOR_RESPONSE: u32 = 103;
    pub(crate) const STARTED: u32 = 104;
    pub(crate) const STATS_AGE: u32 = 105;
    pub(crate) const CPU_WINDOW: u32 = 110;
    pub(crate) const CPU_TIME: u32 = 111;
    pub(crate) const CPU_USER: u32 = 112;
    pub(crate) const CPU_SYSTEM: u32 = 113;
    pub(crate) const WATCHDOG_TIME: u32 = 115;
    pub(crate) const BALLOON_MAX: u32 = 120;
    pub(crate) const BALLOON_MIN: u32 = 121;
    pub(crate) const BALLOON_TARGET: u32 = 122;
    pub(crate) const BALLOON_CURRENT: u32 = 123;
    pub(crate) const MEMORY_USAGE: u32 = 130;
}

/// Texts about a device.
pub(crate) mod device_text {
    pub(crate) const KIND: u32 = 200;
    pub(crate) const MAC: u32 = 201;
    pub(crate) const NIC_MODEL: u32 = 202;
    pub(crate) const IMAGE: u32 = 203;
}

/// Numbers about a device.
pub(crate) mod device_number {
    pub(crate) const NET_WINDOW: u32 = 210;
    pub(crate) const RX_BYTES: u32 = 211;
    pub(crate) const TX_BYTES: u32 = 212;
    pub(crate) const RX_ERRORS: u32 = 213;
    pub(crate) const RX_DROPPED: u32 = 214;
    pub(crate) const TX_ERRORS: u32 = 215;
    pub(crate) const TX_DROPPED: u32 = 216;
    pub(crate) const TRUE_SIZE: u32 = 220;
    pub(crate) const APPARENT_SIZE: u32 = 221;
    pub(crate) const DISK_WINDOW: u32 = 222;
    pub(crate) const READ_BYTES: u32 = 223;
    pub(crate) const WRITE_BYTES: u32 = 224;
    pub(crate) const READ_OPERATIONS: u32 = 225;
    pub(crate) const READ_TIME: u32 = 226;
    pub(crate) const WRITE_OPERATIONS: u32 = 227;
    pub(crate) const WRITE_TIME: u32 = 228;
    pub(crate) const FLUSH_OPERATIONS: u32 = 229;
    pub(crate) const FLUSH_TIME: u32 = 230;
}

/// The values of one machine or one device, by id.
pub(crate) struct Values<'a, const TEXTS: usize, const NUMBERS: usize> {
    texts: [Option<&'a str>; TEXTS],
    numbers: [Option<f64>; NUMBERS],
    first_text: u32,
    first_number: u32,
}

/// Values of the machine itself.
pub(crate) type Machine<'a> = Values<'a, 20, 31>;
/// Values of a device.
pub(crate) type Device<'a> = Values<'a, 4, 21>;

impl<'a, const TEXTS: usize, const NUMBERS: usize> Values<'a, TEXTS, NUMBERS> {
    const fn new(first_text: u32, first_number: u32) -> Self {
        Values { texts: [None; TEXTS], numbers: [None; NUMBERS], first_text, first_number }
    }

    fn set_text(&mut self, id: u32, value: &'a str) {
        if let Some(slot) = self.texts.get_mut(id.wrapping_sub(self.first_text) as usize) {
            *slot = Some(value);
        }
    }

    fn set_number(&mut self, id: u32, value: f64) {
        if let Some(slot) = self.numbers.get_mut(id.wrapping_sub(self.first_number) as usize) {
            *slot = Some(value);
        }
    }

    /// The text of that id.
    pub(crate) fn text(&self, id: u32) -> Option<&'a str> {
        self.texts.get(id.wrapping_sub(self.first_text) as usize).copied().flatten()
    }

    /// The number of that id.
    pub(crate) fn number(&self, id: u32) -> Option<f64> {
        self.numbers.get(id.wrapping_sub(self.first_number) as usize).copied().flatten()
    }
}

/// Sorts a sample's values by what they are about: the machine, and its devices in the order of `sample.devices`.
pub(crate) fn sort(sample: &Sample) -> (Machine<'_>, Vec<Device<'_>>) {
    let mut machine = Machine::new(text::STATUS, number::EXIT_CODE);
    let mut devices: Vec<Device<'_>> = sample.devices.iter().map(|_| Device::new(device_text::KIND, device_number::NET_WINDOW)).collect();
    for text in &sample.texts {
        match devices.get_mut(text.device as usize) {
            Some(device) => device.set_text(text.id, &text.value),
            None if text.device == MACHINE => machine.set_text(text.id, &text.value),
            None => {}
        }
    }
    for number in &sample.numbers {
        match devices.get_mut(number.device as usize) {
            Some(device) => device.set_number(number.id, number.value),
            None if number.device == MACHINE => machine.set_number(number.id, number.value),
            None => {}
        }
    }
    (machine, devices)
}

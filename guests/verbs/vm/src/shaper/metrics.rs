//! Metric ids of samples and the look-up of values by them.
//!
//! The ids are those of `metrics.md` beside the interface `vdsm:vm`. What is not in a table is not known, and a kind or an id that is not
//! looked for here is skipped.

use vdsm_sdk::vm::shaper::{Numbers, Samples, Texts};

/// Texts about the machine itself.
pub(crate) mod text {
    pub(crate) const VM: u32 = 0;
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
    pub(crate) const NAME: u32 = 200;
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

/// The columns of a table whose ids begin at `TEXT` and `NUMBER`, each looked up once.
pub(crate) struct Columns<'a, const TEXT: u32, const TEXTS: usize, const NUMBER: u32, const NUMBERS: usize> {
    texts: [Texts<'a>; TEXTS],
    numbers: [Numbers<'a>; NUMBERS],
    owners: &'a [u32],
}

/// Those of `machine`.
pub(crate) type Machines<'a> = Columns<'a, 0, 21, 100, 31>;
/// Those of `nic` and `disk`.
pub(crate) type Devices<'a> = Columns<'a, 200, 4, 210, 21>;

impl<'a, const TEXT: u32, const TEXTS: usize, const NUMBER: u32, const NUMBERS: usize> Columns<'a, TEXT, TEXTS, NUMBER, NUMBERS> {
    /// The columns of the table of that kind.
    pub(crate) fn of(samples: &'a Samples, kind: &str) -> Self {
        let table = samples.table(kind);
        Columns {
            texts: std::array::from_fn(|index| table.texts(TEXT + index as u32)),
            numbers: std::array::from_fn(|index| table.numbers(NUMBER + index as u32)),
            owners: table.owners(),
        }
    }

    /// One row.
    pub(crate) fn row(&self, row: usize) -> Row<'_, 'a, TEXT, TEXTS, NUMBER, NUMBERS> {
        Row { columns: self, row }
    }

    /// The rows of a machine.
    pub(crate) fn rows_of(&self, machine: usize) -> impl Iterator<Item = Row<'_, 'a, TEXT, TEXTS, NUMBER, NUMBERS>> {
        let first = self.owners.partition_point(|owner| (*owner as usize) < machine);
        let count = self.owners.iter().skip(first).take_while(|owner| **owner as usize == machine).count();
        (first..first + count).map(|row| self.row(row))
    }
}

/// The values of one machine or one device, by id.
#[derive(Clone, Copy)]
pub(crate) struct Row<'c, 'a, const TEXT: u32, const TEXTS: usize, const NUMBER: u32, const NUMBERS: usize> {
    columns: &'c Columns<'a, TEXT, TEXTS, NUMBER, NUMBERS>,
    row: usize,
}

/// A machine.
pub(crate) type Machine<'c, 'a> = Row<'c, 'a, 0, 21, 100, 31>;
/// A device.
pub(crate) type Device<'c, 'a> = Row<'c, 'a, 200, 4, 210, 21>;

impl<'a, const TEXT: u32, const TEXTS: usize, const NUMBER: u32, const NUMBERS: usize> Row<'_, 'a, TEXT, TEXTS, NUMBER, NUMBERS> {
    /// The text of that id.
    pub(crate) fn text(&self, id: u32) -> Option<&'a str> {
        self.columns.texts.get(id.wrapping_sub(TEXT) as usize)?.at(self.row)
    }

    /// The number of that id.
    pub(crate) fn number(&self, id: u32) -> Option<f64> {
        self.columns.numbers.get(id.wrapping_sub(NUMBER) as usize)?.at(self.row)
    }
}

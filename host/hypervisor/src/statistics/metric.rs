//! Metric ids of `vdsm:vm/shaper.samples`; `metrics.md` beside the interface says what each means. Ids never change.

pub(super) const VM: u32 = 0;
pub(super) const STATUS: u32 = 1;
pub(super) const EXIT_MESSAGE: u32 = 2;
pub(super) const PAUSE_CODE: u32 = 3;
pub(super) const HASH: u32 = 4;
pub(super) const DISPLAY_TYPE: u32 = 5;
pub(super) const DISPLAY_PORT: u32 = 6;
pub(super) const DISPLAY_SECURE_PORT: u32 = 7;
pub(super) const DISPLAY_IP: u32 = 8;
pub(super) const VM_TYPE: u32 = 9;
pub(super) const KVM_ENABLE: u32 = 10;
pub(super) const ACPI_ENABLE: u32 = 11;
pub(super) const TIME_OFFSET: u32 = 12;
pub(super) const CLIENT_IP: u32 = 13;
pub(super) const CDROM: u32 = 14;
pub(super) const BOOT: u32 = 15;
pub(super) const WATCHDOG_ACTION: u32 = 16;
pub(super) const USERNAME: u32 = 17;
pub(super) const SESSION: u32 = 18;
pub(super) const GUEST_IPS: u32 = 19;
pub(super) const GUEST_FQDN: u32 = 20;

pub(super) const EXIT_CODE: u32 = 100;
pub(super) const PID: u32 = 101;
pub(super) const ELAPSED: u32 = 102;
pub(super) const MONITOR_RESPONSE: u32 = 103;
pub(super) const STARTED: u32 = 104;
pub(super) const STATS_AGE: u32 = 105;
pub(super) const CPU_WINDOW: u32 = 110;
pub(super) const CPU_TIME: u32 = 111;
pub(super) const CPU_USER: u32 = 112;
pub(super) const CPU_SYSTEM: u32 = 113;
pub(super) const WATCHDOG_TIME: u32 = 115;
pub(super) const BALLOON_MAX: u32 = 120;
pub(super) const BALLOON_MIN: u32 = 121;
pub(super) const BALLOON_TARGET: u32 = 122;
pub(super) const BALLOON_CURRENT: u32 = 123;
pub(super) const MEMORY_USAGE: u32 = 130;

pub(super) const NAME: u32 = 200;
pub(super) const MAC: u32 = 201;
pub(super) const NIC_MODEL: u32 = 202;
pub(super) const IMAGE: u32 = 203;
pub(super) const NET_WINDOW: u32 = 210;
pub(super) const RX_BYTES: u32 = 211;
pub(super) const TX_BYTES: u32 = 212;
pub(super) const RX_ERRORS: u32 = 213;
pub(super) const RX_DROPPED: u32 = 214;
pub(super) const TX_ERRORS: u32 = 215;
pub(super) const TX_DROPPED: u32 = 216;
pub(super) const TRUE_SIZE: u32 = 220;
pub(super) const APPARENT_SIZE: u32 = 221;
pub(super) const DISK_WINDOW: u32 = 222;
pub(super) const READ_BYTES: u32 = 223;
pub(super) const WRITE_BYTES: u32 = 224;
pub(super) const READ_OPERATIONS: u32 = 225;
pub(super) const READ_TIME: u32 = 226;
pub(super) const WRITE_OPERATIONS: u32 = 227;
pub(super) const WRITE_TIME: u32 = 228;
pub(super) const FLUSH_OPERATIONS: u32 = 229;
pub(super) const FLUSH_TIME: u32 = 230;

/// For policies only.
pub(super) const MEMORY_UNUSED: u32 = 310;

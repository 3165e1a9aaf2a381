//! A tree written node by node, with the member names of VM statistics known beforehand.
//!
//! Statistics of hundreds of machines are shaped at once, so nothing is built twice: a node is pushed where it will stay, a
//! number is printed into the tree's own text, and a name costs a look into a table.

use vdsm_sdk::wire::{Kind, Node, Tree};

/// Declares the member names that statistics have, each with its place in a table.
macro_rules! names {
    ($($variant:ident = $text:literal),+ $(,)?) => {
        /// A member name of a statistics structure.
        #[derive(Clone, Copy)]
        pub(crate) enum Name { $($variant),+ }

        const NAMES: &[&str] = &[$($text),+];
    };
}

names! {
    VmId = "vmId", Status = "status", ExitCode = "exitCode", ExitMessage = "exitMessage", TimeOffset = "timeOffset",
    Hash = "hash", WatchdogEvent = "watchdogEvent", Time = "time", Action = "action", Pid = "pid", VmType = "vmType",
    KvmEnable = "kvmEnable", AcpiEnable = "acpiEnable", ElapsedTime = "elapsedTime", MonitorResponse = "monitorResponse",
    PauseCode = "pauseCode", ClientIp = "clientIp", DisplayPort = "displayPort", DisplaySecurePort = "displaySecurePort",
    DisplayType = "displayType", DisplayIp = "displayIp", Cdrom = "cdrom", Boot = "boot", StatsAge = "statsAge",
    CpuUser = "cpuUser", CpuSys = "cpuSys", Network = "network", Disks = "disks", Label = "name", MacAddr = "macAddr",
    Speed = "speed", State = "state", RxRate = "rxRate", TxRate = "txRate", RxErrors = "rxErrors", RxDropped = "rxDropped",
    TxErrors = "txErrors", TxDropped = "txDropped", TrueSize = "truesize", ApparentSize = "apparentsize",
    ImageId = "imageID", ReadRate = "readRate", WriteRate = "writeRate", ReadLatency = "readLatency",
    WriteLatency = "writeLatency", FlushLatency = "flushLatency", Username = "username", Session = "session",
    MemUsage = "memUsage", GuestIps = "guestIPs", GuestFqdn = "guestFQDN", AppsList = "appsList",
    BalloonInfo = "balloonInfo", BalloonMax = "balloon_max", BalloonMin = "balloon_min", BalloonTarget = "balloon_target",
    BalloonCur = "balloon_cur",
}

/// No key of this tree yet.
const UNUSED: u16 = u16::MAX;

/// A tree under construction. Members are written inside [`Arena::object`].
pub(crate) struct Arena {
    tree: Tree,
    used: [u16; NAMES.len()],
    /// Device names and their keys: a few, and the same in most machines.
    devices: Vec<(String, u16)>,
    parent: usize,
}

impl Arena {
    /// An array of `count` objects, whose members `fill` writes.
    pub(crate) fn array(count: usize, fill: impl Fn(&mut Arena, usize)) -> Tree {
        // What a machine with some devices needs: a vector that grows is copied each time.
        let mut nodes = Vec::with_capacity(1 + 80 * count);
        nodes.push(Node { key: 0, kind: Kind::Array, a: 0, b: 0 });
        let text = String::with_capacity(640 * count);
        let tree = Tree { keys: Vec::with_capacity(NAMES.len()), text, bytes: Vec::new(), nodes };
        let mut arena = Arena { tree, used: [UNUSED; NAMES.len()], devices: Vec::new(), parent: 0 };
        for index in 0..count {
            arena.nest(0, |arena| fill(arena, index));
        }
        arena.tree
    }

    fn name(&mut self, name: Name) -> u16 {
        let (Some(used), Some(text)) = (self.used.get_mut(name as usize), NAMES.get(name as usize)) else { return 0 };
        if *used == UNUSED {
            *used = self.tree.keys.len() as u16;
            self.tree.keys.push((*text).to_owned());
        }
        *used
    }

    fn push(&mut self, key: u16, kind: Kind, a: u32, b: u32) {
        if let Some(parent) = self.tree.nodes.get_mut(self.parent) {
            parent.a += 1;
        }
        self.tree.nodes.push(Node { key, kind, a, b });
    }

    fn nest(&mut self, key: u16, fill: impl FnOnce(&mut Arena)) {
        self.push(key, Kind::Object, 0, 0);
        let outer = std::mem::replace(&mut self.parent, self.tree.nodes.len() - 1);
        fill(self);
        self.parent = outer;
    }

    /// A member that is an object.
    pub(crate) fn object(&mut self, name: Name, fill: impl FnOnce(&mut Arena)) {
        let key = self.name(name);
        self.nest(key, fill);
    }

    /// A member that is an object, under the name of a device.
    pub(crate) fn device(&mut self, name: &str, fill: impl FnOnce(&mut Arena)) {
        let known = self.devices.iter().find(|(known, _)| known == name).map(|(_, key)| *key);
        let key = known.unwrap_or_else(|| {
            let key = self.tree.keys.len() as u16;
            self.tree.keys.push(name.to_owned());
            // Names that are used once, like taps, must not make this a long list.
            if self.devices.len() < 16 {
                self.devices.push((name.to_owned(), key));
            }
            key
        });
        self.nest(key, fill);
    }

    /// A member that is an empty array.
    pub(crate) fn empty_array(&mut self, name: Name) {
        let key = self.name(name);
        self.push(key, Kind::Array, 0, 0);
    }

    /// A member that is an int.
    pub(crate) fn int(&mut self, name: Name, value: i32) {
        let key = self.name(name);
        self.push(key, Kind::Int, value.cast_unsigned(), 0);
    }

    /// A member that is a double.
    pub(crate) fn double(&mut self, name: Name, value: f64) {
        let key = self.name(name);
        let bits = value.to_bits();
        self.push(key, Kind::Double, bits as u32, (bits >> 32) as u32);
    }

    /// A member that is a text. What XML cannot carry is replaced, so that one guest cannot spoil the reply for all.
    pub(crate) fn text(&mut self, name: Name, value: &str) {
        self.written(name, |text| {
            if value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
                text.push_str(value);
            } else {
                text.extend(value.chars().map(|c| if carried(c) { c } else { char::REPLACEMENT_CHARACTER }));
            }
        });
    }

    /// A whole number as text. The fraction is cut off.
    pub(crate) fn whole(&mut self, name: Name, value: f64) {
        self.written(name, |text| {
            let whole = value as i64;
            if whole < 0 {
                text.push('-');
            }
            digits(text, whole.unsigned_abs());
        });
    }

    /// A number as text with one decimal.
    pub(crate) fn tenths(&mut self, name: Name, value: f64) {
        self.written(name, |text| {
            let tenths = scaled(text, value, 10.0);
            digits(text, tenths / 10);
            text.push('.');
            digits(text, tenths % 10);
        });
    }

    /// A number as text with two decimals.
    pub(crate) fn hundredths(&mut self, name: Name, value: f64) {
        self.written(name, |text| {
            let hundredths = scaled(text, value, 100.0);
            digits(text, hundredths / 100);
            text.push('.');
            digits(text, hundredths / 10 % 10);
            digits(text, hundredths % 10);
        });
    }

    fn written(&mut self, name: Name, write: impl FnOnce(&mut String)) {
        let key = self.name(name);
        let at = self.tree.text.len();
        write(&mut self.tree.text);
        self.push(key, Kind::Text, at as u32, (self.tree.text.len() - at) as u32);
    }
}

/// The number as a count of small units, its sign already written.
fn scaled(text: &mut String, value: f64, scale: f64) -> u64 {
    let units = (value.abs() * scale).round() as u64;
    if value < 0.0 && units > 0 {
        text.push('-');
    }
    units
}

/// Writes a number in decimal. The formatter of the standard library takes five times as long, and there are thirty in a machine.
fn digits(text: &mut String, number: u64) {
    if number >= 10 {
        digits(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

/// Whether VDSM lets a character of foreign text through.
fn carried(c: char) -> bool {
    let control = matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}');
    !control && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

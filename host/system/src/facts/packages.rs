//! Installed packages, by the names VDSM reports them under.
//!
//! Read from dpkg's status file where there is one. An RPM database has no format meant to be read by others: on such a host
//! packages other than the kernel are left out rather than guessed.

use std::collections::BTreeMap;

use crate::hostfs::HostFs;

/// VDSM's version that this daemon declares itself compatible with: managers of that age parse it and refuse hosts outside 4.9 to
/// 4.13, or without a release of this form. A declaration, not a reading; the README says so.
pub const COMPATIBILITY: Software = Software { name: "Snow Man", version: "4.13.3", release: "1.el6" };

/// A declared version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Software {
    /// VDSM's name of the version.
    pub name: &'static str,
    /// Version.
    pub version: &'static str,
    /// Release.
    pub release: &'static str,
}

/// When a package was built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BuildTime {
    /// Seconds since 1970.
    Epoch(f64),
    /// What VDSM sends where nothing tells.
    Text(&'static str),
}

/// An installed package.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// Version.
    pub version: String,
    /// Release; empty on Debian, whose versions contain it.
    pub release: String,
    /// When it was built.
    pub built: BuildTime,
}

/// VDSM's names and Debian's for the same, the first that is installed.
const DEBIAN: &[(&str, &[&str])] = &[
    ("qemu-kvm", &["qemu-kvm", "qemu-system-x86"]),
    ("qemu-img", &["qemu-utils"]),
    ("spice-server", &["libspice-server1"]),
    ("libvirt", &["libvirt0"]),
    ("mom", &["mom"]),
];

/// Every package that is there: the kernel, what dpkg knows, and `vdsm` as [`COMPATIBILITY`].
pub fn packages(host: &HostFs) -> BTreeMap<&'static str, Package> {
    let mut packages = BTreeMap::new();
    if let Some(release) = host.value("proc/sys/kernel/osrelease") {
        packages.insert("kernel", kernel(&release, &host.value("proc/sys/kernel/version").unwrap_or_default()));
    }
    let status = host.read("var/lib/dpkg/status").unwrap_or_default();
    let installed = installed(&status);
    for (name, candidates) in DEBIAN {
        if let Some(version) = candidates.iter().find_map(|candidate| installed.get(candidate)) {
            packages.insert(name, Package { version: version.clone(), release: String::new(), built: BuildTime::Text("") });
        }
    }
    let declared = Package { version: COMPATIBILITY.version.into(), release: COMPATIBILITY.release.into(), built: BuildTime::Text("") };
    packages.insert("vdsm", declared);
    packages
}

/// Versions of the packages of [`DEBIAN`] that dpkg's status file calls installed.
pub fn installed(status: &str) -> BTreeMap<&str, String> {
    let mut found = BTreeMap::new();
    for paragraph in status.split("\n\n") {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let Some(name) = field("Package").filter(|name| DEBIAN.iter().any(|(_, known)| known.contains(name))) else { continue };
        let complete = field("Status").is_some_and(|status| status.split_whitespace().nth(2) == Some("installed"));
        if let Some(version) = field("Version").filter(|_| complete) {
            found.insert(name, version.to_owned());
        }
    }
    found
}

/// The kernel: its release, split at the first `-`, and the time in its version text.
fn kernel(release: &str, version: &str) -> Package {
    let (number, rest) = release.split_once('-').unwrap_or((release, ""));
    let built = built(version).map_or(BuildTime::Text("0"), BuildTime::Epoch);
    Package { version: number.to_owned(), release: rest.to_owned(), built }
}

/// `#1 SMP Fri Nov 22 03:15:09 UTC 2013` to seconds; none for the many kernels that write something else there.
pub fn built(version: &str) -> Option<f64> {
    let words: Vec<&str> = version.split_whitespace().rev().take(5).collect();
    let [year, "UTC", time, day, month] = words.as_slice() else { return None };
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| name == month)?;
    let clock: Vec<u32> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hour, minute, second] = clock.as_slice() else { return None };
    let days = days_since_epoch(year.parse().ok()?, u32::try_from(month).ok()? + 1, day.parse().ok()?);
    let seconds = f64::from(hour * 3600 + minute * 60 + second);
    Some(f64::from(days) * 86_400.0 + seconds)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, counted in years that begin in March, so that leap days come last.
fn days_since_epoch(year: i32, month: u32, day: u32) -> i32 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_month = (153 * month + 2) / 5;
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + before_month.cast_signed() + day.cast_signed() - 1 - 719_468
}

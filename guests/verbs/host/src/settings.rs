//! The settings of vdsm.conf that these verbs show or follow.

use vdsm_sdk::host::machine_aliases;

/// Their values; VDSM's defaults where the host gives none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Pretend that KVM is there, as VDSM does for tests.
    pub(crate) fake_kvm: bool,
    /// Count threads as cores.
    pub(crate) threads_as_cores: bool,
    /// MiB kept for the host.
    pub(crate) host_reserve: i32,
    /// MiB kept for other programs.
    pub(crate) extra_reserve: i32,
    /// MiB a machine costs beside its memory.
    pub(crate) guest_overhead: i32,
    /// The address the daemon listens at.
    pub(crate) management_ip: String,
    /// Machine types offered under older names: (older name, type).
    pub(crate) machine_aliases: Vec<(String, String)>,
}

impl Settings {
    /// Asks for each by its name.
    pub(crate) fn read(setting: impl Fn(&str) -> Option<String>) -> Settings {
        let flag = |name: &str| setting(name).is_some_and(|text| matches!(text.to_lowercase().as_str(), "true" | "yes" | "1" | "on"));
        let number = |name: &str, default| setting(name).and_then(|text| text.trim().parse().ok()).unwrap_or(default);
        Settings {
            fake_kvm: flag("vars.fake_kvm_support"),
            threads_as_cores: flag("vars.report_host_threads_as_cores"),
            host_reserve: number("vars.host_mem_reserve", 256),
            extra_reserve: number("vars.extra_mem_reserve", 65),
            guest_overhead: number("vars.guest_ram_overhead", 65),
            management_ip: setting("addresses.management_ip").unwrap_or_else(|| "0.0.0.0".into()),
            machine_aliases: setting("compat.machine_aliases").and_then(|text| machine_aliases(&text)).unwrap_or_default(),
        }
    }
}

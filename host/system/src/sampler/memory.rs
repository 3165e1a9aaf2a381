//! Memory: `/proc/meminfo`, transparent huge pages and KSM.

use crate::hostfs::HostFs;

/// How much there is and how much is free, in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total_mib: u64,
    /// Free, with what caches would give back.
    pub free_mib: u64,
    /// Percent in use.
    pub used_percent: u64,
    /// Swap space.
    pub swap_total_mib: u64,
    /// Free swap space.
    pub swap_free_mib: u64,
    /// In transparent huge pages.
    pub anonymous_huge_mib: u64,
}

/// Reads `/proc/meminfo`.
pub fn parse(meminfo: &str) -> Memory {
    let kib = |key: &str| -> u64 {
        let value = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        value.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    let free = kib("MemFree") + kib("Cached") + kib("Buffers");
    let total = kib("MemTotal");
    Memory {
        total_mib: total / 1024,
        free_mib: free / 1024,
        used_percent: (free * 100).checked_div(total).map_or(0, |free| 100_u64.saturating_sub(free)),
        swap_total_mib: kib("SwapTotal") / 1024,
        swap_free_mib: kib("SwapFree") / 1024,
        anonymous_huge_mib: kib("AnonHugePages") / 1024,
    }
}

/// The word in brackets: `always`, `madvise` or `never`. Managers accept no other, so without one it is `never`.
pub fn transparent_huge_pages(host: &HostFs) -> &'static str {
    let read = |directory: &str| host.value(&format!("sys/kernel/mm/{directory}/enabled"));
    let text = read("transparent_hugepage").or_else(|| read("redhat_transparent_hugepage")).unwrap_or_default();
    ["always", "madvise"].into_iter().find(|word| text.contains(&format!("[{word}]"))).unwrap_or("never")
}

/// Sharing of equal pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SamePages {
    /// Whether it works.
    pub running: bool,
    /// Pages looked at in one go.
    pub pages_to_scan: u64,
    /// MiB saved.
    pub shared_mib: u64,
}

/// Reads `/sys/kernel/mm/ksm`.
pub fn same_pages(host: &HostFs) -> SamePages {
    const PAGE: u64 = 4096;
    let number = |file: &str| host.number::<u64>(&format!("sys/kernel/mm/ksm/{file}")).unwrap_or(0);
    SamePages {
        running: number("run") == 1,
        pages_to_scan: number("pages_to_scan"),
        shared_mib: number("pages_sharing") * PAGE / (1 << 20),
    }
}

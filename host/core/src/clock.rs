//! The clock as a value that is handed over, so that decisions can be replayed and tests own time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC.
pub type Millis = u64;

/// The wall clock.
pub fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The identity of this boot of the kernel (`/proc/sys/kernel/random/boot_id`). What ran under another one is gone.
pub fn boot_id() -> std::io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// A point in time for people: `YYYY-MM-DD HH:MM:SS,mmm` in UTC, with a `Z` to say so. The form of VDSM's log.
pub fn text(now: Millis) -> String {
    let (days, millis) = (now / 86_400_000, now % 86_400_000);
    // Days since 0000-03-01, in eras of 400 years, so that leap days end their year.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year + era * 400, month + 3) } else { (year + era * 400 + 1, month - 9) };
    let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{:03}Z", millis % 1000)
}

#[cfg(test)]
mod tests {
    //! Rung: pure.
    use super::*;

    #[test]
    fn times_are_civil() {
        assert_eq!(text(0), "1970-01-01 00:00:00,000Z");
        assert_eq!(text(951_827_696_789), "2000-02-29 12:34:56,789Z");
        assert_eq!(text(1_380_000_000_123), "2013-09-24 05:20:00,123Z");
        assert_eq!(text(1_735_689_599_999), "2024-12-31 23:59:59,999Z");
    }
}

//! Time as VDSM writes it.

/// `2013-09-01T12:00:00 GMT` of milliseconds since 1970.
pub(crate) fn gmt(millis: u64) -> String {
    let seconds = millis / 1000;
    let (year, month, day) = date(seconds / 86_400);
    let of_day = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02} GMT", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// The Gregorian date of a day since 1970-01-01. Years count from March here, so that a leap day is the last of its year, and
/// 400 of them always have the same number of days.
fn date(day: u64) -> (u64, u64, u64) {
    const FROM_YEAR_0: u64 = 719_468;
    const OF_400_YEARS: u64 = 146_097;
    let day = day + FROM_YEAR_0;
    let of_era = day % OF_400_YEARS;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (OF_400_YEARS - 1)) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = day / OF_400_YEARS * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_month)
}

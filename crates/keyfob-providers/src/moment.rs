//! Moments as people and servers write them, without a clock: seconds since 1970 on one side, RFC 3339 on the other.

use std::fmt;

use toml::value::{Datetime, Offset};

/// Seconds since 1970, of a whole number, a date (`2020-01-31`: midnight, UTC) or a date and time
/// (`2020-01-31T12:00:00Z`; without an offset it is UTC). `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(seconds);
    }
    let moment: Datetime = text.parse().ok()?;
    let date = moment.date?;
    let time =
        moment.time.map_or(0, |time| i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second.unwrap_or(0)));
    let offset = match moment.offset {
        Some(Offset::Custom { minutes }) => i64::from(minutes) * 60,
        Some(Offset::Z) | None => 0,
    };
    Some(days(i64::from(date.year), i64::from(date.month), i64::from(date.day)) * 86_400 + time - offset)
}

/// The calendar date a text names, checked (`2020-02-30` is none).
pub(crate) fn date(text: &str) -> Option<String> {
    let moment: Datetime = text.trim().parse().ok()?;
    let date = moment.date.filter(|_| moment.time.is_none())?;
    Some(format!("{:04}-{:02}-{:02}", date.year, date.month, date.day))
}

/// A day of the calendar: nobody's clock, and the same in every time zone. Days since 1970-01-01.
///
/// ```
/// # use keyfob_providers::Day;
/// assert_eq!(Day(18_321).to_string(), "2020-02-29");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    /// The day that a text names as it is written there: also of a moment with an offset, which may lie in another day elsewhere.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let moment: Datetime = text.trim().parse().ok()?;
        let date = moment.date?;
        Some(Self(days(i64::from(date.year), i64::from(date.month), i64::from(date.day))))
    }

    /// Where it begins on an axis of seconds. No moment: an axis of days has no time zone.
    pub fn seconds(self) -> i64 {
        self.0.saturating_mul(86_400)
    }

    /// The day at a place on such an axis.
    pub fn at(seconds: i64) -> Self {
        Self(seconds.div_euclid(86_400))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        f.pad(&format!("{year:04}-{month:02}-{day:02}"))
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many seconds before now a text says (`3 days ago`): a whole number, a unit, and `ago`. `None` for anything else.
pub(crate) fn ago(text: &str) -> Option<i64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [count, unit, "ago"] = words[..] else { return None };
    let unit = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 7 * 86_400,
        _ => return None,
    };
    Some(i64::from(count.parse::<u32>().ok()?) * unit)
}

/// `2020-01-31 12:00:00Z`.
pub(crate) fn utc(seconds: i64) -> String {
    Rfc3339(seconds).to_string().replacen('T', " ", 1)
}

/// A moment, in seconds since 1970, as machines read it: RFC 3339, in UTC, to the second.
///
/// ```
/// # use keyfob_providers::Rfc3339;
/// assert_eq!(Rfc3339(1_583_020_799).to_string(), "2020-02-29T23:59:59Z");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rfc3339(pub i64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let (year, month, day) = civil(day);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        if !(0..10_000).contains(&year) {
            return write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        }
        // Written with each request of a program: a format costs ten times as much.
        let mut text = *b"0000-00-00T00:00:00Z";
        for (at, number) in [(0, year / 100), (2, year % 100), (5, month), (8, day), (11, hour), (14, minute), (17, second)] {
            let number = u8::try_from(number).expect("two digits");
            text[at] = b'0' + number / 10;
            text[at + 1] = b'0' + number % 10;
        }
        f.write_str(std::str::from_utf8(&text).expect("digits are text"))
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar. Years are counted from March, so that the leap day ends them.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// The date of a day since 1970-01-01: the inverse of [`days`].
fn civil(day: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097; // days in 400 years
    let day = day + 719_468;
    let (era, in_era) = (day.div_euclid(ERA), day.rem_euclid(ERA));
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        assert_eq!(parse("1577836800"), Some(1_577_836_800));
        assert_eq!(parse("2020-01-01"), Some(1_577_836_800));
        assert_eq!(parse("2020-01-01T01:00:00+01:00"), Some(1_577_836_800));
        assert_eq!(parse("2020-02-29T23:59:59Z"), Some(1_583_020_799));
        assert_eq!(parse("2021-02-29"), None);
        assert_eq!(parse("yesterday"), None);
        assert_eq!(utc(1_583_020_799), "2020-02-29 23:59:59Z");
        assert_eq!(utc(-1), "1969-12-31 23:59:59Z");
        let years = [
            (-62_167_219_201, "-001-12-31"),
            (-62_167_219_200, "0000-01-01"),
            (253_402_300_799, "9999-12-31"),
            (253_402_300_800, "10000-01-01"),
        ];
        for (seconds, day) in years {
            assert_eq!(utc(seconds).split(' ').next(), Some(day));
        }
        assert_eq!(date("2020-02-29").as_deref(), Some("2020-02-29"));
        assert_eq!(date("2020-02-30"), None);
        assert_eq!(date("2020-02-28T00:00:00Z"), None);
    }

    #[test]
    fn lengths_before_now_are_read() {
        assert_eq!(ago("3 days ago"), Some(259_200));
        assert_eq!(ago(" 1 week  ago "), Some(604_800));
        assert_eq!(ago("90 minutes ago"), Some(5400));
        for other in ["3 days", "-3 days ago", "3 moons ago", "days ago", "3 days ago now", "99999999999 days ago", ""] {
            assert_eq!(ago(other), None, "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn days_and_dates_agree(day in -700_000i64..2_000_000) {
            let (year, month, date) = civil(day);
            proptest::prop_assert_eq!(days(year, month, date), day);
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = parse(&text);
            let _ = (date(&text), ago(&text));
        }
    }
}

//! Time as the core sees it: an argument.

use serde::{Deserialize, Serialize};

/// A moment, in whole seconds since 1970-01-01T00:00:00Z. The core never asks for it; the caller says what time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A moment from Unix seconds.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// A moment from Unix seconds or milliseconds, where nobody says which: what would be the year 5138 in seconds is milliseconds.
    ///
    /// ```
    /// use keyfob_proto::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_seconds_or_milliseconds(1_800_000_000), Timestamp::from_unix(1_800_000_000));
    /// assert_eq!(Timestamp::from_seconds_or_milliseconds(1_800_000_000_500), Timestamp::from_unix(1_800_000_000));
    /// ```
    pub const fn from_seconds_or_milliseconds(number: u64) -> Self {
        /// Seconds that are the year 5138, or milliseconds that are 1973: whoever writes more than this counts milliseconds.
        const MILLISECONDS: u64 = 100_000_000_000;
        let seconds = if number < MILLISECONDS { number } else { number / 1000 };
        // A thousandth of anything, or less than that limit: it fits.
        Self(seconds.cast_signed())
    }

    /// A moment as servers write it: Unix seconds or milliseconds in digits, or as RFC 3339 has it. `None` for everything else.
    ///
    /// ```
    /// use keyfob_proto::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_text("1800000000500"), Some(Timestamp::from_unix(1_800_000_000)));
    /// assert_eq!(Timestamp::from_text("2027-01-15T08:00:00Z"), Some(Timestamp::from_unix(1_800_000_000)));
    /// assert_eq!(Timestamp::from_text("soon"), None);
    /// ```
    pub fn from_text(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Self::from_seconds_or_milliseconds);
        }
        Self::from_rfc3339(text)
    }

    /// Unix seconds.
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// This many seconds later (earlier, if negative). Stops at the ends of time instead of wrapping round.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this moment; negative if it lies after.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// A moment as RFC 3339 has it: `2026-11-26T13:00:00.5+01:00`. What is below a second is cut off.
    pub(crate) fn from_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |at: usize, digits: usize| -> Option<i64> {
            let digits = text.get(at..at + digits).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse().ok()
        };
        let punctuation = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
        if !punctuation.iter().all(|&(at, mark)| bytes.get(at) == Some(&mark)) || !matches!(bytes.get(10)?, b'T' | b't' | b' ') {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let before = lengths.get(..usize::try_from(month.checked_sub(1)?).ok()?).filter(|before| before.len() < 12)?;
        // A leap second is the last second of its minute.
        if !(1..=lengths[before.len()]).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let fraction = text.get(19..)?.strip_prefix('.');
        let zone = match fraction {
            Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
            None => text.get(19..)?,
        };
        if fraction.is_some_and(|rest| rest.len() == zone.len()) {
            return None;
        }
        let east = match zone.as_bytes() {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
                let at = text.len() - zone.len();
                let (hours, minutes) = (number(at + 1, 2)?, number(at + 4, 2)?);
                let seconds = (hours * 60 + minutes) * 60;
                if hours > 23 || minutes > 59 {
                    return None;
                }
                if *sign == b'+' { seconds } else { -seconds }
            }
            _ => return None,
        };
        // Leap days of all years before this one, less those before 1970.
        let leaps = |years: i64| years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
        let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before.iter().sum::<i64>() + day - 1;
        Some(Self(((days * 24 + hour) * 60 + minute) * 60 + second.min(59) - east))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_rfc3339_are_read() {
        // The examples of RFC 3339 §5.8 among them; what they are, `date -u -d` says.
        let good = [
            ("1970-01-01T00:00:00Z", 0),
            ("1985-04-12T23:20:50.52Z", 482_196_050),
            ("1996-12-19T16:39:57-08:00", 851_042_397),
            ("1990-12-31T23:59:60Z", 662_687_999),
            ("1937-01-01T12:00:27.87+00:20", -1_041_337_173),
            ("2000-02-29t23:59:59z", 951_868_799),
            ("2026-11-26 13:00:00+01:00", 1_795_694_400),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
        ];
        for (text, seconds) in good {
            assert_eq!(Timestamp::from_rfc3339(text), Some(Timestamp::from_unix(seconds)), "{text}");
        }
        let bad = [
            "",
            "2026-11-26",
            "2026-11-26T13:00:00",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00Zx",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:00ZZ",
            "２026-01-01T00:00:00Z",
        ];
        for text in bad {
            assert_eq!(Timestamp::from_rfc3339(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String, at in 0_usize..25, put: char) {
            let _ = Timestamp::from_rfc3339(&text);
            let mut near = "2026-01-01T00:00:00.5+01:00".to_owned();
            near.replace_range(at..=at, &put.to_string());
            let _ = Timestamp::from_rfc3339(&near);
        }
    }
}

//! What an API tells about its rate limit, in headers that each has by names of its own.

mod structured;

use http::{HeaderMap, HeaderName};

pub use self::structured::Structured;
use crate::time::Timestamp;

/// Which headers tell it. A provider that tells less has fewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many calls there are in a period.
    pub limit: Option<HeaderName>,
    /// How many of them are left.
    pub remaining: Option<HeaderName>,
    /// How many were made, where that is told and not how many are left.
    pub usage: Option<HeaderName>,
    /// When the next period begins, and how that is said.
    pub reset: Option<(HeaderName, ResetIn)>,
    /// Where several periods are counted at once, their lengths in seconds: the headers have a number for each then, with commas between them. Each begins at a
    /// whole multiple of its length since 1970 (at the quarter of an hour, at midnight UTC).
    pub periods: Vec<u32>,
    /// The same for calls that only read, where those are counted apart as well.
    pub reads: Option<Counted>,
    /// The fields of the IETF, which tell all of this by themselves.
    pub structured: Option<Structured>,
}

/// Headers that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many calls there are in a period.
    pub limit: Option<HeaderName>,
    /// How many of them are left.
    pub remaining: Option<HeaderName>,
    /// How many were made.
    pub usage: Option<HeaderName>,
}

/// How the beginning of the next period is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetIn {
    /// Seconds from now.
    Seconds,
    /// A moment: Unix seconds or milliseconds, or as RFC 3339 has it.
    Moment,
}

/// What an answer told: of several counts the one that is over first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// How many calls there are in a period.
    pub limit: Option<u64>,
    /// How many of them are left.
    pub remaining: Option<u64>,
    /// When the next period begins.
    pub resets_at: Option<Timestamp>,
}

impl Limits {
    /// What these headers tell; `None` where they tell nothing. A value that cannot be read is left out: nothing but a pause depends on it.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderName, HeaderValue};
    /// use keyfob_proto::{Limits, ResetIn, Timestamp};
    ///
    /// let limits = Limits {
    ///     remaining: Some(HeaderName::from_static("x-left")),
    ///     reset: Some((HeaderName::from_static("x-reset"), ResetIn::Seconds)),
    ///     ..Limits::default()
    /// };
    /// let mut headers = HeaderMap::new();
    /// headers.insert("x-left", HeaderValue::from_static("0"));
    /// headers.insert("x-reset", HeaderValue::from_static("7"));
    /// let told = limits.read(&headers, Timestamp::from_unix(1_800_000_000)).expect("something");
    /// assert_eq!((told.remaining, told.resets_at), (Some(0), Some(Timestamp::from_unix(1_800_000_007))));
    /// ```
    pub fn read(&self, headers: &HeaderMap, now: Timestamp) -> Option<Limit> {
        if let Some(structured) = &self.structured {
            return structured.read(headers, now);
        }
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let (counted, length) = self.tightest(&text);
        let resets_at = self.reset.as_ref().and_then(|(name, how)| {
            let said = text(name)?;
            match how {
                ResetIn::Seconds => Some(now.plus(i64::try_from(whole(said)?).ok().filter(|seconds| *seconds <= LONGEST)?)),
                ResetIn::Moment => match whole(said) {
                    Some(number) => Some(Timestamp::from_seconds_or_milliseconds(number)),
                    None => Timestamp::from_text(said),
                },
            }
        });
        let told = Limit { resets_at: resets_at.or_else(|| next(length?, now)), ..counted };
        (told != Limit::default()).then_some(told)
    }

    /// The count with the fewest calls left, and how long its period is. Of two that are over, the longer one is to be waited for.
    fn tightest<'a>(&self, text: &impl Fn(&HeaderName) -> Option<&'a str>) -> (Limit, Option<u32>) {
        let Self { limit, remaining, usage, periods, reads, .. } = self;
        let first = Counted { limit: limit.clone(), remaining: remaining.clone(), usage: usage.clone() };
        let mut all = Vec::new();
        for counted in std::iter::once(&first).chain(reads) {
            let numbers =
                |name: &Option<HeaderName>| name.as_ref().and_then(text).map_or_else(Vec::new, |said| numbers(said, periods.len().max(1)));
            let (limits, remaining, usage) = (numbers(&counted.limit), numbers(&counted.remaining), numbers(&counted.usage));
            for at in 0..periods.len().max(1) {
                let (limit, used) = (limits.get(at).copied(), usage.get(at).copied());
                let left = remaining.get(at).copied().or_else(|| Some(limit?.saturating_sub(used?)));
                if limit.is_some() || left.is_some() {
                    all.push((Limit { limit, remaining: left, resets_at: None }, periods.get(at).copied()));
                }
            }
        }
        let fewest = |(counted, length): &(Limit, Option<u32>)| {
            let length = i64::from(length.unwrap_or_default());
            counted.remaining.map_or((u64::MAX, length), |left| (left, -length))
        };
        all.into_iter().min_by_key(fewest).unwrap_or_default()
    }
}

/// As many numbers as there are periods, or none: of fewer nobody knows which is which.
fn numbers(said: &str, count: usize) -> Vec<u64> {
    let read: Option<Vec<u64>> =
        if count == 1 { whole(said).map(|one| vec![one]) } else { said.split(',').map(|one| whole(one.trim())).collect() };
    read.filter(|read| read.len() == count).unwrap_or_default()
}

/// When the next period of this length begins.
fn next(length: u32, now: Timestamp) -> Option<Timestamp> {
    let length = i64::from(length);
    let past = now.as_unix().checked_rem_euclid(length)?;
    Some(now.plus(length - past))
}

/// No period is longer than a year, and no sum overflows.
const LONGEST: i64 = 366 * 86_400;

/// A number as servers write it, some with a fraction.
fn whole(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(whole) && is_number(fraction)).then(|| whole.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn told(how: ResetIn, value: &'static str) -> Option<i64> {
        let name = HeaderName::from_static("x-reset");
        let limits = Limits { reset: Some((name.clone(), how)), ..Limits::default() };
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        limits.read(&headers, NOW)?.resets_at.map(|moment| moment.since(NOW))
    }

    #[test]
    fn seconds_and_moments_are_told_apart_by_the_settings_alone() {
        assert_eq!(told(ResetIn::Seconds, "30"), Some(30));
        assert_eq!(told(ResetIn::Seconds, " 12.75"), Some(12));
        assert_eq!(told(ResetIn::Moment, "1800000030"), Some(30));
        assert_eq!(told(ResetIn::Moment, "1800000030.470"), Some(30));
        assert_eq!(told(ResetIn::Moment, "1800000030000"), Some(30));
        assert_eq!(told(ResetIn::Moment, "2027-01-15T08:00:30Z"), Some(30));
    }

    /// As Strava says it: a quarter of an hour and a day, each of calls of any kind and of those that read.
    #[test]
    fn of_several_counts_the_one_that_is_over_first_is_told() {
        let name = HeaderName::from_static;
        let limits = Limits {
            limit: Some(name("x-limit")),
            usage: Some(name("x-usage")),
            periods: vec![900, 86_400],
            reads: Some(Counted { limit: Some(name("x-read-limit")), usage: Some(name("x-read-usage")), remaining: None }),
            ..Limits::default()
        };
        let told = |pairs: &[(&'static str, &'static str)], now| {
            let headers = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
            limits.read(&headers, now).map(|told| (told.limit, told.remaining, told.resets_at.map(|moment| moment.as_unix())))
        };
        // 08:03:20: the quarter ends at 08:15, and the day at midnight.
        let now = NOW.plus(200);
        let (quarter, day) = (Some(NOW.plus(900).as_unix()), Some(NOW.plus(16 * 3600).as_unix()));
        let of = |limit, usage| told(&[("x-limit", limit), ("x-usage", usage)], now);
        assert_eq!(of("200,2000", "10,100"), Some((Some(200), Some(190), quarter)));
        assert_eq!(of("200, 2000", "10, 1990"), Some((Some(2000), Some(10), day)));
        assert_eq!(of("200,2000", "201,2000"), Some((Some(2000), Some(0), day)), "both are over, and the day is longer");
        assert_eq!(of("200,2000", "201,100"), Some((Some(200), Some(0), quarter)));
        let reads = [("x-limit", "200,2000"), ("x-usage", "10,100"), ("x-read-limit", "100,1000"), ("x-read-usage", "98,500")];
        assert_eq!(told(&reads, now), Some((Some(100), Some(2), quarter)));
        // At the border a new one has begun.
        assert_eq!(told(&reads[..2], NOW.plus(900)).and_then(|told| told.2), Some(NOW.plus(1800).as_unix()));
        // Of fewer or more numbers than there are periods nobody knows which is which.
        for bad in ["200", "200,2000,20000", "200,soon", ",", ""] {
            assert_eq!(of(bad, "10,100"), None, "{bad}");
        }
        assert_eq!(of("200,2000", "10"), Some((Some(200), None, quarter)), "how many are left is not known");
    }

    #[test]
    fn what_was_made_tells_what_is_left() {
        let name = HeaderName::from_static;
        let limits = Limits { limit: Some(name("x-limit")), usage: Some(name("x-usage")), ..Limits::default() };
        let headers = [("x-limit", "60"), ("x-usage", "61")].map(|(key, value)| (name(key), HeaderValue::from_static(value)));
        assert_eq!(limits.read(&HeaderMap::from_iter(headers), NOW), Some(Limit { limit: Some(60), remaining: Some(0), resets_at: None }));
    }

    #[test]
    fn what_cannot_be_read_tells_nothing() {
        for value in ["", "soon", "-1", "1e3", "1.", "200,2000", "18446744073709551616", "18446744073709551615"] {
            assert_eq!(told(ResetIn::Seconds, value), None, "{value}");
        }
        for value in ["", "soon", "-1", "1."] {
            assert_eq!(told(ResetIn::Moment, value), None, "{value}");
        }
    }
}

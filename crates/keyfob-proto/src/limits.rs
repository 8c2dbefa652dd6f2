//! What an API tells about its rate limit, in headers that each has by names of its own.

use http::{HeaderMap, HeaderName};

use crate::time::Timestamp;

/// Which headers tell it. A provider that tells less has fewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many calls there are in a period.
    pub limit: Option<HeaderName>,
    /// How many of them are left.
    pub remaining: Option<HeaderName>,
    /// When the next period begins, and how that is said.
    pub reset: Option<(HeaderName, ResetIn)>,
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

/// What an answer told.
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
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let number = |name: &Option<HeaderName>| whole(text(name.as_ref()?)?);
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
        let told = Limit { limit: number(&self.limit), remaining: number(&self.remaining), resets_at };
        (told != Limit::default()).then_some(told)
    }
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

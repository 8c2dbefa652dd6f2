//! How long a server asks to be left alone (RFC 9110 §10.2.3).

use std::time::UNIX_EPOCH;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use crate::time::Timestamp;

/// The seconds that `Retry-After` names, or how far off the moment is that it names. That is counted from the answer's own `Date`, where it has one, so that
/// a clock that is off, the server's or ours, changes nothing; else from `now`, when the answer came.
///
/// It is what the server says, up to thousands of years: a caller has a limit of its own, or a server puts it to sleep.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header};
/// use keyfob_proto::{Timestamp, retry_after};
///
/// let told = |text| {
///     let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(text))]);
///     retry_after(&headers, Timestamp::from_unix(784_111_777))
/// };
/// assert_eq!(told("30"), Some(30));
/// assert_eq!(told("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
/// assert_eq!(told("soon"), None);
/// ```
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().unwrap_or(u64::MAX));
    }
    let then = moment(text)?;
    let there = date(headers).unwrap_or(now);
    Some(u64::try_from(then.since(there)).unwrap_or(0))
}

/// `Date`, in any of the three forms that RFC 9110 §5.6.7 has a recipient accept.
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    moment(headers.get(DATE)?.to_str().ok()?)
}

fn moment(text: &str) -> Option<Timestamp> {
    let seconds = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    i64::try_from(seconds).ok().map(Timestamp::from_unix)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn told(headers: &[(HeaderName, &'static str)], now: i64) -> Option<u64> {
        let headers = headers.iter().map(|(name, text)| (name.clone(), HeaderValue::from_static(text)));
        retry_after(&headers.collect(), Timestamp::from_unix(now))
    }

    #[test]
    fn c10_seconds_and_moments_are_read() {
        const NOW: i64 = 784_111_777;
        for (text, expected) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("+7", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(told(&[(RETRY_AFTER, text)], NOW), expected, "{text}");
        }
    }

    #[test]
    fn c10_a_moment_is_counted_by_the_server_s_own_clock() {
        let headers = [(RETRY_AFTER, "Sun, 06 Nov 1994 08:50:07 GMT"), (DATE, "Sun, 06 Nov 1994 08:49:37 GMT")];
        for now in [0, 784_111_777, i64::MAX] {
            assert_eq!(told(&headers, now), Some(30));
        }
    }
}

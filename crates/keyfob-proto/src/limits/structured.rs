//! The header fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): lists of structured fields (RFC 9651) whose members have
//! names, and parameters that count.

use std::cmp::Reverse;

use http::{HeaderMap, HeaderName};

use super::{LONGEST, Limit, whole};
use crate::time::Timestamp;

/// Which header fields these are. One that tells of a limit so tells all of it: no other header is read then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structured {
    /// The one that says of each count how many calls are left (`r`) and in how many seconds there are new ones (`t`).
    pub counts: HeaderName,
    /// The one that says how many there are (`q`) in a period, by the same names.
    pub policy: Option<HeaderName>,
}

impl Structured {
    /// The count with the fewest calls left. Of two that are over, the longer one is to be waited for.
    pub(super) fn read(&self, headers: &HeaderMap, now: Timestamp) -> Option<Limit> {
        let (counts, policies) = (line(headers, &self.counts), self.policy.as_ref().map(|name| line(headers, name)).unwrap_or_default());
        let policies = members(&policies).unwrap_or_default();
        let quota = |name: &str| policies.iter().find(|policy| policy.name == name)?.get("q");
        let of = |count: &Member<'_>| {
            let remaining = count.get("r")?;
            let seconds = count.get("t").and_then(|seconds| i64::try_from(seconds).ok()).filter(|seconds| *seconds <= LONGEST);
            let limit = Limit { limit: quota(count.name), remaining: Some(remaining), resets_at: seconds.map(|seconds| now.plus(seconds)) };
            Some((remaining, Reverse(seconds), limit))
        };
        let counts = members(&counts)?;
        counts.iter().filter_map(of).min_by_key(|(remaining, seconds, _)| (*remaining, *seconds)).map(|(.., limit)| limit)
    }
}

/// The whole list: its members may be in several lines.
fn line(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",")
}

/// A member of such a list, with those of its parameters that are whole numbers.
struct Member<'a> {
    name: &'a str,
    numbers: Vec<(&'a str, u64)>,
}

impl Member<'_> {
    /// Of a parameter that is said twice the last one counts (RFC 9651 §4.2.3.2).
    fn get(&self, key: &str) -> Option<u64> {
        self.numbers.iter().rev().find(|(name, _)| *name == key).map(|(_, number)| *number)
    }
}

/// The members. Of a list that breaks off somewhere nothing is read (RFC 9651 §4.2).
fn members(said: &str) -> Option<Vec<Member<'_>>> {
    let blank = [' ', '\t'];
    let (mut all, mut rest) = (Vec::new(), said.trim_matches(blank));
    while !rest.is_empty() {
        let ((name, _), mut after) = item(rest)?;
        let mut numbers = Vec::new();
        while let Some(parameter) = after.strip_prefix(';') {
            let parameter = parameter.trim_start_matches(' ');
            let end =
                parameter.find(|char: char| !matches!(char, 'a'..='z' | '0'..='9' | '_' | '-' | '.' | '*')).unwrap_or(parameter.len());
            let (key, value) = parameter.split_at_checked(end).filter(|(key, _)| !key.is_empty())?;
            after = value;
            if let Some(value) = value.strip_prefix('=') {
                let ((value, is_text), behind) = item(value)?;
                numbers.extend(whole(value).filter(|_| !is_text && !value.contains('.')).map(|number| (key, number)));
                after = behind;
            }
        }
        all.push(Member { name, numbers });
        rest = after.trim_start_matches(blank);
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start_matches(blank);
            // A comma has something behind it.
            if rest.is_empty() {
                return None;
            }
        }
    }
    Some(all)
}

/// A value at the beginning, whether it is a text, and what is behind it.
fn item(said: &str) -> Option<((&str, bool), &str)> {
    let Some(text) = said.strip_prefix('"') else {
        let end = said.find([';', ',', ' ', '\t', '"']).unwrap_or(said.len());
        let (bare, rest) = said.split_at_checked(end)?;
        return (!bare.is_empty()).then_some(((bare, false), rest));
    };
    let mut is_escaped = false;
    let end = text.find(|char| {
        let ends = char == '"' && !is_escaped;
        is_escaped = char == '\\' && !is_escaped;
        ends
    })?;
    let (text, rest) = text.split_at_checked(end)?;
    Some(((text, true), rest.strip_prefix('"')?))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::limits::Limits;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn told(counts: &[&'static str], policy: &'static str) -> Option<(Option<u64>, Option<u64>, Option<i64>)> {
        let (name, other) = (HeaderName::from_static("ratelimit"), HeaderName::from_static("ratelimit-policy"));
        let structured = Some(Structured { counts: name.clone(), policy: Some(other.clone()) });
        let mut headers = HeaderMap::from_iter([(other, HeaderValue::from_static(policy))]);
        for line in counts {
            headers.append(name.clone(), HeaderValue::from_static(line));
        }
        let told = Limits { structured, ..Limits::default() }.read(&headers, NOW)?;
        Some((told.limit, told.remaining, told.resets_at.map(|moment| moment.since(NOW))))
    }

    /// As tado says it, which tells when there are new calls once there are none.
    #[test]
    fn counts_with_names_are_read() {
        let policy = "\"perday\";q=20000;w=86400";
        assert_eq!(told(&["\"perday\";r=15211"], policy), Some((Some(20_000), Some(15_211), None)));
        assert_eq!(told(&["\"perday\";r=0;t=5904"], policy), Some((Some(20_000), Some(0), Some(5904))));
        assert_eq!(told(&["\"perday\";r=0;t=5904"], "\"another\";q=20000"), Some((None, Some(0), Some(5904))));
        assert_eq!(told(&["perday; r=7 ; t=8"], ""), None, "no blank stands before a semicolon");
        assert_eq!(told(&[" perday; r=7; t=8 "], "perday;q=9"), Some((Some(9), Some(7), Some(8))), "a token");
    }

    #[test]
    fn of_several_counts_with_names_the_one_that_is_over_first_is_told() {
        let policy = "\"burst\";q=100;w=60, \"day, \\\"long\\\"\";q=1000;w=86400;pk=:dGVuYW50:";
        let both = |first, second| told(&[first, second], policy);
        assert_eq!(both("\"burst\";r=50;t=30", "\"day, \\\"long\\\"\";r=10;t=900"), Some((Some(1000), Some(10), Some(900))));
        assert_eq!(both("\"burst\";r=0;t=30", "\"day, \\\"long\\\"\";r=10;t=900"), Some((Some(100), Some(0), Some(30))));
        assert_eq!(both("\"burst\";r=0;t=30", "\"day, \\\"long\\\"\";r=0;t=900"), Some((Some(1000), Some(0), Some(900))));
        assert_eq!(told(&["\"burst\";r=0;t=30,\"day, \\\"long\\\"\";r=3;t=9;r=2"], policy), Some((Some(100), Some(0), Some(30))));
        assert_eq!(told(&["\"day, \\\"long\\\"\";r=3;pk=:a=:;x;r=2"], policy), Some((Some(1000), Some(2), None)), "the last one counts");
    }

    #[test]
    fn a_list_that_breaks_off_tells_nothing() {
        let good = "\"a\";r=1";
        assert!(told(&[good], "").is_some());
        for bad in [
            "",
            "\"a\"",
            "\"a;r=1",
            "\"a\\\";r=1",
            "\"a\";r=1,",
            "\"a\";r=",
            "\"a\";=1",
            "\"a\";r=\"1\"",
            "\"a\";r=1.5",
            "\"a\";r=-1",
            "\"a\";R=1",
            "\"a\" \"b\";r=1",
        ] {
            assert_eq!(told(&[bad], ""), None, "{bad}");
        }
        assert_eq!(told(&[good], "\"a\";q=5,"), Some((None, Some(1), None)), "what there is left is known in any case");
        assert_eq!(told(&["\"a\";r=1;t=18446744073709551615"], ""), Some((None, Some(1), None)), "and when, if it is within a year");
        assert_eq!(told(&[good, ""], ""), None);
    }
}

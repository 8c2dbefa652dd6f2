//! A clock that is off, and how it is noticed (RFC 5849 §3.3): the server refuses the timestamp, and says in `Date` what time it is there.

use http::StatusCode;

use super::problem::{Reason, Report};
use crate::message::Incoming;
use crate::retry_after::date;
use crate::scrub::Scrubber;
use crate::time::Timestamp;

/// How far a server's clock is ahead of ours, in seconds (behind, if negative). For the timestamps of signatures alone: when something expires is
/// judged by our own clock, or whoever answers could keep an ended token alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockOffset(i64);

impl ClockOffset {
    /// The largest that is believed: one day. A clock that is further off is for a person to set right.
    pub const LARGEST: i64 = 86_400;

    /// Closer together than this are two clocks that agree: something else was wrong.
    const SMALLEST: i64 = 5;

    /// The server's time, for a signature.
    #[must_use]
    pub const fn apply(self, now: Timestamp) -> Timestamp {
        now.plus(self.0)
    }

    /// In seconds.
    pub const fn as_seconds(self) -> i64 {
        self.0
    }

    /// What an answer to a request that was signed with this offset teaches. `None` unless it is a refusal that names the timestamp, has a
    /// `Date` that is at most [`LARGEST`](Self::LARGEST) from ours, and the timestamp really was another one than that: sign the request again
    /// then, once, with a new nonce. `now` is our own clock's time.
    ///
    /// An answer that teaches nothing proves nothing either: keep the offset there is.
    ///
    /// ```
    /// use http::{Response, StatusCode};
    /// use keyfob_proto::{Timestamp, oauth1::ClockOffset};
    ///
    /// let answer = Response::builder()
    ///     .status(401)
    ///     .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
    ///     .body("oauth_problem=timestamp_refused")?;
    /// let now = Timestamp::from_unix(784_111_777 - 3600);
    /// let learnt = ClockOffset::default().learn(&answer, now).expect("an hour");
    /// assert_eq!(learnt.apply(now), Timestamp::from_unix(784_111_777));
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn learn<'a>(self, answer: impl Into<Incoming<'a>>, now: Timestamp) -> Option<Self> {
        let answer = answer.into();
        let report = Report::read(answer, &Scrubber::new());
        if !names_the_timestamp(answer, report.as_ref()) {
            return None;
        }
        let there = date(answer.headers)?;
        // A server that refuses the very time it tells is not helped by it.
        let acceptable = report.and_then(|report| report.acceptable_timestamps);
        if acceptable.is_some_and(|(first, last)| !(first..=last).contains(&there.as_unix())) {
            return None;
        }
        let offset = Self(there.since(now));
        let changed = offset.0.saturating_sub(self.0).unsigned_abs() >= Self::SMALLEST.unsigned_abs();
        (changed && offset.0.unsigned_abs() <= Self::LARGEST.unsigned_abs()).then_some(offset)
    }
}

/// Whether a refusal is one of the timestamp: by `oauth_problem`, or, where there is none, by a sentence. (Many servers go back to one PHP library,
/// which says "Timestamp is out of sequence".)
fn names_the_timestamp(answer: Incoming<'_>, report: Option<&Report>) -> bool {
    /// A sentence, not a page.
    const LONGEST: usize = 4096;
    let refused = matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    match report {
        Some(report) => report.reason == Reason::TimestampRefused,
        None if !refused || answer.body.len() > LONGEST => false,
        None => {
            let text = String::from_utf8_lossy(answer.body).to_ascii_lowercase();
            // `oauth_timestamp` is an echo of the base string, and "timestamp/nonce" a replay; neither is about the clock.
            text.match_indices("timestamp").any(|(at, word)| {
                !text[..at].ends_with(|before: char| before == '_' || before.is_alphanumeric())
                    && !text[at + word.len()..].starts_with("/nonce")
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Response;
    use http::header::DATE;

    use super::*;

    const THERE: i64 = 784_111_777;
    const DATED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const SENTENCE: &str = "OAuth Verification Failed: Timestamp is out of sequence. Request rejected.";

    fn learn(from: i64, ahead: i64, status: u16, date: &str, body: &str) -> Option<i64> {
        let answer = Response::builder().status(status).header(DATE, date).body(body.to_owned()).expect("an answer");
        ClockOffset(from).learn(&answer, Timestamp::from_unix(THERE - ahead)).map(ClockOffset::as_seconds)
    }

    #[test]
    fn i3_an_offset_is_learnt_from_a_refusal_that_names_the_timestamp_and_from_nothing_else() {
        for ahead in [3600, -3600, 86_400, -86_400] {
            assert_eq!(learn(0, ahead, 401, DATED, SENTENCE), Some(ahead));
            assert_eq!(learn(0, ahead, 400, DATED, "oauth_problem=timestamp_refused"), Some(ahead));
        }
        let nothing = [
            (200, "timestamp"),
            (500, SENTENCE),
            (401, "Invalid signature"),
            (401, "oauth_problem=nonce_used&oauth_problem_advice=timestamp"),
            (401, "Verification of signature failed (signature base string was \"GET&x&oauth_timestamp%3D1\")."),
            (401, "Duplicate timestamp/nonce combination, possible replay attack."),
        ];
        for (status, body) in nothing {
            assert_eq!(learn(0, 3600, status, DATED, body), None, "{status} {body}");
        }
        let of_length = |length: usize| format!("{SENTENCE}{}", ".".repeat(length - SENTENCE.len()));
        assert_eq!(learn(0, 3600, 401, DATED, &of_length(4096)), Some(3600));
        assert_eq!(learn(0, 3600, 401, DATED, &of_length(4097)), None, "a page may speak of anything");
    }

    #[test]
    fn i3_an_offset_is_bounded_to_a_day_and_a_date_must_be_one() {
        assert_eq!(learn(0, 86_401, 401, DATED, SENTENCE), None);
        assert_eq!(learn(0, -86_401, 401, DATED, SENTENCE), None);
        assert_eq!(learn(0, 3600, 401, "yesterday", SENTENCE), None);
        assert_eq!(learn(0, 3600, 401, "Sunday, 06-Nov-94 08:49:37 GMT", SENTENCE), Some(3600));
        assert_eq!(learn(0, 3600, 401, "Sun Nov  6 08:49:37 1994", SENTENCE), Some(3600));
        assert_eq!(learn(0, 3600, 401, "Thu, 01 Jan 9999 00:00:00 GMT", SENTENCE), None);
    }

    #[test]
    fn i3_clocks_that_agree_teach_nothing() {
        assert_eq!(learn(0, 2, 401, DATED, SENTENCE), None);
        assert_eq!(learn(3600, 3601, 401, DATED, SENTENCE), None, "it was signed with that already");
        assert_eq!(learn(3600, 0, 401, DATED, SENTENCE), Some(0), "the server's clock was set right");
        let refuses_itself = format!("oauth_problem=timestamp_refused&oauth_acceptable_timestamps={}-{}", THERE + 10, THERE + 20);
        assert_eq!(learn(0, 3600, 401, DATED, &refuses_itself), None);
        let agrees = format!("oauth_problem=timestamp_refused&oauth_acceptable_timestamps={}-{}", THERE - 10, THERE + 20);
        assert_eq!(learn(0, 3600, 401, DATED, &agrees), Some(3600));
    }
}

//! Moments in sentences.

use keyfob_proto::Timestamp;

/// A moment as RFC 3339 has it, in UTC; beyond the years that calendars cover, the number of seconds.
pub(crate) fn utc(moment: Timestamp) -> String {
    jiff::Timestamp::from_second(moment.as_unix()).map_or_else(|_| moment.as_unix().to_string(), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_any_size_are_written() {
        assert_eq!(utc(Timestamp::from_unix(1_795_317_120)), "2026-11-22T03:12:00Z");
        assert_eq!(utc(Timestamp::from_unix(i64::MAX)), i64::MAX.to_string());
    }
}

//! Virtual time: the real clock plus an offset that all services share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Far enough for any test, near enough that every date of the range can be written.
const FURTHEST: i64 = 100 * 366 * 86_400;

#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    offset: Arc<AtomicI64>,
}

impl Clock {
    /// Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        real.saturating_add(self.offset.load(Ordering::Relaxed))
    }

    /// Moves every service's clock; the sum of all moves stays within a century.
    pub(crate) fn advance(&self, seconds: i64) {
        let moved = |offset: i64| Some(offset.saturating_add(seconds).clamp(-FURTHEST, FURTHEST));
        let _ = self.offset.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved);
    }
}

/// `2026-11-21T10:00:00.000Z`, as August writes dates.
pub(crate) fn iso_millis(unix: i64) -> String {
    timestamp(unix).strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// RFC 9110 §5.6.7, for `Date`.
pub(crate) fn http_date(unix: i64) -> String {
    timestamp(unix).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A time that cannot be written becomes the epoch: a pretend server has no better answer.
pub(crate) fn timestamp(unix: i64) -> Timestamp {
    Timestamp::from_second(unix).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_time() {
        let clock = Clock::default();
        let other = clock.clone();
        let before = other.now();
        clock.advance(3600);
        assert!(other.now() >= before + 3600);
    }

    #[test]
    fn dates_are_written_as_the_servers_write_them() {
        assert_eq!(iso_millis(1_577_836_800), "2020-01-01T00:00:00.000Z");
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(iso_millis(i64::MAX), "1970-01-01T00:00:00.000Z");
    }
}

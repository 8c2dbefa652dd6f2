//! Moments and lengths of time, as people read them.

use jiff::tz::TimeZone;
use keyfob::proto::Timestamp;

/// A moment in the person's own time zone: `2026-11-21 14:03`.
pub(crate) fn local(moment: Timestamp) -> String {
    written(moment, TimeZone::system(), "%Y-%m-%d %H:%M")
}

/// A moment for programs (RFC 3339, UTC).
pub(crate) fn utc(moment: Timestamp) -> String {
    written(moment, TimeZone::UTC, "%Y-%m-%dT%H:%M:%SZ")
}

/// A moment in a format, in the person's own time zone.
pub(crate) fn formatted(moment: Timestamp, format: &str) -> String {
    written(moment, TimeZone::system(), format)
}

fn written(moment: Timestamp, zone: TimeZone, format: &str) -> String {
    match jiff::Timestamp::from_second(moment.as_unix()) {
        Ok(moment) => moment.to_zoned(zone).strftime(format).to_string(),
        // Beyond the years that calendars cover.
        Err(_) => moment.as_unix().to_string(),
    }
}

/// A length of time in its two greatest units: `2 h 59 min`.
pub(crate) fn length(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let seconds = seconds.saturating_abs();
    let at = UNITS.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(UNITS.len() - 1);
    let (unit, name) = UNITS[at];
    let rest = UNITS.get(at + 1).map(|(smaller, name)| (seconds % unit / smaller, name)).filter(|(count, _)| *count > 0);
    match rest {
        Some((count, smaller)) if at < 3 => format!("{} {name} {count} {smaller}", seconds / unit),
        _ => format!("{} {name}", seconds / unit),
    }
}

/// How long from now: `in 2 h 59 min`, `3 min ago`.
pub(crate) fn from_now(moment: Timestamp, now: Timestamp) -> String {
    match moment.since(now) {
        0 => "now".to_owned(),
        later @ 1.. => format!("in {}", length(later)),
        earlier => format!("{} ago", length(earlier)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units_at_most() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (10_740, "2 h 59 min"), (10_367_999, "119 d 23 h"), (86_400, "1 d")]
        {
            assert_eq!(length(seconds), text);
        }
    }

    #[test]
    fn moments_lie_ahead_or_behind() {
        let now = Timestamp::from_unix(1_000_000);
        assert_eq!(from_now(now.plus(90), now), "in 1 min 30 s");
        assert_eq!(from_now(now.plus(-3600), now), "1 h ago");
        assert_eq!(utc(Timestamp::from_unix(1_577_836_800)), "2020-01-01T00:00:00Z");
        assert_eq!(utc(Timestamp::from_unix(i64::MAX)), i64::MAX.to_string());
    }
}

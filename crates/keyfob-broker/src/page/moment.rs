//! Moments on pages. A page cannot know the person's time zone, so it says whose time this is; script, where there is some, turns it
//! into theirs.

use keyfob::proto::Timestamp;
use keyfob_providers::{Cell, Rfc3339};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `2026-11-21 22:51:13 UTC`.
pub(crate) fn utc(seconds: i64) -> String {
    format!("{} UTC", Cell::Time(seconds).to_string().trim_end_matches('Z'))
}

/// `2026-11-21T22:51:13Z`.
pub(crate) fn iso(seconds: i64) -> String {
    Rfc3339(seconds).to_string()
}

/// As an element, ready for a page.
pub(crate) fn element(seconds: i64) -> String {
    format!("<time datetime=\"{}\">{}</time>", iso(seconds), utc(seconds))
}

/// `in 2 h 41 min`, `3 days ago`: how far a moment is from now.
pub(crate) fn distance(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.since(now);
    match span(seconds.saturating_abs()) {
        None => "now".to_owned(),
        Some(span) if seconds > 0 => format!("in {span}"),
        Some(span) => format!("{span} ago"),
    }
}

fn span(seconds: i64) -> Option<String> {
    let many = |count: i64, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    Some(match seconds {
        ..MINUTE => return None,
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY if seconds % HOUR < MINUTE => format!("{} h", seconds / HOUR),
        HOUR..DAY => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        _ if seconds < 60 * DAY => many(seconds / DAY, "day"),
        _ if seconds < 730 * DAY => many(seconds / (30 * DAY), "month"),
        _ => many(seconds / (365 * DAY), "year"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_in_words() {
        let now = Timestamp::from_unix(1_800_000_000);
        for (seconds, expected) in [
            (0, "now"),
            (59, "now"),
            (-61, "1 min ago"),
            (9_660, "in 2 h 41 min"),
            (7_200, "in 2 h"),
            (86_400, "in 1 day"),
            (-3 * 86_400, "3 days ago"),
            (-90 * 86_400, "3 months ago"),
            (3 * 365 * 86_400, "in 3 years"),
        ] {
            assert_eq!(distance(now.plus(seconds), now), expected);
        }
        assert_eq!(element(0), "<time datetime=\"1970-01-01T00:00:00Z\">1970-01-01 00:00:00 UTC</time>");
    }
}

//! So many in so long (`10/min`), and the bucket that counts them: full at first, one drop a use, filled again evenly.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use keyfob::proto::{Misuse, scrub};

/// So many in so long (`10/min`), all at once or spread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    most: u32,
    within: Duration,
}

impl Rate {
    /// As many as there are.
    pub const UNLIMITED: Self = Self { most: 0, within: Duration::ZERO };

    /// So many a minute.
    #[must_use]
    pub const fn a_minute(most: u32) -> Self {
        Self { most, within: Duration::from_secs(60) }
    }

    pub(crate) fn is_unlimited(self) -> bool {
        self.most == 0
    }

    fn most(self) -> f64 {
        f64::from(self.most)
    }
}

/// How long they are, and how they are written; the first name is ours.
const UNITS: [(u64, &[&str]); 4] =
    [(1, &["s", "sec", "second"]), (60, &["min", "m", "minute"]), (3600, &["h", "hour"]), (86_400, &["d", "day"])];

impl FromStr for Rate {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        if text.trim() == "off" {
            return Ok(Self::UNLIMITED);
        }
        let rate = text.split_once('/').and_then(|(most, unit)| {
            let (seconds, _) = UNITS.iter().find(|(_, names)| names.contains(&unit.trim()))?;
            let most: u32 = most.trim().parse().ok().filter(|most| *most > 0)?;
            Some(Self { most, within: Duration::from_secs(*seconds) })
        });
        rate.ok_or_else(|| {
            Misuse::new("a rate such as 10/s, 60/min, 1000/h, 5000/d, or off", format!("\"{}\"", scrub::printable(text)))
                .with_hint("a number, a slash, and s, min, h or d")
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(seconds, _)| *seconds == self.within.as_secs()) {
            Some((_, names)) if !self.is_unlimited() => write!(f, "{}/{}", self.most, names[0]),
            _ => f.write_str("off"),
        }
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rate({self})")
    }
}

/// What is left of a rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    drops: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn full(rate: Rate, now: Instant) -> Self {
        Self { drops: rate.most(), at: now }
    }

    /// Takes so many drops if there is one; how long to wait, if there is none. A clock that goes back fills nothing.
    pub(crate) fn take(&mut self, rate: Rate, drops: f64, now: Instant) -> Result<(), Duration> {
        if rate.is_unlimited() {
            return Ok(());
        }
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        let a_second = rate.most() / rate.within.as_secs_f64();
        self.drops = (self.drops + since * a_second).min(rate.most());
        self.at = now.max(self.at);
        if self.drops >= 1.0 {
            self.drops -= drops;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.drops) / a_second))
    }

    /// Whether it says nothing that a new one would not say.
    pub(crate) fn is_full(mut self, rate: Rate, now: Instant) -> bool {
        // Looking fills it.
        let _ = self.take(rate, 0.0, now);
        self.drops >= rate.most()
    }

    /// When it was used last.
    pub(crate) fn at(self) -> Instant {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for (text, shown) in [
            ("10/s", "10/s"),
            ("60/min", "60/min"),
            ("1000/h", "1000/h"),
            ("5/day", "5/d"),
            ("3/d", "3/d"),
            (" 7 / minute ", "7/min"),
            ("off", "off"),
        ] {
            assert_eq!(text.parse::<Rate>().expect(text).to_string(), shown);
        }
        for wrong in ["", "10", "0/s", "-1/s", "1.5/s", "10/week", "10 per minute", "99999999999/s", "/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn l15_a_bucket_is_emptied_and_filled_again_evenly() {
        let (rate, begin) = (Rate::a_minute(3), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut bucket = Bucket::full(rate, at(0));
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, 1.0, at(0)), Ok(()));
        }
        let wait = bucket.take(rate, 1.0, at(0)).expect_err("empty");
        assert!(wait > Duration::from_secs(19) && wait <= Duration::from_secs(20), "{wait:?}");
        assert!(bucket.take(rate, 1.0, at(10)).is_err());
        assert_eq!(bucket.take(rate, 1.0, at(21)), Ok(()));
        assert!(bucket.take(rate, 1.0, at(21)).is_err());
        assert!(bucket.take(rate, 1.0, at(0)).is_err(), "a clock that goes back fills nothing");
        assert!(!bucket.is_full(rate, at(79)) && bucket.is_full(rate, at(10_000)));
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, 1.0, at(10_000)), Ok(()), "no more than full");
        }
        assert!(bucket.take(rate, 1.0, at(10_000)).is_err());
    }
}

//! How often a key may be used: `10/min`.
//!
//! A bucket of tokens for each key, in memory: full at first, one token taken for each use, filled evenly. Each instance has buckets of its own, so
//! that N of them allow N times as much: the rate is there to stop a program that runs wild, and a bucket that is shared would put a write to the
//! database in front of every answer.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use keyfob::proto::{Misuse, scrub};

use super::recent::Recent;

/// So many keys are counted at once; whoever was not seen for longer begins with a full bucket.
const MOST: usize = 10_000;

/// So many uses in so many seconds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    uses: u32,
    seconds: u32,
}

impl Rate {
    fn per_second(self) -> f64 {
        f64::from(self.uses) / f64::from(self.seconds)
    }
}

impl FromStr for Rate {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        let wrong = || {
            Misuse::new("a rate such as 10/min", format!("\"{}\"", scrub::printable(text)))
                .with_hint("a number, a slash, and s, min, h or d")
        };
        let (uses, unit) = text.trim().split_once('/').ok_or_else(wrong)?;
        let seconds = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3600,
            "d" | "day" => 86_400,
            _ => return Err(wrong()),
        };
        let uses: u32 = uses.trim().parse().map_err(|_| wrong())?;
        if uses == 0 { Err(wrong()) } else { Ok(Self { uses, seconds }) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.seconds {
            1 => "s",
            60 => "min",
            3600 => "h",
            _ => "d",
        };
        write!(f, "{}/{unit}", self.uses)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rate({self})")
    }
}

/// The buckets of this instance.
#[derive(Debug)]
pub(super) struct Buckets(Mutex<Recent<Bucket>>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Default for Buckets {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(MOST)))
    }
}

impl Buckets {
    /// Takes a token; if there is none, says when there will be one.
    pub(super) fn take(&self, id: &str, rate: Rate, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = f64::from(rate.uses);
        let before = buckets.get(id).unwrap_or(Bucket { tokens: full, at: now });
        let tokens = (before.tokens + now.saturating_duration_since(before.at).as_secs_f64() * rate.per_second()).min(full);
        let (left, outcome) =
            if tokens >= 1.0 { (tokens - 1.0, Ok(())) } else { (tokens, Err(Duration::from_secs_f64((1.0 - tokens) / rate.per_second()))) };
        buckets.put(id, Bucket { tokens: left, at: now });
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        for (text, shown) in [("10/min", "10/min"), ("5/s", "5/s"), ("1000/h", "1000/h"), ("3/day", "3/d"), (" 7 / minute ", "7/min")] {
            assert_eq!(text.parse::<Rate>().expect("a rate").to_string(), shown);
        }
        for text in ["", "10", "0/min", "-1/s", "1.5/s", "10/year", "/s", "99999999999/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_bucket_fills_evenly() {
        let (buckets, rate, begin) = (Buckets::default(), "3/min".parse().expect("a rate"), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        for _ in 0..3 {
            assert!(buckets.take("a", rate, at(0)).is_ok());
        }
        let wait = buckets.take("a", rate, at(0)).expect_err("it is empty");
        assert!(wait > Duration::from_secs(19) && wait <= Duration::from_secs(20), "{wait:?}");
        assert!(buckets.take("b", rate, at(0)).is_ok(), "each key has its own");
        assert!(buckets.take("a", rate, at(19)).is_err());
        assert!(buckets.take("a", rate, at(20)).is_ok());
        assert!(buckets.take("a", rate, at(20)).is_err());
        for _ in 0..3 {
            assert!(buckets.take("a", rate, at(10_000)).is_ok(), "it is full again, and no fuller");
        }
        assert!(buckets.take("a", rate, at(10_000)).is_err());
    }
}

//! How often a key may be used: `10/min`.
//!
//! A bucket ([`crate::rate`]) for each key, in memory. Each instance has buckets of its own, so that N of them allow N times as much: the rate is there to
//! stop a program that runs wild, and a bucket that is shared would put a write to the database in front of every answer.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::recent::Recent;
use crate::rate::{Bucket, Rate};

/// So many keys are counted at once; whoever was not seen for longer begins with a full bucket.
const MOST: usize = 10_000;

/// The buckets of this instance.
#[derive(Debug)]
pub(super) struct Buckets(Mutex<Recent<Bucket>>);

impl Default for Buckets {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(MOST)))
    }
}

impl Buckets {
    /// Takes a drop; if there is none, says when there will be one.
    pub(super) fn take(&self, id: &str, rate: Rate, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bucket = buckets.get(id).unwrap_or_else(|| Bucket::full(rate, now));
        let taken = bucket.take(rate, 1.0, now);
        buckets.put(id, bucket);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_bucket_of_its_own() {
        let (buckets, rate, now) = (Buckets::default(), Rate::a_minute(3), Instant::now());
        for _ in 0..3 {
            assert!(buckets.take("a", rate, now).is_ok());
        }
        assert!(buckets.take("a", rate, now).is_err() && buckets.take("a", rate, now + Duration::from_secs(19)).is_err());
        assert!(buckets.take("b", rate, now).is_ok());
        assert!(buckets.take("a", rate, now + Duration::from_secs(21)).is_ok());
    }
}

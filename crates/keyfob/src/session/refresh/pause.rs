//! After a failure: not again at once, less and less often, and not before the provider wants it. By a clock that nobody turns.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyfob_proto::Timestamp;
use tokio::time::Instant;

use crate::entropy;
use crate::error::Error;

/// The first pause; each further one is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);

const LONGEST: Duration = Duration::from_secs(300);

/// What a provider may ask for at most: it must not be able to put an account to sleep.
pub(super) const LONGEST_TOLD: u64 = 60;

/// The last failure, and until when it stands for the next.
#[derive(Default)]
pub(crate) struct Pause {
    /// In a box, as most accounts have none.
    failed: Mutex<Option<Box<Failed>>>,
    /// The moment that a note asks to wait for, and when that is by this clock, reckoned when it was first seen.
    noted: Mutex<Option<(Timestamp, Instant)>>,
}

struct Failed {
    times: u32,
    until: Instant,
    error: Error,
}

impl Pause {
    /// Begins a pause, longer than the last one.
    pub(super) fn begin(&self, error: &Error) {
        let mut failed = self.failed();
        let times = failed.as_ref().map_or(0, |failed| failed.times);
        let length = match error {
            // Nobody but our own disk is spared by waiting, and whoever makes room on it wants to go on.
            Error::Store(_) => FIRST,
            _ => FIRST.saturating_mul(1 << times.min(16)).min(LONGEST),
        };
        // C10: what the provider asks for is no more than it gets, however the dice fall.
        let length = entropy::about(length).max(error.retry_after().unwrap_or_default().min(Duration::from_secs(LONGEST_TOLD)));
        *failed = Some(Box::new(Failed { times: times.saturating_add(1), until: Instant::now() + length, error: error.again() }));
    }

    /// How long it still is to the moment that the provider asked to wait for, as a note tells. Whoever wrote it, here or elsewhere, wrote a moment at most
    /// [`LONGEST_TOLD`] off: one that is further off is of a clock that was turned, and nobody waits for it; one that was waited for once, by the clock that
    /// nobody turns, is not waited for again.
    pub(super) fn told(&self, not_before: Timestamp, now: Timestamp) -> Option<Duration> {
        let left = u64::try_from(not_before.since(now)).ok().filter(|left| (1..=LONGEST_TOLD).contains(left))?;
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = noted.filter(|(seen, _)| *seen == not_before);
        let (_, end) = *noted.insert(seen.unwrap_or_else(|| (not_before, Instant::now() + Duration::from_secs(left))));
        Some(end.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// The last failure, while its pause lasts.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failed().as_ref().filter(|failed| Instant::now() < failed.until).map(|failed| failed.error.again())
    }

    /// What another session of the account has to know of the last failure: how often it failed, and until when to wait. Nothing, where there was none, or
    /// it is over for long.
    pub(crate) fn left(&self) -> Option<Self> {
        let failed = self.failed();
        let Failed { times, until, error } = failed.as_deref().filter(|failed| Instant::now() < failed.until + LONGEST)?;
        let failed = Failed { times: *times, until: *until, error: error.again() };
        Some(Self { failed: Mutex::new(Some(Box::new(failed))), noted: Mutex::default() })
    }

    /// What failed works again.
    pub(crate) fn end(&self) {
        *self.failed() = None;
    }

    fn failed(&self) -> MutexGuard<'_, Option<Box<Failed>>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn length(pause: &Pause) -> Duration {
        let begun = Instant::now();
        while pause.failure().is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn c10_no_clock_makes_a_moment_that_is_noted_far_away() {
        let (pause, noted) = (Pause::default(), Timestamp::from_unix(1_800_000_000));
        for off in [-i64::MAX, -1, 0, 61, 86_400, i64::MAX] {
            assert_eq!(pause.told(noted, noted.plus(-off)), None, "{off}");
        }
        // Turned back again and again: it is waited for once.
        for waited in [0, 20, 40] {
            assert_eq!(pause.told(noted, noted.plus(-60)), Some(Duration::from_secs(60 - waited)));
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        assert_eq!(pause.told(noted, noted.plus(-60)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_end_growing() {
        let pause = Pause::default();
        let error = Error::NoAccount { name: "home".to_owned() };
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            pause.begin(&error);
            let (found, expected) = (length(&pause).await, Duration::from_secs(expected));
            assert!(found >= expected * 3 / 4 && found <= expected * 5 / 4 + Duration::from_millis(50), "{found:?} for {expected:?}");
        }
        pause.end();
        assert!(pause.failure().is_none());
        pause.begin(&error);
        assert!(length(&pause).await < Duration::from_secs(2), "a success begins anew");
    }
}

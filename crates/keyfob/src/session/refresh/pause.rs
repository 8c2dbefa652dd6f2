//! After a failure: not again at once, and less and less often. By a clock that nobody turns.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::entropy;
use crate::error::Error;

/// The first pause; each further one is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);

const LONGEST: Duration = Duration::from_secs(300);

/// The last failure, and until when it stands for the next.
#[derive(Default)]
pub(crate) struct Pause {
    failed: Mutex<Option<Failed>>,
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
        *failed = Some(Failed { times: times.saturating_add(1), until: Instant::now() + entropy::about(length), error: error.again() });
    }

    /// The last failure, while its pause lasts.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failed().as_ref().filter(|failed| Instant::now() < failed.until).map(|failed| failed.error.again())
    }

    /// What failed works again.
    pub(crate) fn end(&self) {
        *self.failed() = None;
    }

    fn failed(&self) -> MutexGuard<'_, Option<Failed>> {
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

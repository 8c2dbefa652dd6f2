//! Before a program ends: a refresh under way comes to its end, and new tokens that could not be written are written.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::{Session, Shared, Unsaved};
use crate::error::Error;

/// Before a write is tried once more, for a program that waits; each further pause is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(100);

const LONGEST: Duration = Duration::from_secs(2);

impl Session {
    /// New tokens that could not be written to the store, if there are any. They are in use, and written as soon as that can be done: at the
    /// next use, in the background, and by [`Session::settle`].
    pub fn unsaved(&self) -> Option<Unsaved> {
        self.shared.unwritten.told()
    }

    /// For a program that is about to end: waits for a refresh that has begun, and writes what could not be written before. A refresh that
    /// waits for its turn is called off. Takes as long as there is something to wait for, and gives up on a store that stays as it is whatever
    /// time passes ([`StoreError::is_lasting`](crate::store::StoreError::is_lasting)). Dropped before its end, it has changed nothing: what it waits for goes on.
    ///
    /// # Errors
    ///
    /// `Unsaved` if new tokens cannot be written within this time: ending now loses the login. `Unfinished` if a refresh is not over by then: ending
    /// now may.
    pub async fn settle(&self, within: Duration) -> Result<(), Error> {
        self.shared.settle(within).await
    }
}

impl Shared {
    pub(crate) async fn settle(&self, within: Duration) -> Result<(), Error> {
        // Whoever says "for ever" means a year.
        let end = Instant::now() + within.min(Duration::from_secs(365 * 86_400));
        self.call_off();
        if let Some(error) = self.unsettled() {
            tracing::info!(account = self.known().account().name, %error, "the end waits for new tokens");
        }
        if timeout_at(end, self.land()).await.is_ok() {
            self.write_until(end).await;
        }
        self.unsettled().map_or(Ok(()), Err)
    }

    /// What ending the program now may lose.
    pub(crate) fn unsettled(&self) -> Option<Error> {
        if self.is_spending() {
            return Some(Error::Unfinished { account: self.known().account().name.clone() });
        }
        self.unwritten.told().map(|Unsaved { account, since, error }| Error::Unsaved { account, since, error })
    }

    async fn write_until(&self, end: Instant) {
        let mut pause = FIRST;
        // A store that hangs must not keep the program from ending.
        while let Ok(Err(error)) = timeout_at(end, self.write_unwritten()).await {
            if error.is_lasting() || Instant::now() + pause >= end {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }
}

//! Before a program ends: a refresh under way comes to its end, and new tokens that could not be written are written.

use std::time::Duration;

use tokio::time::Instant;

use super::{Session, Shared, Unsaved};
use crate::error::Error;

/// Between two attempts to write, for a program that waits.
const AGAIN: Duration = Duration::from_millis(100);

impl Session {
    /// New tokens that could not be written to the store, if there are any. They are in use, and written as soon as that can be done: at the
    /// next use, in the background, and by [`Session::settle`].
    pub fn unsaved(&self) -> Option<Unsaved> {
        self.shared.unwritten.told()
    }

    /// For a program that is about to end: waits for a refresh that has begun, and writes what could not be written before. A refresh that
    /// waits for its turn is called off.
    ///
    /// # Errors
    ///
    /// `Unsaved` if new tokens cannot be written within this time: ending now loses the login. `Stopped` if a refresh is not over by then.
    pub async fn settle(&self, within: Duration) -> Result<(), Error> {
        self.shared.settle(within).await
    }
}

impl Shared {
    pub(crate) async fn settle(&self, within: Duration) -> Result<(), Error> {
        // Whoever says "for ever" means a year.
        let end = Instant::now() + within.min(Duration::from_secs(365 * 86_400));
        if !self.land(within).await {
            return Err(Error::Stopped { account: self.known().account().name.clone() });
        }
        loop {
            // A store that hangs must not keep the program from ending.
            let written = tokio::time::timeout_at(end, self.write_unwritten()).await;
            if matches!(written, Ok(Ok(()))) {
                return Ok(());
            }
            if Instant::now() + AGAIN >= end {
                return match self.unwritten.told() {
                    Some(Unsaved { account, since, error }) => Err(Error::Unsaved { account, since, error }),
                    None => Ok(()),
                };
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

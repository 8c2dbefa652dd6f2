//! Clearing away what is over. Nobody else does: what has expired would lie on the shelf for ever, and the book would grow until the disk is full,
//! at which nothing more is answered (L17). Whoever makes items that expire, or requests that are written down, must not be able to bring that about.

use std::time::Duration;

use keyfob::StoreError;
use keyfob::store::EntryNumber;
use keyfob_store::Shelf;

use crate::site::Site;

/// A line of the book is kept for so long, and the history of an account that is gone, in seconds: 400 days, so that a year can be looked back on. docs/keys.md says so.
const KEEP: i64 = 400 * 24 * 3600;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// So many at a time: whoever wants to write waits for no more than that.
const AT_ONCE: usize = 1000;

/// Between times, so that others get to write.
const PAUSE: Duration = Duration::from_millis(100);

impl Site {
    /// Clears away as long as this is waited for. Every broker does: who finds nothing has done nothing.
    pub(crate) async fn sweep(&self) {
        let Some(people) = &self.people else { return std::future::pending().await };
        let mut looked_at = EntryNumber(0);
        loop {
            let swept = async {
                self.sweep_all(&*people.shelf).await?;
                // Whose account is gone is found by a look at all entries: a page each time, and then from the start. Most are of accounts that are there.
                let next = self.keyfob.store().sweep_histories(looked_at, self.keyfob.now().plus(-KEEP), AT_ONCE).await?;
                looked_at = next.unwrap_or(EntryNumber(0));
                Ok::<_, StoreError>(())
            };
            if let Err(error) = swept.await {
                tracing::warn!(%error, "what is over stays in the vault for now");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn sweep_all(&self, shelf: &dyn Shelf) -> Result<(), StoreError> {
        loop {
            let now = self.keyfob.now();
            if shelf.sweep(now, now.plus(-KEEP), AT_ONCE).await? == 0 {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

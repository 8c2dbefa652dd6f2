//! Whoever an answer streams to. Some never end (events, a log that is followed): a key that is taken back is taken back from those, too.

use std::sync::Arc;
use std::time::Duration;

use super::caller::Caller;
use super::session;
use crate::guard::RequestId;
use crate::site::Site;

/// How often it is looked whether they still may. The ring knows of a key without asking anybody, and an account is read once in a second for all who use it.
const EVERY: Duration = Duration::from_secs(1);

/// Whoever an answer streams to.
pub(super) struct Holder {
    site: Arc<Site>,
    caller: Caller,
    account: String,
    id: RequestId,
}

impl Holder {
    pub(super) fn new(site: Arc<Site>, caller: Caller, account: &str, id: RequestId) -> Self {
        Self { site, caller, account: account.to_owned(), id }
    }

    /// Is over when they may have no more of it: the key was revoked, or has ended, or its account is gone, with its person or without.
    pub(super) async fn lost(self) {
        loop {
            tokio::time::sleep(EVERY).await;
            if !self.holds().await {
                tracing::info!(id = self.id.as_str(), "an answer was broken off: the key or the account that it came by is gone");
                return;
            }
        }
    }

    async fn holds(&self) -> bool {
        let Some(gate) = &self.site.gate else { return true };
        if let Caller::Key(fob) = &self.caller
            && !gate.ring.holds(fob, self.site.keyfob.now()).await
        {
            return false;
        }
        // What cannot be looked up now is believed.
        !matches!(session(&self.site, gate, &self.caller, &self.account).await, Ok(None))
    }
}

//! Whoever a body streams to, or from. Some never end (events, a log that is followed), and some come as slowly as their sender likes: a key that is taken back
//! is taken back from those, too.

use std::sync::Arc;
use std::time::Duration;

use super::caller::Caller;
use super::session;
use crate::guard::RequestId;
use crate::site::Site;

/// How often it is looked whether they still may. The ring knows of a key without asking anybody, and an account is read once in a second for all who use it.
const EVERY: Duration = Duration::from_secs(1);

/// Whoever uses an account.
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

    /// Is over when they may not use it any more: the key was revoked, or has ended, or its account is gone, with its person or without.
    pub(super) async fn lost(self) {
        loop {
            tokio::time::sleep(EVERY).await;
            if !holds(&self.site, &self.caller, &self.account).await {
                tracing::info!(id = self.id.as_str(), "a body was broken off: the key or the account that it came by is gone");
                return;
            }
        }
    }
}

/// Whether they may still use the account that they were let in for. What cannot be looked up now is believed.
pub(super) async fn holds(site: &Site, caller: &Caller, account: &str) -> bool {
    let Some(gate) = &site.gate else { return false };
    caller.is_let_in(site, gate).await && !matches!(session(site, gate, caller, account).await, Ok(None))
}

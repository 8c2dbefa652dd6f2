//! The right to refresh an account, for whoever renames or ends it: nobody spends its tokens meanwhile.

use std::time::Duration;

use crate::account::Account;
use crate::entropy;
use crate::error::Error;
use crate::keyfob::Keyfob;
use crate::store::{Hold, StoreError, Versioned};

/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(50);

impl Keyfob {
    /// The right, and the account as it is since: only now it stays as it is read. `Held` where it is not to be had within `patience`; a `Conflict` of the
    /// store where there is another account of that name by now.
    pub(crate) async fn hold(&self, account: &Account, patience: Duration) -> Result<(Hold, Versioned<Account>), Error> {
        let begun = tokio::time::Instant::now();
        loop {
            let held = self.store().try_hold(&account.id).await?;
            let found = self.store().account(&account.name).await?.ok_or_else(|| Error::NoAccount { name: account.name.clone() })?;
            if found.value.id != account.id {
                return Err(StoreError::Conflict.into());
            }
            match held {
                // A right that can be lost with a connection may be somebody's who does not know yet: then the note tells, as it tells a refresh.
                Some(hold) if !self.is_being_spent(&found.value, &hold) => return Ok((hold, found)),
                _ if begun.elapsed() >= patience => return Err(Error::held(&found.value)),
                held => {
                    drop(held);
                    tokio::time::sleep(entropy::about(AGAIN)).await;
                }
            }
        }
    }
}

impl Error {
    /// Who holds it is what the note says; between taking the right and writing the note nobody knows.
    pub(crate) fn held(account: &Account) -> Self {
        let note = account.spending.as_ref().filter(|note| !note.over);
        Self::Held { account: account.name.clone(), by: note.map(|note| Box::new(note.by.clone())), since: note.map(|note| note.since) }
    }
}

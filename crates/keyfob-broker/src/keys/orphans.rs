//! Keys whose account is gone: they open nothing, also where another account has the name by now.

use std::collections::{BTreeMap, HashSet};

use keyfob::{Store, StoreError};

use super::ValetKey;
use crate::seat::name_in_vault;

/// Which of these keys open nothing because their account was disconnected, by number. Each account is read once.
///
/// # Errors
/// Those of the store.
pub async fn orphans(store: &dyn Store, keys: &[ValetKey]) -> Result<HashSet<String>, StoreError> {
    let mut by_account: BTreeMap<_, Vec<&ValetKey>> = BTreeMap::new();
    for key in keys {
        by_account.entry(name_in_vault(&key.owner, &key.account)).or_default().push(key);
    }
    let mut orphans = HashSet::new();
    for (name, keys) in by_account {
        let account = match store.account(&name).await {
            // What is damaged is there.
            Err(StoreError::Corrupt(_)) => continue,
            account => account?,
        };
        let gone = keys.into_iter().filter(|key| account.as_ref().is_none_or(|account| account.value.id != key.account_id));
        orphans.extend(gone.map(|key| key.id.clone()));
    }
    Ok(orphans)
}

//! Another name for an account.

use std::time::Duration;

use crate::account::Account;
use crate::error::Error;
use crate::history::Event;
use crate::keyfob::Keyfob;

/// How long a refresh under way is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Gives an account another name. Its id stays, and with it its tokens, its history, and what others keep by its id. Sessions that are open under
/// the old name find no account there any more.
///
/// No refresh is under way meanwhile: it would write its new tokens under the old name, and find nothing there to write them to.
///
/// # Errors
///
/// `NoAccount` where there is none; a `Conflict` of the store where the new name is taken; `Held` where somebody has been refreshing it for longer than a
/// refresh takes.
pub async fn rename(keyfob: &Keyfob, from: &str, to: &str) -> Result<Account, Error> {
    let read = async || keyfob.store().account(from).await?.ok_or_else(|| Error::NoAccount { name: from.to_owned() });
    let before = read().await?.value;
    let (_hold, found) = keyfob.hold(&before, PATIENCE).await?;
    let account = Account { name: to.to_owned(), ..found.value };
    let entry = keyfob.entry(&account, Event::Renamed { from: from.to_owned() });
    keyfob.store().rename_account(from, &account, found.generation, Some(&entry)).await?;
    keyfob.tell(&entry);
    keyfob.opened().remove(from);
    tracing::info!(from, to, "renamed");
    Ok(account)
}

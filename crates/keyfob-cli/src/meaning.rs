//! What a provider's bare name means where it has several accounts, if somebody has said so: kept in the vault, by the account's id, so that it follows
//! a rename. An account whose name is exactly that comes first.

use keyfob::proto::scrub::printable;
use keyfob::store::Expected;
use keyfob::{Account, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};

use crate::account::now;

/// Each provider's, by its name.
const KIND: Kind = Kind("meaning");

/// The account that a provider's bare name means; none if that was not said, or that account is gone.
pub(crate) async fn of<'a>(shelf: &dyn Shelf, provider: &str, accounts: &'a [Account]) -> Result<Option<&'a Account>, StoreError> {
    let Some(found) = shelf.item(KIND, provider, now()).await? else { return Ok(None) };
    Ok(accounts.iter().find(|account| account.id.as_str().as_bytes() == found.value.content.as_slice()))
}

/// Says which one it means from now on.
pub(crate) async fn set(shelf: &dyn Shelf, account: &Account) -> Result<(), StoreError> {
    let item = Item::new(&account.provider, account.id.as_str().as_bytes());
    shelf.put_item(KIND, &item, Expected::Anything).await.map(drop)
}

/// Says that it means none; whether it meant one.
pub(crate) async fn unset(shelf: &dyn Shelf, provider: &str) -> Result<bool, StoreError> {
    shelf.remove_item(KIND, provider).await
}

/// The accounts of a provider, in words.
pub(crate) fn among(accounts: &[Account], provider: &str) -> String {
    let names: Vec<&str> = accounts.iter().filter(|account| account.provider == provider).map(|account| account.name.as_str()).collect();
    printable(&names.join(", "))
}

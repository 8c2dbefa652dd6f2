//! What ends with a login that is another person's than the one before: valet keys were made for that one, and do not open somebody else's account.

use keyfob::AccountId;
use keyfob_broker::keys;

use crate::account::now;
use crate::card::{Card, Doing};
use crate::context::Context;

/// How many keys were made for this login, and open nothing any more.
pub(crate) async fn keys_of(login: &AccountId, context: &Context) -> Result<usize, Card> {
    let keys = keys::list(&**context.shelf().await?, None, now()).await.doing("cannot read the keys")?;
    Ok(keys.iter().filter(|key| key.account_id == *login).count())
}

/// The same in one line.
pub(crate) fn told(keys: usize) -> String {
    let ended = match keys {
        0 => "no valet key was made for that login",
        1 => "1 valet key that was made for that login opens nothing any more (keyfob key list)",
        _ => {
            return format!(
                "another person than before: {keys} valet keys that were made for that login open nothing any more (keyfob key list)"
            );
        }
    };
    format!("another person than before: {ended}")
}

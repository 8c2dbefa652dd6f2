//! Tokens that the provider knows no more, where nothing renews them: an account that speaks OAuth 1, or OAuth 2 without a refresh token. Nobody else finds
//! out, for no refresh is ever refused; so what the API says about the token itself, in so many words, is written down as a refused refresh is (walk 2).

use std::sync::Arc;

use keyfob_proto::Timestamp;

use super::{Known, Shared};
use crate::account::{Account, Health};
use crate::error::Error;
use crate::grant::Grant;
use crate::history::Event;
use crate::store::{Expected, StoreError, Versioned};

/// How often a write is tried that others get in the way of. They are logins and renamings: there are not many at once.
const TRIES: usize = 8;

impl Shared {
    /// Whether a person has to log in where these tokens are not good any more. Where the app's keys sign alone there are none.
    pub(super) fn ends_with(&self, known: &Known) -> bool {
        !known.renews() && known.account().grant != Grant::OneLegged
    }

    /// The API says of the tokens that a call was `used` with that they are not good any more. `Ok` are other ones, which somebody's login has brought in the
    /// meantime: of those nobody has said anything. Else the account is marked, by compare-and-swap over what was read, and nothing is deleted.
    pub(super) async fn disowned(&self, used: &Known, said: &str) -> Result<Arc<Known>, Error> {
        let reason = format!("the API does not take its token any more: {said}");
        let needs_login = || used.account().needs_login(&reason);
        for _ in 0..TRIES {
            let now = self.read().await?;
            now.usable()?;
            if !is_same_login(&now, used) {
                return Ok(now);
            }
            match self.mark(&now, &reason, self.keyfob.now()).await {
                Ok(()) => return Err(needs_login()),
                Err(StoreError::Conflict) => {}
                Err(error) => {
                    tracing::error!(account = used.account().name, %error, "needs a new login, which could not be written down");
                    return Err(needs_login());
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn mark(&self, now: &Known, reason: &str, since: Timestamp) -> Result<(), StoreError> {
        let account = Account { health: Health::NeedsLogin { reason: reason.to_owned(), since }, ..now.account().clone() };
        let entry = self.keyfob.entry(&account, Event::NeedsLogin { refresh: None, reason: reason.to_owned() });
        let generation = self.keyfob.put(&account, Expected::Generation(now.record().generation), Some(&entry)).await?;
        tracing::info!(account = account.name, reason, "needs a new login");
        self.learn_written(Versioned { value: account, generation });
        Ok(())
    }
}

/// Some providers give out the same OAuth 1 token at every login, which makes it good again: so the login counts as well as the text.
fn is_same_login(now: &Known, used: &Known) -> bool {
    now.is_same_issue(used.tokens()) && now.account().logged_in_at == used.account().logged_in_at
}

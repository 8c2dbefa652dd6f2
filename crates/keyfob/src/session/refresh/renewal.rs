//! What new tokens are asked for with: the refresh token, or the account's own grant once more.

use keyfob_proto::OAuth2Tokens;
use keyfob_proto::oauth2::{Client, Exchange};

use crate::error::Error;
use crate::history::Fingerprint;
use crate::keyfob::Keyfob;
use crate::session::Known;

/// A request for new tokens, and what the note about it says.
pub(super) struct Renewal {
    pub(super) exchange: Exchange,
    /// The refresh token; or, where none is spent, the access token that the new one takes the place of.
    pub(super) token: Fingerprint,
    /// The grant that is made once more, where no refresh token is spent.
    pub(super) grant: Option<&'static str>,
}

impl Renewal {
    /// `None` where there is nothing to ask with, or not any more: a token that renews itself does so until it ends.
    pub(super) fn of(keyfob: &Keyfob, client: &Client, known: &Known, tokens: &OAuth2Tokens) -> Result<Option<Self>, Error> {
        if tokens.renew_themselves() && known.has_ended(keyfob.now()) {
            return Ok(None);
        }
        let account = known.account();
        let grant = account.grant.asked_again_as();
        // With the scopes of the login: what the provider's file says by now is another account's business.
        let exchange = match account.grant.ask_again(keyfob, client, &account.requested_scopes, tokens)? {
            Some(asked_again) => asked_again,
            None if tokens.refresh.is_none() => return Ok(None),
            None => client.refresh(tokens)?,
        };
        let token = Fingerprint::of(tokens.refresh.as_ref().filter(|_| grant.is_none()).unwrap_or(&tokens.access));
        Ok(Some(Self { exchange, token, grant }))
    }
}

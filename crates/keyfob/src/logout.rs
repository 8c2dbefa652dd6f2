//! Logging out.

use keyfob_proto::{App, Flow, Secret, Settings, TokenSet, oauth2};

use crate::account::Account;
use crate::error::Error;
use crate::history::Event;
use crate::keyfob::Keyfob;

/// What became of a logout.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoggedOut {
    /// The account that was forgotten here.
    pub account: Account,
    /// Whether the provider forgot its tokens, too.
    pub revoked: Revoked,
}

/// Whether the provider forgot the tokens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Revoked {
    /// It did.
    Yes,
    /// It was not asked.
    NotAsked,
    /// It has no way to ask (RFC 7009 is optional, and OAuth 1 has nothing like it).
    NoEndpoint,
    /// It was asked, and did not.
    Failed(Error),
}

/// Forgets an account here; and, if `revoke`, asks the provider to forget its tokens first (RFC 7009: the refresh token, then the
/// access token). Here it is forgotten in any case.
pub async fn logout(keyfob: &Keyfob, settings: &Settings, app: &App, account: &str, revoke: bool) -> Result<LoggedOut, Error> {
    let record = keyfob.store().account(account).await?.ok_or_else(|| Error::NoAccount { name: account.to_owned() })?;
    let account = record.value;
    let revoked = if revoke { ask(keyfob, settings, app, &account).await } else { Revoked::NotAsked };
    let entry = keyfob.entry(&account, Event::LoggedOut { revoked: matches!(revoked, Revoked::Yes) });
    keyfob.store().remove_account(&account.name, Some(&entry)).await?;
    keyfob.tell(&entry);
    keyfob.forget_session(&account.name);
    tracing::info!(account = account.name, "logged out");
    Ok(LoggedOut { account, revoked })
}

async fn ask(keyfob: &Keyfob, settings: &Settings, app: &App, account: &Account) -> Revoked {
    let (Flow::OAuth2(flow), TokenSet::OAuth2(tokens)) = (&settings.flow, &account.tokens) else {
        return Revoked::NoEndpoint;
    };
    let Some(endpoint) = &flow.revoke else { return Revoked::NoEndpoint };
    // The tokens go to the origins of the login and nowhere else; also not to a revocation endpoint that was added later.
    if !account.is_bound_to(&endpoint.origin()) {
        let bound_to = account.origins.iter().map(ToString::to_string).collect();
        return Revoked::Failed(Error::Unbound { account: account.name.clone(), origin: endpoint.origin().to_string(), bound_to });
    }
    let client = match oauth2::Client::new(settings, app.clone()) {
        Ok(client) => client,
        Err(error) => return Revoked::Failed(error.into()),
    };
    let refresh = tokens.refresh.iter().map(|token| (token, oauth2::TokenKind::Refresh));
    let mut revoked = Revoked::Yes;
    // One that fails is no reason to leave the other alive.
    for (token, kind) in refresh.chain([(&tokens.access, oauth2::TokenKind::Access)]) {
        if let (Err(error), Revoked::Yes) = (ask_for_one(keyfob, &client, token, kind).await, &revoked) {
            revoked = Revoked::Failed(error);
        }
    }
    revoked
}

async fn ask_for_one(keyfob: &Keyfob, client: &oauth2::Client, token: &Secret, kind: oauth2::TokenKind) -> Result<(), Error> {
    let Some(revocation) = client.revoke(token, kind)? else { return Ok(()) };
    let answer = keyfob.exchange(revocation.request()).await?;
    Ok(revocation.receive(&answer)?)
}

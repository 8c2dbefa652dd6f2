//! Logging out.

use std::time::Duration;

use keyfob_proto::oidc::EndSession;
use keyfob_proto::{App, Code, Endpoint, Error as ProtoError, Flow, Misuse, OAuth2Tokens, Secret, Settings, TokenSet, oauth2};

use crate::account::Account;
use crate::error::Error;
use crate::history::Event;
use crate::keyfob::Keyfob;
use crate::store::{Hold, StoreError};

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

/// How long a refresh under way is waited for. One that takes longer goes on, finds the account gone, and has what it got revoked.
const PATIENCE: Duration = Duration::from_secs(10);

/// Forgets an account here; and, if `revoke`, asks the provider to forget its tokens first (RFC 7009: the refresh token, then the
/// access token). Here it is forgotten in any case.
///
/// # Errors
///
/// `NoAccount` if there is none; `Store` with [`StoreError::Conflict`] where the name has become another account's meanwhile, which is left as it is.
pub async fn logout(keyfob: &Keyfob, settings: &Settings, app: &App, account: &str, revoke: bool) -> Result<LoggedOut, Error> {
    // What a refresh of this process brought and could not write is newer than what the store has: nobody could revoke it.
    let open = keyfob.opened().get(account);
    if let Some(shared) = open {
        drop(shared.write_unwritten().await);
    }
    // The tokens of a refresh under way would live on at the provider, and nobody could revoke them.
    let (_hold, account) = newest(keyfob, account, PATIENCE).await?;
    let revoked = if revoke { ask(keyfob, settings, app, &account).await } else { Revoked::NotAsked };
    forget(keyfob, &account, matches!(revoked, Revoked::Yes)).await?;
    Ok(LoggedOut { account, revoked })
}

/// Forgets an account here and now, and asks nobody: for whoever takes many away at once, and revokes what they held afterwards ([`revoke`]). A refresh
/// under way is not waited for: it finds the account gone, and has what it got revoked. Gives the account as it was at the end.
///
/// # Errors
///
/// `NoAccount` if there is none, `Store` with [`StoreError::Conflict`] where the name has become another account's meanwhile, which is left as it is; and what
/// the store says.
pub async fn forget_now(keyfob: &Keyfob, account: &str) -> Result<Account, Error> {
    let (_hold, account) = newest(keyfob, account, Duration::ZERO).await?;
    forget(keyfob, &account, false).await?;
    Ok(account)
}

/// The account that has this name now, as it is at the end of a refresh under way; and the right to refresh it, where that is to be had.
async fn newest(keyfob: &Keyfob, name: &str, patience: Duration) -> Result<(Option<Hold>, Account), Error> {
    let read = async || keyfob.store().account(name).await?.ok_or_else(|| Error::NoAccount { name: name.to_owned() });
    let meant = read().await?.value;
    match keyfob.hold(&meant, patience).await {
        Ok((hold, found)) => Ok((Some(hold), found.value)),
        // Where nothing can be held nothing can be waited for; and a holder that hangs keeps nobody from logging out.
        Err(_) => {
            let found = read().await?.value;
            // Another login took its place: that account is nobody's to end who meant the one before.
            if found.id == meant.id { Ok((None, found)) } else { Err(StoreError::Conflict.into()) }
        }
    }
}

/// Forgets an account here, and writes that into its history. One that is gone already is as good as forgotten.
pub(crate) async fn forget(keyfob: &Keyfob, account: &Account, revoked: bool) -> Result<(), Error> {
    let entry = keyfob.entry(account, Event::LoggedOut { revoked });
    let removed = keyfob.store().remove_account(&account.name, Some(&entry)).await?;
    keyfob.opened().remove(&account.name);
    if removed {
        keyfob.tell(&entry);
        tracing::info!(account = account.name, "logged out");
    } else if keyfob.store().account(&account.name).await?.is_some() {
        return Err(StoreError::Conflict.into());
    }
    Ok(())
}

/// Asks the provider to forget the tokens of an account that is forgotten here already: for whoever puts that off ([`logout`] does both).
pub async fn revoke(keyfob: &Keyfob, settings: &Settings, app: &App, account: &Account) -> Revoked {
    ask(keyfob, settings, app, account).await
}

/// Where a browser goes to end the person's session at the provider (OpenID Connect RP-Initiated Logout §2), and what tells whether it came back from
/// there. Logging out here and revoking tokens leaves that session alone: whoever clicks "log in" next would not even be asked. Ask before
/// [`logout`], which forgets the account: its ID token says whose session is meant. The URL says who the person is, and is not for logs.
///
/// ```
/// # use keyfob::{Error, Session};
/// # async fn example(session: &Session, query_of_the_way_back: &str) -> Result<(), Error> {
/// let (url, pending) = session.end_session(Some("https://app.example/logged-out"))?;
/// // … the browser goes there, and comes back …
/// pending.returned(query_of_the_way_back)?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// `Misuse` where the provider has no such place; `Unbound` where that is another one than at the login: the URL has the ID token in it.
pub fn end_session(
    keyfob: &Keyfob,
    settings: &Settings,
    account: &Account,
    redirect_uri: Option<&str>,
) -> Result<(Secret, EndSession), Error> {
    let (Flow::OAuth2(oauth2::Settings { end_session: Some(endpoint), .. }), TokenSet::OAuth2(tokens)) = (&settings.flow, &account.tokens)
    else {
        return Err(Misuse::new("a provider whose sessions can be ended (end_session_endpoint)", "one without")
            .of("OpenID Connect RP-Initiated Logout §2.1")
            .with_hint("log out here alone; or name the endpoint in the provider's file")
            .into());
    };
    check_bound(account, endpoint)?;
    Ok(EndSession::new(endpoint, &account.client_id, tokens.id_token.as_ref(), redirect_uri, keyfob.entropy()))
}

async fn ask(keyfob: &Keyfob, settings: &Settings, app: &App, account: &Account) -> Revoked {
    let (Flow::OAuth2(flow), TokenSet::OAuth2(tokens)) = (&settings.flow, &account.tokens) else {
        return Revoked::NoEndpoint;
    };
    let Some(endpoint) = &flow.revoke else { return Revoked::NoEndpoint };
    // A server says 200 for a token that is not this app's, too, and leaves it alive (RFC 7009 §2.2).
    if let Err(another) = account.belongs_to(app) {
        return Revoked::Failed(another);
    }
    // Also not to a revocation endpoint that was added later.
    if let Err(unbound) = check_bound(account, endpoint) {
        return Revoked::Failed(unbound);
    }
    let client = match keyfob.client(settings, app) {
        Ok(client) => client,
        Err(error) => return Revoked::Failed(error),
    };
    match keyfob.revoke(&client, tokens).await {
        Ok(()) => Revoked::Yes,
        Err(error) => Revoked::Failed(error),
    }
}

/// Whether a server refuses what it was sent, and neither who sent it nor for the moment.
fn refuses_the_token(error: &Error) -> bool {
    let status = match error {
        Error::Protocol(error) if error.is_transient() => None,
        Error::Protocol(ProtoError::Refused(refused)) if matches!(refused.code, Code::InvalidClient | Code::UnauthorizedClient) => None,
        Error::Protocol(ProtoError::Refused(refused)) => refused.status,
        Error::Protocol(ProtoError::Misbehaved(misbehaved)) => misbehaved.status,
        _ => None,
    };
    status.is_some_and(|status| status.is_client_error())
}

/// The tokens go to the origins of the login and nowhere else.
fn check_bound(account: &Account, endpoint: &Endpoint) -> Result<(), Error> {
    let origin = endpoint.origin();
    if account.is_bound_to(&origin) {
        return Ok(());
    }
    let bound_to = account.origins.iter().map(ToString::to_string).collect();
    Err(Error::Unbound { account: account.name.clone(), origin: origin.to_string(), bound_to, moved: true })
}

impl Keyfob {
    /// Asks the provider to forget tokens (RFC 7009), where it has a way to.
    pub(crate) async fn revoke(&self, client: &oauth2::Client, tokens: &OAuth2Tokens) -> Result<(), Error> {
        let refresh = match &tokens.refresh {
            Some(token) => Some(self.revoke_one(client, token, oauth2::TokenKind::Refresh).await),
            None => None,
        };
        // One that fails is no reason to leave the other alive.
        let access = self.revoke_one(client, &tokens.access, oauth2::TokenKind::Access).await;
        // It ends with the refresh token (RFC 7009 §2.1), and some servers know it no more then, and say so in words of their own.
        let is_gone = matches!(refresh, Some(Ok(()))) || tokens.expires_at.is_some_and(|at| at <= self.now());
        let access = access.or_else(|error| if is_gone && refuses_the_token(&error) { Ok(()) } else { Err(error) });
        refresh.unwrap_or(Ok(())).and(access)
    }

    async fn revoke_one(&self, client: &oauth2::Client, token: &Secret, kind: oauth2::TokenKind) -> Result<(), Error> {
        let Some(revocation) = client.revoke(token, kind)? else { return Ok(()) };
        let answer = self.ask_server(client, revocation.request()).await?;
        Ok(revocation.receive(&answer)?)
    }

    /// What was judged of fresh tokens; if they are refused, the provider is asked to forget them, too.
    pub(crate) async fn or_revoked<T>(&self, client: &oauth2::Client, tokens: &OAuth2Tokens, judged: Result<T, Error>) -> Result<T, Error> {
        if judged.is_err() {
            self.revoke_refused(client, tokens).await;
        }
        judged
    }

    /// Nobody will ever use tokens that were refused or cannot be kept, and what lingers can only be stolen. Tried once, for a moment; it changes nothing about
    /// the refusal. Whether they are revoked.
    pub(crate) async fn revoke_refused(&self, client: &oauth2::Client, tokens: &OAuth2Tokens) -> bool {
        if client.settings().revoke.is_none() {
            return false;
        }
        let revoked = tokio::time::timeout(PATIENCE, self.revoke(client, tokens)).await;
        match &revoked {
            Ok(Ok(())) => tracing::info!("the tokens that nobody will use are revoked"),
            Ok(Err(error)) => tracing::warn!(%error, "the tokens that nobody will use are not revoked"),
            Err(_) => tracing::warn!("the tokens that nobody will use are not revoked: the provider takes too long"),
        }
        matches!(revoked, Ok(Ok(())))
    }
}

//! Token exchange (RFC 8693): an account of its own, made of another one's token.

use keyfob_proto::oauth2::{self, AccessRequest, TokenExchangeRequest, TokenType};
use keyfob_proto::{App, Flow, Misuse, Settings, TokenSet};

use super::LoggedIn;
use super::keep::Place;
use crate::account::Account;
use crate::error::Error;
use crate::grant::Grant;
use crate::keyfob::Keyfob;
use crate::session::Session;
use crate::store::Versioned;

/// What is made of a token lives no longer than that: it should not end at once.
const MIN_VALID: i64 = 60;

/// Exchanges a token, and keeps what it gives as an account of its own, under a name that is free: never in place of a grant that is stored, which
/// may be the very one whose token was exchanged, and is wider than what came of it. Nobody knows later whose token it was: where an account has it,
/// [`exchanged`] can be made once more.
///
/// # Errors
///
/// `TakenName` if there is an account of that name, before anything is sent; `Misuse` if what came is no bearer token, which no session can use; and
/// those of the core's [`token_exchange`](keyfob_proto::oauth2::Client::token_exchange).
pub async fn token_exchange(
    keyfob: &Keyfob,
    settings: &Settings,
    app: &App,
    account: &str,
    request: &TokenExchangeRequest,
) -> Result<LoggedIn, Error> {
    let (place, before) = place(keyfob, settings, app, account, None).await?;
    exchange(&place, before, keyfob.login_client(settings, app)?, Grant::Approval, request).await
}

/// The same for the token of an account in use, by an app of the same provider (or of another that shares its token endpoint); and in place of what came of
/// such an exchange of the same account before.
///
/// A token that is bound to a key is exchanged with a proof by that key, and what comes is bound to it, too. RFC 9449 does not speak of this grant; but a
/// new key would prove nothing to a server that asks whether we may use the token at all, which is what binding is for: without that question a thief
/// who is an app could turn a bound token into one of their own.
///
/// ```
/// # use keyfob::{Error, Session, login, proto::{App, Settings, oauth2::AccessRequest}};
/// # async fn example(session: &Session, settings: &Settings, app: &App) -> Result<(), Error> {
/// login::exchanged(session, settings, app, "example/narrow", AccessRequest::scopes(["read"])).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As [`token_exchange`]; `Unbound` if the account is not bound to the token endpoint's origin: its token goes to the places of its login and nowhere else;
/// and those of a refresh.
pub async fn exchanged(session: &Session, settings: &Settings, app: &App, account: &str, access: AccessRequest) -> Result<LoggedIn, Error> {
    let shared = session.shared();
    let keyfob = &shared.keyfob;
    let (place, before) = place(keyfob, settings, app, account, Some(shared.known().account())).await?;
    let Flow::OAuth2(flow) = &settings.flow else {
        return Err(Misuse::new("a provider that speaks OAuth 2", "another")
            .of("RFC 8693 §1")
            .with_hint("an OAuth 1 token cannot be exchanged")
            .into());
    };
    let known = shared.fresh(Some(MIN_VALID)).await?;
    let (from, there) = (known.account(), flow.token.origin());
    if !from.is_bound_to(&there) {
        let bound_to = from.origins.iter().map(ToString::to_string).collect();
        return Err(Error::Unbound { account: from.name.clone(), origin: there.to_string(), bound_to, moved: false });
    }
    let TokenSet::OAuth2(tokens) = known.tokens() else {
        return Err(Misuse::new("an OAuth 2 account, whose token can be exchanged", "an OAuth 1 account")
            .of("RFC 8693 §1")
            .with_hint("take an account at an OAuth 2 provider")
            .into());
    };
    let client = match &tokens.proof_key {
        Some(stored) => keyfob.client(settings, app)?.with_proof_key(keyfob.proof_key(flow, stored)?),
        None => keyfob.login_client(settings, app)?,
    };
    client.check_key()?;
    let grant = Grant::exchanged(from, &access);
    let request = TokenExchangeRequest { access, ..TokenExchangeRequest::new(tokens.access.clone(), TokenType::AccessToken) };
    exchange(&place, before, client, grant, &request).await
}

/// A place where no account is but one that was made of the same.
async fn place<'a>(
    keyfob: &'a Keyfob,
    settings: &'a Settings,
    app: &'a App,
    account: &'a str,
    from: Option<&Account>,
) -> Result<(Place<'a>, Option<Versioned<Account>>), Error> {
    let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
    let before = keyfob.store().account(account).await?;
    let makes_way = |there: &Account| there.provider == settings.provider && from.is_some_and(|from| there.grant.is_made_of(from));
    match before {
        Some(before) if !makes_way(&before.value) => Err(place.taken(&before)),
        before => Ok((place, before)),
    }
}

async fn exchange(
    place: &Place<'_>,
    before: Option<Versioned<Account>>,
    client: oauth2::Client,
    grant: Grant,
    request: &TokenExchangeRequest,
) -> Result<LoggedIn, Error> {
    let keyfob = place.keyfob;
    let exchange = client.token_exchange(request)?;
    let answer = keyfob.ask_server(&client, exchange.request()).await?;
    let exchanged = exchange.receive(&answer, keyfob.now())?;
    let kind = exchanged.issued_token_type().to_string();
    let Some(received) = exchanged.into_account_of_its_own() else {
        return Err(Misuse::new("a bearer token, which a session can use", format!("a token of another use: {kind}"))
            .of("RFC 8693 §2.2.1")
            .with_hint("ask for an access token (requested_token_type)")
            .into());
    };
    let scopes = request.access.scopes.clone();
    match before {
        Some(before) => place.keep_over(before, Some(&client), grant, scopes, received, None).await,
        None => place.keep_new(Some(&client), grant, scopes, received, None).await,
    }
}

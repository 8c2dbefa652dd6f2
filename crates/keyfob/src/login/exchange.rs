//! Token exchange (RFC 8693): an account of its own, made of another one's token.

use keyfob_proto::oauth2::TokenExchangeRequest;
use keyfob_proto::{App, Misuse, Settings};

use super::LoggedIn;
use super::keep::Place;
use crate::error::Error;
use crate::keyfob::Keyfob;

/// Exchanges a token, and keeps what it gives as an account of its own, under a name that is free: never in place of a grant that is stored, which
/// may be the very one whose token was exchanged, and is wider than what came of it.
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
    let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
    if let Some(before) = keyfob.store().account(account).await? {
        return Err(place.taken(&before));
    }
    let client = keyfob.login_client(settings, app)?;
    let exchange = client.token_exchange(request)?;
    let answer = keyfob.ask_server(&client, exchange.request()).await?;
    let exchanged = exchange.receive(&answer, keyfob.now())?;
    let kind = exchanged.issued_token_type().to_string();
    let Some(received) = exchanged.into_account_of_its_own() else {
        return Err(Misuse::new("a bearer token, which a session can use", format!("a token of another use: {kind}")).into());
    };
    place.keep_new(request.access.scopes.clone(), received).await
}

//! Legacy: a person's name and password for tokens, of OAuth 2 (RFC 6749 §4.3) and of OAuth 1 ("xAuth").

use keyfob_proto::oauth2::{AccessRequest, legacy};
use keyfob_proto::{App, Flow, Misuse, Secret, Settings};

use super::LoggedIn;
use super::keep::Place;
use crate::error::Error;
use crate::keyfob::Keyfob;

/// Exchanges a person's name and password for tokens (RFC 6749 §4.3), and keeps them as an account. The password is kept nowhere, as §4.3 has it: when the
/// tokens end, a refresh token brings others, where one came, and without one the person has to type it again. It teaches people to type their password
/// anywhere, and RFC 9700 §2.4 forbids it: for a provider that offers nothing else.
///
/// ```
/// # use keyfob::{Error, Keyfob, login, proto::{App, Secret, Settings, oauth2::AccessRequest}};
/// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App, word: &Secret) -> Result<(), Error> {
/// login::password_legacy(keyfob, settings, app, "example/robin", "robin", word, &AccessRequest::scopes(["read"])).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// `TakenName` if the name is another provider's; `Misuse` for a provider of OAuth 1; those of [`password`](legacy::password) and its answer.
pub async fn password_legacy(
    keyfob: &Keyfob,
    settings: &Settings,
    app: &App,
    account: &str,
    username: &str,
    password: &Secret,
    request: &AccessRequest,
) -> Result<LoggedIn, Error> {
    let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
    place.asserted(app, request, |client, request| legacy::password(client, username, password, request)).await
}

/// Exchanges a person's name and password for OAuth 1 tokens, and keeps them as an account. The password is kept nowhere. No RFC has it, and it teaches
/// people to type their password anywhere: for a provider that offers nothing else.
///
/// # Errors
///
/// `TakenName` if the name is another provider's; `Misuse` for a provider of OAuth 2; those of
/// [`exchange_password_legacy`](keyfob_proto::oauth1::Client::exchange_password_legacy) and its answer.
pub async fn xauth_legacy(
    keyfob: &Keyfob,
    settings: &Settings,
    app: &App,
    account: &str,
    username: &str,
    password: &Secret,
) -> Result<LoggedIn, Error> {
    let Flow::OAuth1(flow) = &settings.flow else {
        return Err(Misuse::new("a provider that speaks OAuth 1", "another")
            .with_hint("OAuth 2 has its own: login::password_legacy")
            .into());
    };
    let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
    place.before().await?;
    let client = keyfob.oauth1_client(settings, app)?;
    let origin = flow.access_token.origin();
    let offset = keyfob.clock_offset(&origin);
    let mut exchange = client.exchange_password_legacy(username, password, offset.apply(keyfob.now()), keyfob.entropy())?;
    let mut answer = keyfob.exchange(exchange.request()).await?;
    if keyfob.learn_clock(&origin, offset, &answer) {
        exchange = exchange.signed_again(keyfob.clock_offset(&origin).apply(keyfob.now()), keyfob.entropy())?;
        answer = keyfob.exchange(exchange.request()).await?;
    }
    let received = exchange.receive(&answer, keyfob.now())?;
    place.keep(None, Vec::new(), received, None).await
}

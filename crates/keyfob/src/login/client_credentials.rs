//! Client credentials (RFC 6749 §4.4): an account of the app itself, without a person.

use keyfob_proto::oauth2::AccessRequest;
use keyfob_proto::{App, Settings};

use super::LoggedIn;
use super::keep::Place;
use crate::error::Error;
use crate::grant::Grant;
use crate::keyfob::Keyfob;

/// Asks for tokens for the app itself, and keeps them as an account. When they end, a session asks for the same again: one request at a time in all
/// processes, as for a refresh, but with the app's credentials in place of a refresh token. Only the scopes of `request` are asked for: a provider's usual
/// ones are for people, and without any the server gives what the app may have. An ID token is not kept: there is nobody whom it could name.
///
/// ```
/// # use keyfob::{Error, Keyfob, login, proto::{App, Settings, oauth2::AccessRequest}};
/// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App) -> Result<(), Error> {
/// login::client_credentials(keyfob, settings, app, "example/service", &AccessRequest::scopes(["read"])).await?;
/// let session = keyfob.session(settings.clone(), app.clone(), "example/service").await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// `TakenName` if there is an account of that name which somebody has approved: that is not given up for what can be had at any time. `NotKept` if the store
/// fails: then the provider is asked to forget the tokens. `Misuse` for a
/// public app, which cannot prove who it is; and those of [`client_credentials`](keyfob_proto::oauth2::Client::client_credentials) and its answer.
pub async fn client_credentials(
    keyfob: &Keyfob,
    settings: &Settings,
    app: &App,
    account: &str,
    request: &AccessRequest,
) -> Result<LoggedIn, Error> {
    let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
    place.granted(app, Grant::client_credentials(request), &request.scopes).await
}

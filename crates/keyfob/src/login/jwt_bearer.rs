//! JWT bearer (RFC 7523 §2.1): an account of somebody whom the app may speak for, without them.

use keyfob_proto::oauth2::AccessRequest;
use keyfob_proto::{App, Settings};

use super::LoggedIn;
use super::keep::Place;
use crate::error::Error;
use crate::grant::Grant;
use crate::keyfob::Keyfob;

/// Asks for tokens about `subject`, by an assertion that the app signs with its own key ([`App::private_key`], or [`Keyfob::with_signer`]), and keeps them
/// as an account. When they end, a session says the same again, freshly signed: one request at a time in all processes, as for a refresh. An ID token that
/// comes with them is verified as that of any login, and stays the same person's.
///
/// ```
/// # use keyfob::{Error, Keyfob, login, proto::{App, Settings, oauth2::AccessRequest}};
/// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App) -> Result<(), Error> {
/// login::jwt_bearer(keyfob, settings, app, "example/robin", "robin", &AccessRequest::scopes(["read"])).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// `TakenName` and `NotKept` as [`client_credentials`](super::client_credentials()); `Misuse` for an app without key or a provider without issuer; and those of
/// [`jwt_bearer_for`](keyfob_proto::oauth2::Client::jwt_bearer_for) and its answer.
pub async fn jwt_bearer(
    keyfob: &Keyfob,
    settings: &Settings,
    app: &App,
    account: &str,
    subject: &str,
    request: &AccessRequest,
) -> Result<LoggedIn, Error> {
    let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
    place.granted(app, Grant::jwt_bearer(subject, request), &request.scopes).await
}

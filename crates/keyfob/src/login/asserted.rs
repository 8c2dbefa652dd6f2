//! Accounts by an assertion that somebody else made (RFC 7521 §4.1): a JWT (RFC 7523) or SAML (RFC 7522).

use keyfob_proto::oauth2::AccessRequest;
use keyfob_proto::{App, Secret, Settings};

use super::LoggedIn;
use super::keep::Place;
use crate::error::Error;
use crate::keyfob::Keyfob;

/// Exchanges a JWT that somebody whom the server trusts has signed (RFC 7523 §2.1), and keeps what it gives as an account. When its tokens end, a refresh
/// token brings others, where one came; the assertion is not kept, so without one somebody has to make another, and this is called again.
///
/// ```
/// # use keyfob::{Error, Keyfob, login, proto::{App, Secret, Settings, oauth2::AccessRequest}};
/// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App, assertion: &Secret) -> Result<(), Error> {
/// login::jwt_assertion(keyfob, settings, app, "example/robin", assertion, &AccessRequest::scopes(["read"])).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// `TakenName` if the name is another provider's; those of [`jwt_bearer`](keyfob_proto::oauth2::Client::jwt_bearer) and its answer.
pub async fn jwt_assertion(
    keyfob: &Keyfob,
    settings: &Settings,
    app: &App,
    account: &str,
    assertion: &Secret,
    request: &AccessRequest,
) -> Result<LoggedIn, Error> {
    let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
    place.asserted(app, request, |client, request| client.jwt_bearer(assertion, request)).await
}

/// The same by a SAML 2.0 assertion (RFC 7522 §2.1), as XML and exactly as it was signed: it is encoded here.
///
/// ```
/// # use keyfob::{Error, Keyfob, login, proto::{App, Secret, Settings, oauth2::AccessRequest}};
/// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App, assertion: &Secret) -> Result<(), Error> {
/// login::saml_assertion(keyfob, settings, app, "example/robin", assertion, &AccessRequest::scopes(["read"])).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As [`jwt_assertion`]; those of [`saml_bearer`](keyfob_proto::oauth2::Client::saml_bearer).
pub async fn saml_assertion(
    keyfob: &Keyfob,
    settings: &Settings,
    app: &App,
    account: &str,
    assertion: &Secret,
    request: &AccessRequest,
) -> Result<LoggedIn, Error> {
    let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
    place.asserted(app, request, |client, request| client.saml_bearer(assertion, request)).await
}

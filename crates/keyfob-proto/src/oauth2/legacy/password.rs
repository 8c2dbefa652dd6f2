//! Resource owner password credentials (RFC 6749 §4.3): the person tells the app their password.

use crate::error::{Error, Misuse};
use crate::oauth2::access_request::AccessRequest;
use crate::oauth2::client::{Client, Exchange};
use crate::oauth2::token_response::Context;
use crate::secret::Secret;

/// Asks for tokens with somebody's name and password (§4.3.2). The app must forget the password once it has tokens (§4.3).
///
/// # Errors
///
/// `Misuse` if the name or the password is empty.
pub fn password(client: &Client, username: &str, password: &Secret, request: &AccessRequest) -> Result<Exchange, Error> {
    if username.is_empty() || password.is_empty() {
        return Err(Misuse::new("a user name and a password", "an empty one").of("RFC 6749 §4.3.2").with_hint("give both").into());
    }
    let asked = request.parameters(client)?;
    let body = [("grant_type", "password"), ("username", username), ("password", password.expose())];
    let outgoing = client.token_request(&client.shared.settings.token, body.into_iter().chain(asked.pairs()))?;
    let context = Context { scrubber: client.scrubber().knowing(password), ..asked.context() };
    Ok(Exchange::new(client, outgoing, context))
}

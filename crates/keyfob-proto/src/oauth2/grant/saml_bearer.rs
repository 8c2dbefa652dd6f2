//! SAML 2.0 bearer grant (RFC 7522 §2.1): an assertion in XML, for tokens.

use crate::encode;
use crate::error::{Error, Misuse};
use crate::oauth2::access_request::AccessRequest;
use crate::oauth2::client::{Client, Exchange};
use crate::oauth2::token_response::{Context, RefreshToken};
use crate::secret::Secret;

pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";

impl Client {
    /// Exchanges a SAML 2.0 assertion (§2.1). It is given as XML, exactly as it was signed, and goes out in base64url without padding.
    ///
    /// # Errors
    ///
    /// `Misuse` if it is empty, or no XML element.
    pub fn saml_bearer(&self, assertion: &Secret, request: &AccessRequest) -> Result<Exchange, Error> {
        // What is in base64 already would go out encoded twice, and no server would say why it refuses.
        if !assertion.expose().trim_start().starts_with('<') {
            return Err(Misuse::new("a SAML assertion as XML", "something else")
                .of("RFC 7522 §2.1")
                .with_hint("it is encoded here; give it as it was signed")
                .into());
        }
        let encoded = Secret::new(encode::base64url(assertion.expose().as_bytes()));
        assertion_grant(self, GRANT_TYPE, &encoded, request, RefreshToken::Welcome)
    }
}

/// What both assertion grants have in common (RFC 7521 §4.1).
pub(super) fn assertion_grant(
    client: &Client,
    grant_type: &str,
    assertion: &Secret,
    request: &AccessRequest,
    refresh: RefreshToken,
) -> Result<Exchange, Error> {
    let asked = request.parameters(client)?;
    let body = [("grant_type", grant_type), ("assertion", assertion.expose())].into_iter().chain(asked.pairs());
    let outgoing = client.token_request(&client.shared.settings.token, body)?;
    let context = Context { refresh, scrubber: client.scrubber().knowing(assertion), ..asked.context() };
    Ok(Exchange::new(client, outgoing, context))
}

//! JWT bearer grant (RFC 7523 §2.1): a signed statement about somebody, for tokens.

use serde_json::Map;

use super::saml_bearer::assertion_grant;
use crate::entropy::Entropy;
use crate::error::{Error, Misuse};
use crate::oauth2::access_request::AccessRequest;
use crate::oauth2::assertion::bearer_assertion;
use crate::oauth2::authorize::no_key;
use crate::oauth2::client::{Client, Exchange};
use crate::oauth2::token_response::RefreshToken;
use crate::secret::Secret;
use crate::time::Timestamp;

pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

impl Client {
    /// Exchanges a JWT that somebody the server trusts has signed (§2.1). It is given as it is; nothing here makes or reads it.
    ///
    /// # Errors
    ///
    /// `Misuse` if it is no compact JWS: three parts of base64url, joined by dots (RFC 7515 §7.1), the last of which is not empty (an unsigned
    /// one proves nothing, RFC 7523 §3).
    pub fn jwt_bearer(&self, assertion: &Secret, request: &AccessRequest) -> Result<Exchange, Error> {
        let parts: Vec<_> = assertion.expose().split('.').collect();
        let base64url = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if parts.len() != 3 || !parts.iter().all(base64url) {
            return Err(Misuse::new("a signed JWT as assertion: three parts of base64url", "something else")
                .of("RFC 7523 §2.1")
                .with_hint("give it as it was signed")
                .into());
        }
        assertion_grant(self, GRANT_TYPE, assertion, request, RefreshToken::Welcome)
    }

    /// The same by an assertion of the app's own making, signed with its key ([`with_key`](Self::with_key)): it asks on behalf of `subject`, who needs not be
    /// there. The assertion is for the issuer alone, good for a minute, and of no use twice: make it for each request. When the tokens end the same
    /// is asked again, so a refresh token, which the answer should not have (RFC 7521 §4.1), is dropped. Draws 16 bytes of entropy.
    ///
    /// # Errors
    ///
    /// `Misuse` if there is no key to sign with, or no issuer to sign for.
    pub fn jwt_bearer_for(&self, subject: &str, request: &AccessRequest, now: Timestamp, entropy: &dyn Entropy) -> Result<Exchange, Error> {
        let signer = self.signer.as_deref().ok_or_else(|| no_key("assertions"))?;
        let issuer = self.shared.settings.issuer.as_deref();
        let issuer = issuer.ok_or_else(|| Misuse::no_issuer("RFC 7523 §3"))?;
        let assertion = bearer_assertion(signer, &self.shared.app.client_id, subject, issuer, Map::new(), now, entropy)?;
        assertion_grant(self, GRANT_TYPE, &assertion, request, RefreshToken::Dropped)
    }
}

//! JWT bearer grant (RFC 7523 §2.1): a signed statement about somebody, for tokens.

use super::saml_bearer::assertion_grant;
use crate::error::{Error, Misuse};
use crate::oauth2::access_request::AccessRequest;
use crate::oauth2::client::{Client, Exchange};
use crate::secret::Secret;

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
            return Err(Misuse::new("a signed JWT as assertion: three parts of base64url (RFC 7523 §2.1)", "something else").into());
        }
        assertion_grant(self, GRANT_TYPE, assertion, request)
    }
}

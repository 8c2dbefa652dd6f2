//! Proof key for code exchange (RFC 7636): whoever redeems the code must be whoever asked for it.

use sha2::{Digest, Sha256};

use crate::encode::{self, Digits};
use crate::form::Value;

/// `code_challenge` for `S256`: the verifier's SHA-256, in base64url (RFC 7636 §4.2).
///
/// ```
/// // RFC 7636, Appendix B.
/// let challenge = keyfob_proto::oauth2::s256_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
/// assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
/// ```
pub fn s256_challenge(verifier: &str) -> String {
    Challenge::of(verifier).as_value().text().to_owned()
}

/// The same where it needs no memory of its own.
pub(crate) struct Challenge(Digits);

impl Challenge {
    pub(crate) fn of(verifier: &str) -> Self {
        Self(encode::base64url_digits(&Sha256::digest(verifier.as_bytes()).0))
    }

    pub(crate) fn as_value(&self) -> Value<'_> {
        Value::Digits(&self.0)
    }
}

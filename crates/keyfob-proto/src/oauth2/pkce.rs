//! Proof key for code exchange (RFC 7636): whoever redeems the code must be whoever asked for it.

use sha2::{Digest, Sha256};

use crate::encode;

/// `code_challenge` for `S256`: the verifier's SHA-256, in base64url (RFC 7636 §4.2).
///
/// ```
/// // RFC 7636, Appendix B.
/// let challenge = keyfob_proto::oauth2::s256_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
/// assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
/// ```
pub fn s256_challenge(verifier: &str) -> String {
    encode::base64url(&Sha256::digest(verifier.as_bytes()))
}

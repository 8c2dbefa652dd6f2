//! HMAC with a secret that both sides know (RFC 7518 §3.2).

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha256, Sha384, Sha512};

use super::algorithm::Algorithm;
use super::crypto::{Sign, SignFailed, Verify};
use super::jwk::PublicKey;
use crate::error::Misuse;
use crate::secret::Secret;

/// A shared secret, ready to sign and to check: our own client secret (OpenID Connect Core §10.1), never a key from a server.
///
/// ```
/// use keyfob_proto::Secret;
/// use keyfob_proto::jose::{Algorithm, HmacKey, Sign as _, Verify as _};
///
/// let key = HmacKey::new(Algorithm::HS256, &Secret::new("thirty-two-bytes-of-our-own-key!"))?;
/// let signature = key.sign(b"text").expect("it is here");
/// assert!(key.verify(b"text", &signature) && !key.verify(b"other", &signature));
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
#[derive(Clone)]
pub struct HmacKey {
    algorithm: Algorithm,
    keyed: Keyed,
}

/// With the pads computed once.
#[derive(Clone)]
enum Keyed {
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl HmacKey {
    /// A key for one of `HS256`, `HS384` and `HS512`.
    ///
    /// # Errors
    ///
    /// `Misuse` for another algorithm, or a secret that is shorter than the hash (RFC 7518 §3.2): it could be guessed from one signature.
    pub fn new(algorithm: Algorithm, secret: &Secret) -> Result<Self, Misuse> {
        Self::from_bytes(algorithm, secret.expose().as_bytes())
    }

    /// The same from bytes that are no text, such as the `k` of a shared JWK (RFC 7518 §6.4.1). They are read, not kept.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, Misuse> {
        let any = "HMAC takes a key of any length";
        let (least, keyed) = match algorithm {
            Algorithm::HS256 => (32, Keyed::Sha256(Hmac::new_from_slice(bytes).expect(any))),
            Algorithm::HS384 => (48, Keyed::Sha384(Hmac::new_from_slice(bytes).expect(any))),
            Algorithm::HS512 => (64, Keyed::Sha512(Hmac::new_from_slice(bytes).expect(any))),
            other => {
                return Err(Misuse::new("an algorithm with a shared secret", other.name())
                    .of("RFC 7518 §3.2")
                    .with_hint("choose HS256, HS384 or HS512; other algorithms sign with a private key"));
            }
        };
        if bytes.len() < least {
            return Err(Misuse::new(format!("a secret of at least {least} bytes for {algorithm}"), "a shorter one")
                .of("RFC 7518 §3.2")
                .with_hint("have the provider give the app a longer secret, or use another algorithm"));
        }
        Ok(Self { algorithm, keyed })
    }
}

impl Sign for HmacKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn public_key(&self) -> Option<&PublicKey> {
        None
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignFailed> {
        Ok(match self.keyed.clone() {
            Keyed::Sha256(hmac) => hmac.chain_update(message).finalize().into_bytes().to_vec(),
            Keyed::Sha384(hmac) => hmac.chain_update(message).finalize().into_bytes().to_vec(),
            Keyed::Sha512(hmac) => hmac.chain_update(message).finalize().into_bytes().to_vec(),
        })
    }
}

impl Verify for HmacKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.keyed.clone() {
            Keyed::Sha256(hmac) => hmac.chain_update(message).verify_slice(signature).is_ok(),
            Keyed::Sha384(hmac) => hmac.chain_update(message).verify_slice(signature).is_ok(),
            Keyed::Sha512(hmac) => hmac.chain_update(message).verify_slice(signature).is_ok(),
        }
    }
}

impl std::fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HmacKey({})", self.algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_secrets_are_refused() {
        for (algorithm, least) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
            assert!(HmacKey::new(algorithm, &Secret::new("s".repeat(least))).is_ok());
            assert!(HmacKey::new(algorithm, &Secret::new("s".repeat(least - 1))).is_err());
        }
        assert!(HmacKey::new(Algorithm::RS256, &Secret::new("s".repeat(64))).is_err());
    }
}

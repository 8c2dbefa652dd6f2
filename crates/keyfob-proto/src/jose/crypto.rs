//! The back-end: who computes and checks signatures. A value, so that this crate builds where no C does, and so that a key may live in a KMS or
//! an HSM.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::jwk::PublicKey;
use super::private::PrivateKey;
use crate::error::Misuse;

/// Prepares keys: each is read and checked once, and used often.
pub trait Crypto: fmt::Debug + Send + Sync {
    /// A public key, ready to check signatures of one algorithm.
    ///
    /// # Errors
    ///
    /// `Misuse` if the key does not fit the algorithm, is no point of its curve, or is one that this back-end does not take.
    fn verifier(&self, algorithm: Algorithm, key: &PublicKey) -> Result<Box<dyn Verify>, Misuse>;

    /// A private key, ready to sign with one algorithm.
    ///
    /// # Errors
    ///
    /// `Misuse` if the key does not fit the algorithm, or is one that this back-end does not take.
    fn signer(&self, algorithm: Algorithm, key: &PrivateKey) -> Result<Arc<dyn Sign>, Misuse>;

    /// A new private key for an algorithm: what binds tokens to us (RFC 9449).
    ///
    /// # Errors
    ///
    /// `Misuse` if this back-end makes none for that algorithm.
    fn generate(&self, algorithm: Algorithm) -> Result<PrivateKey, Misuse>;
}

/// Checks signatures with one key and one algorithm.
pub trait Verify: Send + Sync {
    /// Whether this is a signature of the message, by that key.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// Signs with one key and one algorithm. Implement it for a key that lives elsewhere (a KMS, an HSM).
pub trait Sign: Send + Sync {
    /// The algorithm.
    fn algorithm(&self) -> Algorithm;

    /// The public half; none for a shared secret.
    fn public_key(&self) -> Option<&PublicKey>;

    /// What the key is called at the server it is registered with (`kid`).
    fn key_id(&self) -> Option<&str> {
        None
    }

    /// The signature, as JWS has it: for ECDSA the two numbers side by side, not ASN.1 (RFC 7518 §3.4).
    ///
    /// # Errors
    ///
    /// [`SignFailed`] if whoever holds the key does not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignFailed>;
}

impl fmt::Debug for dyn Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sign({}, {})", self.algorithm(), self.key_id().unwrap_or("no kid"))
    }
}

/// Whoever holds the key did not sign.
#[derive(Debug)]
pub struct SignFailed(Box<dyn StdError + Send + Sync>);

impl SignFailed {
    /// Why.
    pub fn new(why: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for SignFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key did not sign")
    }
}

impl StdError for SignFailed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

impl From<SignFailed> for Misuse {
    fn from(failed: SignFailed) -> Self {
        Misuse::new("a signature by our own key", format!("none: {}", failed.0))
            .with_hint("check the key, and whatever holds it (a KMS, an HSM)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_the_key_says_why_it_did_not_sign() {
        let failed = SignFailed::new("the device is not there");
        assert_eq!(failed.to_string(), "the key did not sign");
        assert_eq!(failed.source().map(ToString::to_string).as_deref(), Some("the device is not there"));
        assert_eq!(Misuse::from(failed).found, "none: the device is not there");
    }
}

//! Signatures (RFC 5849 §3.4.2–3.4.4).

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::rsa::RsaSign;
use super::settings::{Hash, SignatureMethod};
use crate::arena::Arena;
use crate::encode;
use crate::entropy::Entropy;
use crate::error::Misuse;
use crate::secret::Secret;

/// The value of `oauth_signature` for a [base string](super::base_string): an HMAC of it in base64 (RFC 5849 §3.4.2), or, for
/// PLAINTEXT, the two secrets themselves (§3.4.4). A secret that there is none of is empty text.
///
/// # Errors
///
/// `Misuse` for RSA, whose key is no text: [`rsa::signature`](super::rsa::signature) has it.
///
/// ```
/// use keyfob_proto::oauth1::{SignatureMethod, signature};
///
/// // RFC 5849 §1.2: the request for temporary credentials, PLAINTEXT.
/// assert_eq!(signature(SignatureMethod::Plaintext, "kd94hf93k423kf44", "", "")?, "kd94hf93k423kf44&");
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
pub fn signature(method: SignatureMethod, consumer_secret: &str, token_secret: &str, base_string: &str) -> Result<String, Misuse> {
    Ok(Key::shared(method, consumer_secret, token_secret)?.sign(base_string))
}

/// The same under a key as it is given, however it was put together: for finding out what somebody does who puts it together wrong.
///
/// ```
/// use keyfob_proto::oauth1::{SignatureMethod, signature, signature_under};
///
/// let right = signature(SignatureMethod::HmacSha1, "a/b", "c", "GET&x&y")?;
/// assert_eq!(signature_under(SignatureMethod::HmacSha1, "a%2Fb&c", "GET&x&y")?, right);
/// assert_ne!(signature_under(SignatureMethod::HmacSha1, "a/b&c", "GET&x&y")?, right);
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
///
/// # Errors
///
/// As [`signature`].
pub fn signature_under(method: SignatureMethod, key: &str, base_string: &str) -> Result<String, Misuse> {
    Ok(Key::of_text(method, Secret::new(key))?.sign(base_string))
}

/// A signing key, prepared once: for HMAC the two padded key blocks are hashed already, so that a signature costs the base
/// string alone.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "it is copied for every signature, which must ask for no memory")]
pub(crate) enum Key {
    Shared(Shared),
    Rsa(Hash, Arc<dyn RsaSign>),
}

/// A key made of the two shared secrets.
#[derive(Clone)]
pub(crate) enum Shared {
    HmacSha1(Hmac<Sha1>),
    HmacSha256(Hmac<Sha256>),
    HmacSha512(Hmac<Sha512>),
    Plaintext(Secret),
}

impl Key {
    /// The key for a pair of secrets (§3.4.2: both percent-encoded, joined by `&`, also where one is empty).
    pub(crate) fn shared(method: SignatureMethod, consumer_secret: &str, token_secret: &str) -> Result<Shared, Misuse> {
        Self::of_text(method, Secret::new(format!("{}&{}", encode::percent(consumer_secret), encode::percent(token_secret))))
    }

    fn of_text(method: SignatureMethod, text: Secret) -> Result<Shared, Misuse> {
        let bytes = text.expose().as_bytes();
        const ANY: &str = "HMAC takes a key of any length";
        Ok(match method {
            SignatureMethod::HmacSha1 => Shared::HmacSha1(Hmac::new_from_slice(bytes).expect(ANY)),
            SignatureMethod::HmacSha256 => Shared::HmacSha256(Hmac::new_from_slice(bytes).expect(ANY)),
            SignatureMethod::HmacSha512 => Shared::HmacSha512(Hmac::new_from_slice(bytes).expect(ANY)),
            SignatureMethod::Plaintext => Shared::Plaintext(text),
            SignatureMethod::RsaSha1 | SignatureMethod::RsaSha256 | SignatureMethod::RsaSha512 => {
                return Err(Misuse::new("a signature method of shared secrets", method.name())
                    .of("RFC 5849 §3.4")
                    .with_hint("choose an HMAC or PLAINTEXT; RSA signs with a private key: Client does it"));
            }
        })
    }

    /// The signature of a base string that comes in pieces, as a header carries it, behind what is in `out`.
    pub(crate) fn sign_into(&self, pieces: &[&[u8]], entropy: &dyn Entropy, out: &mut Arena) -> Result<(), Misuse> {
        match self {
            Self::Shared(key) => key.sign_into(pieces, out),
            Self::Rsa(hash, key) => {
                let signature = key.sign(*hash, &pieces.concat(), entropy)?;
                out.base64_once(&signature);
            }
        }
        Ok(())
    }

    /// The key after a beginning that many base strings share: hashed once for all of them. `None` where nothing is hashed piece by
    /// piece, and the beginning has to be kept.
    pub(crate) fn after(&self, beginning: &[u8]) -> Option<Self> {
        let Self::Shared(key) = self else { return None };
        let mut key = key.clone();
        match &mut key {
            Shared::HmacSha1(key) => key.update(beginning),
            Shared::HmacSha256(key) => key.update(beginning),
            Shared::HmacSha512(key) => key.update(beginning),
            Shared::Plaintext(_) => {}
        }
        Some(Self::Shared(key))
    }
}

impl Shared {
    /// The signature of a base string.
    pub(crate) fn sign(&self, base_string: &str) -> String {
        let mut out = Arena::default();
        self.sign_into(&[base_string.as_bytes()], &mut out);
        encode::ascii(encode::percent_decode(out.bytes()))
    }

    fn sign_into(&self, pieces: &[&[u8]], out: &mut Arena) {
        fn mac<M: Mac + Clone>(key: &M, pieces: &[&[u8]], out: &mut Arena) {
            let mut key = key.clone();
            pieces.iter().for_each(|piece| key.update(piece));
            out.base64_once(&key.finalize().into_bytes());
        }
        match self {
            Self::HmacSha1(key) => mac(key, pieces, out),
            Self::HmacSha256(key) => mac(key, pieces, out),
            Self::HmacSha512(key) => mac(key, pieces, out),
            Self::Plaintext(text) => out.once(text.expose().as_bytes()),
        }
    }

    /// Whether `signature` is this key's signature of the base string, in time that does not tell how much of it is right.
    pub(crate) fn verifies(&self, base_string: &str, signature: &str) -> bool {
        self.sign(base_string).as_bytes().ct_eq(signature.as_bytes()).into()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(method: SignatureMethod, consumer_secret: &str, token_secret: &str) -> Shared {
        Key::shared(method, consumer_secret, token_secret).expect("a method of shared secrets")
    }

    /// RFC 5849 §1.2: the signatures of the walk through the protocol.
    #[test]
    fn rfc5849_section_1_2_photos_request() {
        let key = key(SignatureMethod::HmacSha1, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00");
        let base = "GET&http%3A%2F%2Fphotos.example.net%2Fphotos&file%3Dvacation.jpg%26oauth_consumer_key%3Ddpf43f3p2l4k3l03\
                    %26oauth_nonce%3DchapoH%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131202\
                    %26oauth_token%3Dnnch734d00sl2jdk%26size%3Doriginal";
        assert_eq!(key.sign(base), "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
        assert!(key.verifies(base, "MdpQcU8iPSUjWoN/UDMsK2sui9I="));
        assert!(!key.verifies(base, "MdpQcU8iPSUjWoN/UDMsK2sui9J="));
    }

    /// RFC 5849 §2.1: PLAINTEXT with an empty token secret ends in `&`.
    #[test]
    fn rfc5849_plaintext_keeps_the_ampersand() {
        assert_eq!(key(SignatureMethod::Plaintext, "ja893SD9", "").sign("anything"), "ja893SD9&");
        assert_eq!(key(SignatureMethod::Plaintext, "a&b", "c d").sign(""), "a%26b&c%20d");
    }

    /// Otherwise a server could be talked into taking a public key, which everybody knows, for a shared secret.
    #[test]
    fn rsa_has_no_key_of_shared_secrets() {
        for &method in SignatureMethod::RSA {
            assert!(Key::shared(method, "consumer-secret", "token-secret").is_err());
        }
    }
}

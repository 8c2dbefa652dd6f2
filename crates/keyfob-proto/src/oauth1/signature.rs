//! Signatures (RFC 5849 §3.4.2–3.4.4).

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::settings::SignatureMethod;
use crate::encode;
use crate::secret::Secret;

/// The value of `oauth_signature` for a [base string](super::base_string): an HMAC of it in base64 (RFC 5849 §3.4.2), or, for
/// PLAINTEXT, the two secrets themselves (§3.4.4). A secret that there is none of is empty text.
///
/// ```
/// use keyfob_proto::oauth1::{SignatureMethod, signature};
///
/// // RFC 5849 §1.2: the request for temporary credentials, PLAINTEXT.
/// assert_eq!(signature(SignatureMethod::Plaintext, "kd94hf93k423kf44", "", ""), "kd94hf93k423kf44&");
/// ```
pub fn signature(method: SignatureMethod, consumer_secret: &str, token_secret: &str, base_string: &str) -> String {
    Key::new(method, consumer_secret, token_secret).sign(base_string)
}

/// A signing key, prepared once: for HMAC the two padded key blocks are hashed already, so that a signature costs the base
/// string alone.
#[derive(Clone)]
pub(crate) enum Key {
    HmacSha1(Hmac<Sha1>),
    HmacSha256(Hmac<Sha256>),
    HmacSha512(Hmac<Sha512>),
    Plaintext(Secret),
}

impl Key {
    /// The key for a pair of secrets (§3.4.2: both percent-encoded, joined by `&`, also where one is empty).
    pub(crate) fn new(method: SignatureMethod, consumer_secret: &str, token_secret: &str) -> Self {
        let text = Secret::new(format!("{}&{}", encode::percent(consumer_secret), encode::percent(token_secret)));
        let bytes = text.expose().as_bytes();
        const ANY: &str = "HMAC takes a key of any length";
        match method {
            SignatureMethod::HmacSha1 => Self::HmacSha1(Hmac::new_from_slice(bytes).expect(ANY)),
            SignatureMethod::HmacSha256 => Self::HmacSha256(Hmac::new_from_slice(bytes).expect(ANY)),
            SignatureMethod::HmacSha512 => Self::HmacSha512(Hmac::new_from_slice(bytes).expect(ANY)),
            SignatureMethod::Plaintext => Self::Plaintext(text),
        }
    }

    /// The signature of a base string, as `oauth_signature` carries it.
    pub(crate) fn sign(&self, base_string: &str) -> String {
        fn mac<M: Mac + Clone>(key: &M, base_string: &str) -> String {
            encode::base64(&key.clone().chain_update(base_string).finalize().into_bytes())
        }
        match self {
            Self::HmacSha1(key) => mac(key, base_string),
            Self::HmacSha256(key) => mac(key, base_string),
            Self::HmacSha512(key) => mac(key, base_string),
            Self::Plaintext(text) => text.expose().to_owned(),
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

    /// RFC 5849 §1.2: the signatures of the walk through the protocol.
    #[test]
    fn rfc5849_section_1_2_photos_request() {
        let key = Key::new(SignatureMethod::HmacSha1, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00");
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
        assert_eq!(Key::new(SignatureMethod::Plaintext, "ja893SD9", "").sign("anything"), "ja893SD9&");
        assert_eq!(Key::new(SignatureMethod::Plaintext, "a&b", "c d").sign(""), "a%26b&c%20d");
    }
}

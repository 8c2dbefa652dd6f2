//! The key pair of an app that signs by RSA (RFC 5849 §3.4.3): at registration it left the public half with the provider.

use std::sync::{Arc, OnceLock};

use keyfob_proto::encode;
use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _, PublicKey};
use keyfob_proto::oauth1::rsa::{self, RsaVerify};

/// Both halves.
#[derive(Clone)]
pub(super) struct AppKey {
    /// For the app: PEM, as a person would enter it.
    pub(super) private: String,
    /// For the provider.
    pub(super) public: Arc<dyn RsaVerify>,
}

/// One pair for all imitations of a process: making one takes longer than all else.
pub(super) fn app_key() -> AppKey {
    static KEY: OnceLock<AppKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let private = AwsLc.generate(Algorithm::RS256).expect("AWS-LC makes keys of this kind");
        let signer = AwsLc.signer(Algorithm::RS256, &private).expect("it has just been made for this");
        let Some(PublicKey::Rsa { modulus, exponent }) = signer.public_key() else { unreachable!("RS256 is RSA") };
        let public = rsa::public_key(&public_pem(modulus, exponent)).expect("the other half of a good key");
        let private = private.to_pem().expect("a new key is PKCS #8");
        AppKey { private: private.expose().to_owned(), public }
    })
    .clone()
}

/// `RSAPublicKey` (RFC 8017 A.1.1) in PEM.
fn public_pem(modulus: &[u8], exponent: &[u8]) -> String {
    let numbers = [integer(modulus), integer(exponent)].concat();
    format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", encode::base64(&der(0x30, &numbers)))
}

/// A positive number: a first bit that is set would make it a negative one.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    der(0x02, &[sign, bytes].concat())
}

/// Tag, length, value (X.690 §8.1).
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let head = match length {
        [short] if *short < 0x80 => vec![tag, *short],
        // No key is so long that its length needs more than a few bytes.
        long => [&[tag, 0x80 | long.len().to_le_bytes()[0]], long].concat(),
    };
    [head.as_slice(), value].concat()
}

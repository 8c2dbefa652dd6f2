//! The key pair of an app that signs by RSA (RFC 5849 §3.4.3): at registration it left the public half with the provider.

use std::sync::{Arc, OnceLock};

use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _, PublicKey};
use keyfob_proto::oauth1::rsa::{self, RsaVerify};

use crate::rsa_pem::rsa_pem;

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
        let public = rsa::public_key(&rsa_pem(modulus, exponent)).expect("the other half of a good key");
        let private = private.to_pem().expect("a new key is PKCS #8");
        AppKey { private: private.expose().to_owned(), public }
    })
    .clone()
}

//! RSA by aws-lc-rs: fast, and with a timing that does not depend on the key. It verifies SHA-1 and does not sign with it.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaEncoding, RsaParameters};

use super::key_file::{Form, KeyFile};
use super::{Hash, RsaSign, RsaVerify};
use crate::entropy::Entropy;
use crate::error::Misuse;

struct Private(KeyPair);

pub(super) fn private_key(file: &KeyFile) -> Result<Arc<dyn RsaSign>, Misuse> {
    let key = match file.form() {
        Form::Pkcs1 => KeyPair::from_der(file.der()),
        Form::Pkcs8 | Form::Spki | Form::Pkcs1Public => KeyPair::from_pkcs8(file.der()),
    };
    Ok(Arc::new(Private(key.map_err(|_| {
        Misuse::new("an RSA private key", "one whose numbers do not fit together")
            .of("RFC 5849 §3.4.3")
            .with_hint("take the key file that its tool made, unchanged")
    })?)))
}

impl RsaSign for Private {
    // Blinding takes its entropy from the library's own generator.
    fn sign(&self, hash: Hash, message: &[u8], _entropy: &dyn Entropy) -> Result<Vec<u8>, Misuse> {
        let encoding: &'static dyn RsaEncoding = match hash {
            Hash::Sha256 => &signature::RSA_PKCS1_SHA256,
            Hash::Sha512 => &signature::RSA_PKCS1_SHA512,
            Hash::Sha1 => {
                return Err(Misuse::new("a key that signs with SHA-1", "one of aws-lc-rs, which does not")
                    .of("RFC 5849 §3.4.3")
                    .with_hint("build keyfob-proto with the feature rsa-sha1"));
            }
        };
        let mut out = vec![0; self.0.public_modulus_len()];
        let signed = self.0.sign(encoding, &SystemRandom::new(), message, &mut out);
        signed.map_err(|_| {
            Misuse::new("a signature by the private key", "none").of("RFC 5849 §3.4.3").with_hint("take a key of 2048 bits at least")
        })?;
        Ok(out)
    }
}

/// The same key for each hash: the library ties them together when it parses.
struct Public {
    sha1: ParsedPublicKey,
    sha256: ParsedPublicKey,
    sha512: ParsedPublicKey,
}

pub(super) fn public_key(file: &KeyFile) -> Result<Arc<dyn RsaVerify>, Misuse> {
    let parse = |parameters: &'static RsaParameters| {
        ParsedPublicKey::new(parameters, file.der()).map_err(|_| {
            Misuse::new("an RSA public key", "one that is broken")
                .of("RFC 5849 §3.4.3")
                .with_hint("take the key file that its tool made, unchanged")
        })
    };
    Ok(Arc::new(Public {
        sha1: parse(&signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY)?,
        sha256: parse(&signature::RSA_PKCS1_2048_8192_SHA256)?,
        sha512: parse(&signature::RSA_PKCS1_2048_8192_SHA512)?,
    }))
}

impl RsaVerify for Public {
    fn verifies(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let key = match hash {
            Hash::Sha1 => &self.sha1,
            Hash::Sha256 => &self.sha256,
            Hash::Sha512 => &self.sha512,
        };
        key.verify_sig(message, signature).is_ok()
    }
}

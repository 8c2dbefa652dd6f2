//! RSA by RustCrypto's `rsa`: slower than aws-lc-rs, but pure Rust, and it signs with SHA-1, which RFC 5849 asks for.

use std::convert::Infallible;
use std::sync::Arc;

use rsa::pkcs1::{DecodeRsaPrivateKey, DecodeRsaPublicKey};
use rsa::pkcs1v15::{Signature, SigningKey, VerifyingKey};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::signature::{RandomizedSigner, SignatureEncoding, Verifier};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::key_file::{Form, KeyFile};
use super::{Hash, RsaSign, RsaVerify};
use crate::entropy::Entropy;
use crate::error::Misuse;

/// The same key for each hash: the library ties them together.
struct Private {
    sha1: SigningKey<Sha1>,
    sha256: SigningKey<Sha256>,
    sha512: SigningKey<Sha512>,
}

pub(super) fn private_key(file: &KeyFile) -> Result<Arc<dyn RsaSign>, Misuse> {
    let key = match file.form() {
        Form::Pkcs1 => rsa::PrivateKey::from_pkcs1_der(file.der()).ok(),
        Form::Pkcs8 | Form::Spki | Form::Pkcs1Public => rsa::PrivateKey::from_pkcs8_der(file.der()).ok(),
    };
    let key = key.filter(|key| key.validate().is_ok());
    let key = key.ok_or_else(|| {
        Misuse::new("an RSA private key", "one whose numbers do not fit together")
            .of("RFC 5849 §3.4.3")
            .with_hint("take the key file that its tool made, unchanged")
    })?;
    let (sha1, sha256, sha512) = (SigningKey::new(key.clone()), SigningKey::new(key.clone()), SigningKey::new(key));
    Ok(Arc::new(Private { sha1, sha256, sha512 }))
}

impl RsaSign for Private {
    // Always blinded (RUSTSEC-2023-0071): unblinded, the time a signature takes tells of the key.
    fn sign(&self, hash: Hash, message: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, Misuse> {
        let mut chance = Chance(entropy);
        let signed: Result<Signature, _> = match hash {
            Hash::Sha1 => self.sha1.try_sign_with_rng(&mut chance, message),
            Hash::Sha256 => self.sha256.try_sign_with_rng(&mut chance, message),
            Hash::Sha512 => self.sha512.try_sign_with_rng(&mut chance, message),
        };
        Ok(signed
            .map_err(|_| {
                Misuse::new("a signature by the private key", "none").of("RFC 5849 §3.4.3").with_hint("take a key of 2048 bits at least")
            })?
            .to_vec())
    }
}

/// The caller's entropy, as the library wants it.
struct Chance<'a>(&'a dyn Entropy);

impl TryRng for Chance<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(buffer);
        Ok(())
    }
}

impl TryCryptoRng for Chance<'_> {}

#[cfg_attr(feature = "aws-lc", allow(dead_code, reason = "aws-lc-rs verifies where it is there"))]
struct Public {
    sha1: VerifyingKey<Sha1>,
    sha256: VerifyingKey<Sha256>,
    sha512: VerifyingKey<Sha512>,
}

#[cfg_attr(feature = "aws-lc", allow(dead_code, reason = "aws-lc-rs verifies where it is there"))]
pub(super) fn public_key(file: &KeyFile) -> Result<Arc<dyn RsaVerify>, Misuse> {
    let key = match file.form() {
        Form::Pkcs1Public => rsa::PublicKey::from_pkcs1_der(file.der()).ok(),
        Form::Spki | Form::Pkcs8 | Form::Pkcs1 => rsa::PublicKey::from_public_key_der(file.der()).ok(),
    };
    let key = key.ok_or_else(|| {
        Misuse::new("an RSA public key", "one that is broken")
            .of("RFC 5849 §3.4.3")
            .with_hint("take the key file that its tool made, unchanged")
    })?;
    let (sha1, sha256, sha512) = (VerifyingKey::new(key.clone()), VerifyingKey::new(key.clone()), VerifyingKey::new(key));
    Ok(Arc::new(Public { sha1, sha256, sha512 }))
}

impl RsaVerify for Public {
    fn verifies(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::try_from(signature) else { return false };
        match hash {
            Hash::Sha1 => self.sha1.verify(message, &signature).is_ok(),
            Hash::Sha256 => self.sha256.verify(message, &signature).is_ok(),
            Hash::Sha512 => self.sha512.verify(message, &signature).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::super::key_file::Kind;
    use super::*;
    use crate::encode;

    /// Where aws-lc-rs is there, it verifies instead.
    #[test]
    fn i12_what_one_half_signs_the_other_verifies_and_nothing_else() {
        let row = include_str!("../../../tests/vectors/rfc5849/rsa.jsonl").lines().next().expect("a key");
        let row: Value = serde_json::from_str(row).expect("JSON");
        let pem = |half: &str, nth: usize| row[half][nth].as_str().expect("PEM").to_owned();
        let private = private_key(&KeyFile::read(&pem("private", 0), Kind::Private).expect("a key")).expect("a key");
        let public = public_key(&KeyFile::read(&pem("public", 0), Kind::Public).expect("a key")).expect("a key");
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
            let signature = private.sign(hash, b"text", &|buffer: &mut [u8]| buffer.fill(7)).expect("a signature");
            assert!(public.verifies(hash, b"text", &signature));
            assert!(!public.verifies(hash, b"texts", &signature) && !public.verifies(hash, b"text", &signature[1..]));
        }
    }

    /// Blinding by a constant would be none (RUSTSEC-2023-0071).
    #[test]
    fn what_blinds_is_the_callers_entropy() {
        let drawn = |buffer: &mut [u8]| buffer.fill(0x5a);
        let mut chance = Chance(&drawn);
        assert_eq!((chance.try_next_u32(), chance.try_next_u64()), (Ok(0x5a5a_5a5a), Ok(0x5a5a_5a5a_5a5a_5a5a)));
        let mut bytes = [0; 3];
        assert_eq!((chance.try_fill_bytes(&mut bytes), bytes), (Ok(()), [0x5a; 3]));
    }

    /// The calls recorded from oauthlib: their keys have 1024 bits, which `private_key` is never given.
    #[test]
    fn i1_recorded_signatures_by_short_keys_agree() {
        let mut keys = BTreeMap::new();
        let mut agreed = 0;
        for line in include_str!("../../../tests/vectors/rfc5849/rsa.jsonl").lines() {
            let row: Value = serde_json::from_str(line).expect("JSON");
            if row["check"] == "rsa_key" {
                let pem = row["private"][1].as_str().expect("PEM");
                let file = KeyFile::read_any_length(pem, Kind::Private).expect("a key");
                keys.insert(row["name"].as_str().expect("a name").to_owned(), private_key(&file).expect("a key"));
            } else if let (Some(key), "c" | "d") = (keys.get(row["key"].as_str().unwrap_or("")), row["key"].as_str().unwrap_or("")) {
                let hash = match row["hash"].as_str() {
                    Some("SHA-1") => Hash::Sha1,
                    Some("SHA-256") => Hash::Sha256,
                    _ => Hash::Sha512,
                };
                let message = row["in"].as_str().expect("text").as_bytes();
                let signature = key.sign(hash, message, &|buffer: &mut [u8]| buffer.fill(7)).expect("a signature");
                assert_eq!(Some(encode::base64(&signature).as_str()), row["out"].as_str());
                agreed += 1;
            }
        }
        assert_eq!(agreed, 8);
    }
}

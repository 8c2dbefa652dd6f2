//! Proof key for code exchange (RFC 7636): whoever redeems the code must be whoever asked for it.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use crate::encode::{self, Digits, LENGTH_OF_256};
use crate::form::Value;
use crate::secret::wipe;

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
        Self(encode::base64url_digits(&sha256(verifier.as_bytes())))
    }

    pub(crate) fn as_value(&self) -> Value<'_> {
        Value::Digits(&self.0)
    }
}

/// What SHA-256 begins with (FIPS 180-4 §5.3.3).
const INITIAL: [u32; 8] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// SHA-256. Our own verifiers have 43 characters: with the mark of their end and their length they are one block (§5.1.1), which is hashed where it lies.
fn sha256(text: &[u8]) -> [u8; 32] {
    let Some(text) = <&[u8; LENGTH_OF_256]>::try_from(text).ok() else { return Sha256::digest(text).0 };
    let mut block = [0; 64];
    block[..LENGTH_OF_256].copy_from_slice(text);
    block[LENGTH_OF_256] = 0x80;
    block[56..].copy_from_slice(&(LENGTH_OF_256 as u64 * 8).to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, &[block]);
    wipe(&mut block);
    let mut digest = [0; 32];
    digest.as_chunks_mut().0.iter_mut().zip(state).for_each(|(four, word)| *four = word.to_be_bytes());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_of_any_length_is_hashed_as_others_hash_it() {
        for length in 0..=128 {
            let text: Vec<u8> = (0..length).map(|nth| b'A' + nth % 58).collect();
            assert_eq!(sha256(&text), Sha256::digest(&text).0, "{length}");
        }
    }
}

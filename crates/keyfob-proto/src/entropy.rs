//! Randomness as the core sees it: an argument.

use crate::encode;
use crate::secret::{Secret, wipe};

/// A source of bytes that nobody can guess. Sessions pass the operating system's; tests pass a fixed one.
pub trait Entropy {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

impl<F: Fn(&mut [u8])> Entropy for F {
    fn fill(&self, buffer: &mut [u8]) {
        self(buffer);
    }
}

/// 256 bits as 43 characters of base64url: a `state`, a PKCE verifier (RFC 7636 §4.1 asks for 43 to 128 characters).
pub(crate) fn token256(entropy: &dyn Entropy) -> Secret {
    Draw::new(entropy, 1).tokens(1)
}

/// A login has a state, a verifier and a nonce.
const MOST: usize = 3;

/// What up to so many such tokens are made of, drawn in one go: each draw may be a call to the system. Wiped when it goes.
pub(crate) struct Draw {
    bytes: [[u8; 32]; MOST],
    spent: usize,
    count: usize,
}

impl Draw {
    #[inline]
    pub(crate) fn new(entropy: &dyn Entropy, count: usize) -> Self {
        let mut bytes = [[0; 32]; MOST];
        entropy.fill(bytes[..count].as_flattened_mut());
        Self { bytes, spent: 0, count }
    }

    /// The next of them, one behind the other. Panics for more than were drawn: those would be zeroes, which anybody can guess.
    #[inline(always)]
    pub(crate) fn tokens(&mut self, count: usize) -> Secret {
        let next = &self.bytes[..self.count][self.spent..self.spent + count];
        self.spent += count;
        encode::base64url_256(next).into()
    }
}

impl Drop for Draw {
    fn drop(&mut self) {
        wipe(self.bytes.as_flattened_mut());
    }
}

/// 128 bits as 32 hexadecimal digits: an OAuth 1 nonce. Letters and digits only, since some servers accept nothing else.
pub(crate) fn nonce128(entropy: &dyn Entropy) -> [u8; 32] {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    text
}

/// The same as text of its own: the `jti` of what is signed (RFC 7519 §4.1.7).
pub(crate) fn id128(entropy: &dyn Entropy) -> String {
    nonce128(entropy).iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::{DefaultHasher, Hasher};

    use super::*;

    /// A pseudo-random function of a counter: unlike a counter, it shows a nonce that leaves most of its entropy unused.
    #[test]
    fn i2_a_million_nonces_and_none_twice() {
        let drawn = Cell::new(0);
        let chance = |buffer: &mut [u8]| {
            for chunk in buffer.chunks_mut(8) {
                let mut hasher = DefaultHasher::new();
                hasher.write_u64(drawn.replace(drawn.get() + 1));
                chunk.copy_from_slice(&hasher.finish().to_le_bytes());
            }
        };
        let mut nonces: Vec<u128> = (0..1_000_000)
            .map(|_| {
                let nonce = nonce128(&chance);
                let nonce = std::str::from_utf8(&nonce).expect("digits");
                assert!(nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
                u128::from_str_radix(nonce, 16).expect("hexadecimal digits")
            })
            .collect();
        nonces.sort_unstable();
        nonces.dedup();
        assert_eq!(nonces.len(), 1_000_000);
    }

    #[test]
    fn a6_the_longest_and_the_shortest_verifier_have_43_characters() {
        for byte in [0, 0xff] {
            assert_eq!(token256(&|buffer: &mut [u8]| buffer.fill(byte)).expose().len(), 43);
        }
    }
}

//! Randomness as the core sees it: an argument.

use crate::encode;

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
pub(crate) fn token256(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    encode::base64url(&bytes)
}

/// 128 bits as 32 hexadecimal digits: an OAuth 1 nonce. Letters and digits only, since some servers accept nothing else.
pub(crate) fn nonce128(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    let mut text = String::with_capacity(32);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}

//! Unguessable strings in the shapes that the services hand out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives entropy");
    bytes
}

/// `length` lower-case hexadecimal digits, at most 128.
pub(crate) fn hex(length: usize) -> String {
    let mut text: String = bytes::<64>().iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(length);
    text
}

/// 256 bits, URL-safe.
pub(crate) fn opaque() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// A random (version 4) UUID.
pub(crate) fn uuid() -> String {
    let h = hex(32);
    format!("{}-{}-4{}-8{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..])
}

/// Characters that are easy to read aloud, for PINs and verifiers.
pub(crate) fn readable(length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    bytes::<64>().iter().take(length).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_hold_and_nothing_repeats() {
        assert_eq!(hex(41).len(), 41);
        assert_eq!(uuid().len(), 36);
        assert_eq!(readable(26).len(), 26);
        assert_ne!(opaque(), opaque());
    }
}

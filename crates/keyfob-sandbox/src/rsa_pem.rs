//! RSA keys as PEM, from their two numbers: JWKs have those, and what verifies OAuth 1 wants this.

use keyfob_proto::encode;

/// `RSAPublicKey` (RFC 8017 A.1.1) in PEM.
pub(crate) fn rsa_pem(modulus: &[u8], exponent: &[u8]) -> String {
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

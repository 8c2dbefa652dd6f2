//! A key as text: 32 bytes in base64 or as 64 hexadecimal digits.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use keyfob::StoreError;
use zeroize::Zeroizing;

use crate::seal::Key;

/// Base64 or hexadecimal: 64 digits would be 48 bytes of base64, so that no text can be meant both ways.
pub(super) fn parse(text: &str, whence: &str) -> Result<Key, StoreError> {
    let text = text.trim();
    let bytes = Zeroizing::new(if text.len() == 64 { from_hex(text) } else { from_base64(text) }.unwrap_or_default());
    Key::from_bytes(&bytes).ok_or_else(|| {
        let found = text.chars().count();
        StoreError::Locked(format!(
            "{whence} is not a key: expected 32 bytes as base64 or as 64 hexadecimal digits, found {found} characters"
        ))
    })
}

/// Base64 of either alphabet, padded or not.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = |pair: &[u8]| u8::try_from(pair.iter().map(digit).try_fold(0, |sum, digit| Some(sum << 4 | digit?))?).ok();
    text.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use keyfob::proto::encode;

    use super::*;

    #[test]
    fn base64_and_hex_mean_the_same_key() {
        let bytes: Vec<u8> = (0xE0..=0xFF).collect();
        let padded = encode::base64(&bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let unpadded = padded.trim_end_matches('=').to_owned();
        for text in [&padded, &unpadded, &encode::base64url(&bytes), &hex, &hex.to_uppercase(), &format!(" {padded}\r\n")] {
            assert_eq!(parse(text, "it").map(|key| key.bytes().to_vec()).ok(), Some(bytes.clone()), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_key_and_is_not_shown() {
        let short = encode::base64(&[1; 31]);
        let long = encode::base64(&[1; 33]);
        for text in ["", "hunter2-not-real", &short, &long, &"g".repeat(64), &"é".repeat(32)] {
            let Err(StoreError::Locked(message)) = parse(text, "it") else { panic!("{text} was taken") };
            assert!(text.is_empty() || !message.contains(text), "{message}");
        }
    }
}

//! A key as text: 32 bytes in base64 or as 64 hexadecimal digits, and lines for people, which begin with `#`. One of them says whose it is.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use keyfob::StoreError;
use keyfob::proto::encode;
use zeroize::Zeroizing;

use crate::seal::Key;

const VAULT: &str = "# vault ";

/// Base64 or hexadecimal: 64 digits would be 48 bytes of base64, so that no text can be meant both ways.
pub(super) fn parse(text: &str, whence: &str) -> Result<Key, StoreError> {
    // Of several lines that are no comments none is the key.
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let text = lines.next().filter(|_| lines.next().is_none()).unwrap_or_default();
    let bytes = Zeroizing::new(if text.len() == 64 { from_hex(text) } else { from_base64(text) }.unwrap_or_default());
    Key::from_bytes(&bytes).ok_or_else(|| {
        let found = text.chars().count();
        StoreError::Locked(format!(
            "{whence} is not a key: expected 32 bytes as base64 or as 64 hexadecimal digits, found {found} characters"
        ))
    })
}

/// A key file's text.
pub(super) fn write(key: &Key, vault: &[u8; 16]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(128));
    // Its base64 is written once more, and wiped there.
    text.push_str(&Zeroizing::new(encode::base64(key.bytes())));
    text.push('\n');
    text.push_str(VAULT);
    text.push_str(&shown(vault));
    text.push('\n');
    text
}

/// The vault that a key file was made for, where it says so.
pub(super) fn vault_of(text: &str) -> Option<[u8; 16]> {
    let digits = text.lines().find_map(|line| line.trim().strip_prefix(VAULT))?;
    from_hex(digits)?.try_into().ok()
}

/// As `vault status` shows it.
pub(super) fn shown(vault: &[u8; 16]) -> String {
    vault.iter().map(|byte| format!("{byte:02x}")).collect()
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
    fn a_key_file_says_whose_it_is_and_is_a_key_as_a_whole() {
        let (key, vault) = (Key::random().expect("random"), [0xA7; 16]);
        let text = write(&key, &vault);
        assert_eq!(parse(&text, "it").map(|key| key.bytes().to_vec()).ok(), Some(key.bytes().to_vec()));
        assert_eq!(vault_of(&text), Some(vault));
        for nobodys in [encode::base64(key.bytes()), "# vault".to_owned(), "# vault a7".to_owned(), format!("{VAULT}{}", "g".repeat(32))] {
            assert_eq!(vault_of(&nobodys), None, "{nobodys}");
        }
    }

    #[test]
    fn anything_else_is_no_key_and_is_not_shown() {
        let short = encode::base64(&[1; 31]);
        let long = encode::base64(&[1; 33]);
        for text in [
            "",
            "hunter2-not-real",
            &short,
            &long,
            &"g".repeat(64),
            &"é".repeat(32),
            "# a comment",
            &format!("{0}\n{0}", encode::base64(&[1; 32])),
        ] {
            let Err(StoreError::Locked(message)) = parse(text, "it") else { panic!("{text} was taken") };
            assert!(text.is_empty() || !message.contains(text), "{message}");
        }
    }
}

//! Key sources: where the key that wraps the data key comes from.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use keyfob::StoreError;
use keyfob::proto::{Secret, encode};
use zeroize::Zeroizing;

use crate::place::{self, Fresh};
use crate::seal::Key;

/// Where the key comes from that opens the vault: 32 bytes, written as base64 or as 64 hexadecimal digits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// A file of ours, 0600, made at first use (see [`Vault::key_made`](crate::Vault::key_made)). Once there is a vault, a missing file means
    /// [`Locked`](StoreError::Locked): a new key could not open it.
    File(PathBuf),
    /// A file that somebody else provides and Keyfob never makes: a container's or service manager's secret. It may be a link, may
    /// belong to root, may be readable by others (that is a warning), and may not be writable by them.
    Provided(PathBuf),
    /// The key itself, from the environment.
    Text(Secret),
}

impl KeySource {
    /// The environment variable that programs read [`KeySource::Text`] from.
    pub const VARIABLE: &'static str = "KEYFOB_VAULT_KEY";

    /// What the key file is called beside the vault.
    pub const FILE_NAME: &'static str = "vault.key";

    /// The default: a key file beside the vault.
    pub fn beside(vault: &Path) -> Self {
        Self::File(vault.with_file_name(Self::FILE_NAME))
    }

    /// Gets the key; makes one only where there is no vault yet. Also says which file was made, if any.
    pub(crate) fn key(&self, vault_exists: bool, warnings: &mut Vec<String>) -> Result<(Key, Option<PathBuf>), StoreError> {
        match self {
            Self::Text(text) => Ok((parse(text.expose(), "the key that was given")?, None)),
            Self::Provided(path) => Ok((read_provided(path, warnings)?, None)),
            Self::File(path) => {
                let path = match place::in_safe_folder(path, !vault_exists) {
                    Err(StoreError::Missing(_)) => return Err(gone(path)),
                    other => other?,
                };
                if let Some(key) = read_own(&path)? {
                    return Ok((key, None));
                }
                if vault_exists {
                    return Err(gone(&path));
                }
                let made = make(&path)?;
                // Somebody else's, if they were faster: then theirs is the one.
                let key = read_own(&path)?.ok_or_else(|| gone(&path))?;
                Ok((key, made.then_some(path)))
            }
        }
    }
}

fn gone(path: &Path) -> StoreError {
    StoreError::Locked(format!("its key file {} is not there", path.display()))
}

/// Makes a key file; says no if one came to be in between.
fn make(path: &Path) -> Result<bool, StoreError> {
    let key = Key::random()?;
    let mut text = Zeroizing::new(encode::base64(key.bytes()));
    text.push('\n');
    let mut fresh = Fresh::beside(path)?;
    fresh.file().write_all(text.as_bytes()).map_err(place::io(path))?;
    fresh.publish()
}

fn read_own(path: &Path) -> Result<Option<Key>, StoreError> {
    let Some(file) = place::open_own(path)? else { return Ok(None) };
    let mode = file.metadata().map_err(place::io(path))?.mode();
    if mode & 0o077 != 0 {
        // Not put right in silence: whoever could read it may have done so.
        return Err(StoreError::Unsafe(format!(
            "others can read its key file {}; if nobody has, take that away with chmod 600",
            path.display()
        )));
    }
    read(file, path).map(Some)
}

fn read_provided(path: &Path, warnings: &mut Vec<String>) -> Result<Key, StoreError> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(gone(path)),
        other => other.map_err(place::io(path))?,
    };
    let found = file.metadata().map_err(place::io(path))?;
    if !found.is_file() || !place::is_ours_or_roots(&found) || found.mode() & 0o022 != 0 {
        return Err(StoreError::Unsafe(format!("its key file {} is not a file that only you, or root, can write", path.display())));
    }
    if found.mode() & 0o007 != 0 {
        warnings.push(format!("others can read the vault's key file {}", path.display()));
    }
    read(file, path)
}

fn read(file: std::fs::File, path: &Path) -> Result<Key, StoreError> {
    const LONGEST: usize = 256;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    file.take(LONGEST as u64).read_to_end(&mut bytes).map_err(place::io(path))?;
    let whence = format!("its key file {}", path.display());
    parse(std::str::from_utf8(&bytes).unwrap_or_default(), &whence)
}

/// Base64 or hexadecimal: 64 digits would be 48 bytes of base64, so that no text can be meant both ways.
fn parse(text: &str, whence: &str) -> Result<Key, StoreError> {
    let text = text.trim();
    let bytes = Zeroizing::new(if text.len() == 64 { from_hex(text) } else { from_base64(text) }.unwrap_or_default());
    Key::from_bytes(&bytes).ok_or_else(|| {
        let found = text.chars().count();
        StoreError::Locked(format!(
            "{whence} is not a key: expected 32 bytes as base64 or as 64 hexadecimal digits, found {found} characters"
        ))
    })
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
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
    fn anything_else_is_no_key_and_is_not_shown() {
        let short = encode::base64(&[1; 31]);
        let long = encode::base64(&[1; 33]);
        for text in ["", "hunter2-not-real", &short, &long, &"g".repeat(64), &"é".repeat(32)] {
            let Err(StoreError::Locked(message)) = parse(text, "it") else { panic!("{text} was taken") };
            assert!(text.is_empty() || !message.contains(text), "{message}");
        }
    }
}

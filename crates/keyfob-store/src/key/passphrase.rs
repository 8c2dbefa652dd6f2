//! Passphrases: Argon2id makes a key of one, slowly. How slowly stands in the vault's header, which an attacker may have written.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use keyfob::StoreError;
use keyfob::proto::Secret;
use zeroize::{Zeroize, Zeroizing};

use super::text;
use crate::seal::{self, Key};

/// How a header's `kdf` begins where a passphrase opens the vault.
pub(super) const PREFIX: &str = "$argon2id$";

const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const SALT_LEN: usize = 16;

/// What a header may ask of us at most: it is read before anything about it is proved.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;
const LONGEST_SALT: usize = 64;

/// Makes a key of a new passphrase; also gives what the header must keep to make it again.
pub(super) fn mint(passphrase: &Secret) -> Result<(Key, String), StoreError> {
    let salt: [u8; SALT_LEN] = seal::random()?;
    let kdf = format!("{PREFIX}v=19$m={MEMORY_KIB},t={PASSES},p=1${}", STANDARD_NO_PAD.encode(salt));
    Ok((derive(passphrase, &kdf)?, kdf))
}

/// Makes the key again. Blocks for as long as that takes: about 0.2 s.
pub(super) fn derive(passphrase: &Secret, kdf: &str) -> Result<Key, StoreError> {
    // As typed at a prompt, piped with a line break, or pasted with a blank: the same passphrase.
    let passphrase = passphrase.expose().trim();
    if passphrase.is_empty() {
        return Err(StoreError::Locked("an empty passphrase opens nothing".to_owned()));
    }
    let (params, salt) = parse(kdf)?;
    let mut memory = Memory(vec![Block::default(); params.block_count()]);
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase.as_bytes(), &salt, key.as_mut_slice(), &mut memory.0)
        .map_err(|_| unknown())?;
    Key::from_bytes(key.as_slice()).ok_or_else(unknown)
}

/// Reads `$argon2id$v=19$m=65536,t=3,p=1$salt`. Bounds before anything else: what asks for a terabyte gets a refusal.
fn parse(kdf: &str) -> Result<(Params, Vec<u8>), StoreError> {
    let mut parts = kdf.strip_prefix(PREFIX).ok_or_else(unknown)?.split('$');
    let (Some("v=19"), Some(costs), Some(salt), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(unknown());
    };
    let mut costs = costs.split(',');
    let mut cost = |name: &str| -> Result<u32, StoreError> {
        let number = costs.next().and_then(|cost| cost.strip_prefix(name)).ok_or_else(unknown)?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unknown());
        }
        // Too long for the type is too much in any case.
        Ok(number.parse().unwrap_or(u32::MAX))
    };
    let (memory, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
    let salt = text::from_base64(salt).filter(|salt| salt.len() <= LONGEST_SALT).ok_or_else(unknown)?;
    if costs.next().is_some() {
        return Err(unknown());
    }
    if memory < MEMORY_KIB || passes < PASSES || lanes < 1 || salt.len() < SALT_LEN {
        return Err(StoreError::Unsafe("its header makes a key of the passphrase more cheaply than this program ever does".to_owned()));
    }
    if memory > MOST_MEMORY_KIB || passes > MOST_PASSES || lanes > MOST_LANES {
        return Err(StoreError::Unsafe(format!(
            "its header asks for {memory} KiB of memory and {passes} passes to make a key of the passphrase; this program goes to {MOST_MEMORY_KIB} and {MOST_PASSES}"
        )));
    }
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(|_| unknown())?;
    Ok((params, salt))
}

fn unknown() -> StoreError {
    StoreError::Newer("a passphrase opens it in a way this version does not know".to_owned())
}

/// What Argon2id filled says nothing about the passphrase that the key does not, and that is enough to wipe it.
struct Memory(Vec<Block>);

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "AAECAwQFBgcICQoLDA0ODw";

    fn refused(kdf: &str) -> StoreError {
        derive(&Secret::new("correct horse"), kdf).err().expect("it is refused")
    }

    #[test]
    fn j9_a_new_passphrase_costs_64_mib_and_three_passes() {
        let (key, kdf) = mint(&Secret::new("correct horse")).expect("makes a key");
        assert!(kdf.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{kdf}");
        assert_eq!(derive(&Secret::new(" correct horse\r\n"), &kdf).expect("again").bytes(), key.bytes());
        assert_ne!(derive(&Secret::new("correct hors"), &kdf).expect("another").bytes(), key.bytes());
        assert_ne!(mint(&Secret::new("correct horse")).expect("makes a key").1, kdf, "another salt");
    }

    /// A later version must make the same key. The bytes were computed by another implementation (argon2-cffi).
    #[test]
    fn the_key_is_what_argon2id_says() {
        let kdf = format!("$argon2id$v=19$m=65536,t=3,p=1${SALT}");
        let key = derive(&Secret::new("correct horse"), &kdf).expect("makes a key");
        let hex: String = key.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "e3c889ca40ed01e6b6771fc8a5bf16e35ad60b41c9bd5d7e6d63adf51e50b0fd");
    }

    #[test]
    fn j9_a_header_can_ask_for_neither_less_nor_a_terabyte() {
        for cheap in ["m=65535,t=3,p=1", "m=8,t=3,p=1", "m=65536,t=2,p=1", "m=65536,t=3,p=0"] {
            assert!(matches!(refused(&format!("$argon2id$v=19${cheap}${SALT}")), StoreError::Unsafe(_)), "{cheap}");
        }
        assert!(matches!(refused("$argon2id$v=19$m=65536,t=3,p=1$AAECAwQFBgc"), StoreError::Unsafe(_)), "a short salt");
        for dear in ["m=1073741824,t=3,p=1", "m=99999999999999999999,t=3,p=1", "m=65536,t=4294967295,p=1", "m=65536,t=3,p=255"] {
            assert!(matches!(refused(&format!("$argon2id$v=19${dear}${SALT}")), StoreError::Unsafe(_)), "{dear}");
        }
        derive(&Secret::new("correct horse"), &format!("$argon2id$v=19$m=65540,t=4,p=2${SALT}")).expect("more is fine");
    }

    #[test]
    fn what_is_not_understood_is_newer() {
        for kdf in [
            "",
            "$argon2id$",
            "$argon2i$v=19$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw",
            "$argon2id$v=16$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw",
            "$argon2id$v=19$m=65536,t=3$AAECAwQFBgcICQoLDA0ODw",
            "$argon2id$v=19$m=65536,t=3,p=1,q=1$AAECAwQFBgcICQoLDA0ODw",
            "$argon2id$v=19$m=+65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw",
            "$argon2id$v=19$m=65536,t=3,p=1$!",
            "$argon2id$v=19$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw$more",
        ] {
            assert!(matches!(refused(kdf), StoreError::Newer(_)), "{kdf}");
        }
    }

    #[test]
    fn an_empty_passphrase_is_none() {
        for empty in ["", " ", "\n"] {
            assert!(matches!(mint(&Secret::new(empty)), Err(StoreError::Locked(_))));
        }
    }
}

//! The desktop's keyring. Nobody waits for it longer than two seconds: it may be locked with nobody there to unlock it, or its bus may be dead.

use crate::seal::Key;

/// What a header's `kdf` says where the keyring has the key.
pub(super) const KDF: &str = "keyring";

/// Why there is no key, as the middle of a sentence.
pub(super) type Why = String;

/// Makes a key and keeps it there.
pub(super) fn mint(_vault: &[u8; 16], _generation: u64) -> Result<Key, Why> {
    Err(absent())
}

/// The key of a vault.
pub(super) fn key(_vault: &[u8; 16], _generation: u64) -> Result<Key, Why> {
    Err(absent())
}

/// Takes a key away that opens nothing any more.
pub(super) fn forget(_vault: &[u8; 16], _generation: u64) {}

fn absent() -> Why {
    "this program was built without the feature keyring".to_owned()
}

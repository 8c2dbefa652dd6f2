//! The right to refresh one account, across processes: a file lock of the kernel, in a folder beside the vault.
//!
//! Each account has a file of its own while somebody holds it, and none otherwise. It is deleted by its holder, so whoever has locked a
//! file looks whether it is still the one that lies there.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use keyfob::store::Hold;
use keyfob::{AccountId, StoreError};

use crate::{place, seal};

/// Holds one account; the kernel frees a dead process's lock at once.
struct Held {
    path: PathBuf,
    _file: File,
}

/// Takes the right, if it is free.
pub(super) fn try_hold(vault: &Path, id: &AccountId) -> Result<Option<Hold>, StoreError> {
    let folder = place::with_suffix(vault, ".holds");
    // By its hash: an id that was read from somewhere may be no file name.
    let name: String = seal::checksum(&[id.as_str().as_bytes()]).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    // J2: whoever had put a link there would have the locks made where it leads.
    place::no_link(&folder)?;
    let path = place::in_safe_folder(&folder.join(name), true)?;
    // Again if its holder deleted the file between our opening and locking it.
    for _ in 0..8 {
        let file = place::open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(place::cannot_lock(&path, error)),
        }
        let (ours, there) = (file.metadata().map_err(place::io(&path))?, place::look(&path)?);
        if there.is_some_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            return Ok(Some(Hold::new(Held { path, _file: file })));
        }
    }
    Ok(None)
}

impl Drop for Held {
    fn drop(&mut self) {
        // While it is still locked: nobody else can be holding the file of this name.
        drop(std::fs::remove_file(&self.path));
    }
}

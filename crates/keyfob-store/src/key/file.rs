//! Key files: our own, made at first use and swapped when the vault is sealed anew; and those that somebody else provides.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use keyfob::StoreError;
use zeroize::Zeroizing;

use super::text;
use crate::header::Header;
use crate::place::{self, Fresh, Turn};
use crate::seal::{Key, Sealer};

/// The key of the vault that is being made, whether the file was made for it, and which vault the file says it is of. One that is there already is
/// used.
pub(super) fn mint(path: &Path, vault: &[u8; 16]) -> Result<(Own, Option<PathBuf>), StoreError> {
    let path = place::in_safe_folder(path, true)?;
    if let Some(own) = read_own(&path)? {
        return Ok((own, None));
    }
    let made = make(&path, &Key::random()?, vault)?;
    // Somebody else's, if they were faster: then theirs is the one.
    let own = read_own(&path)?.ok_or_else(|| gone(&path))?;
    Ok((own, made.then_some(path)))
}

/// A key file of ours.
pub(super) struct Own {
    pub(super) key: Key,
    /// The vault that it was made for, where it says so.
    pub(super) vault: Option<[u8; 16]>,
}

/// An error if the key file was made for another vault: to put another in its place, or to take it away, would lose that vault.
pub(super) fn is_of(path: &Path, vault: &[u8; 16]) -> Result<(), StoreError> {
    let owner = read_own(path)?.and_then(|own| own.vault);
    owner.filter(|owner| owner != vault).map_or(Ok(()), |owner| Err(anothers(path, &owner)))
}

pub(super) fn anothers(path: &Path, owner: &[u8; 16]) -> StoreError {
    StoreError::Unsafe(format!(
        "its key file {} is the one of another vault, {}, which would be lost with it; name another key file for this one ({}), or move that one \
         away if its vault is gone",
        path.display(),
        text::shown(owner),
        super::KeySource::FILE_VARIABLE,
    ))
}

/// Takes a key file away that opens this vault no more. It still does where what the vault is sealed with now is that same key, by another name.
pub(crate) fn remove_useless(path: &Path, header: &Header) -> Result<(), StoreError> {
    if read_own(path)?.is_some_and(|own| header.unwrap(&own.key).is_ok()) {
        return Ok(());
    }
    match is_of(path, &header.vault_id()?) {
        // Two vaults shared it: it is still the other one's.
        Err(StoreError::Unsafe(_)) => Ok(()),
        is_ours => is_ours.and_then(|()| place::remove(path)),
    }
}

/// Opens a vault with our key file; and while a rekey is under way, or after one that was killed, with whichever of the two keys is the
/// header's. Changes nothing.
pub(super) fn open(path: &Path, header: &Header) -> Result<Sealer, StoreError> {
    let path = match place::in_safe_folder(path, false) {
        Err(StoreError::Missing(_)) => return Err(gone(path)),
        other => other?,
    };
    // The new one first: if it is not there, a rekey that wrote this header has put it in the place that is looked at next.
    let next = read_own(&next_of(&path));
    let opened = match read_own(&path)? {
        Some(own) => header.unwrap(&own.key).map_err(super::wrong(format!("its key file {} does not open it", path.display()))),
        None => Err(gone(&path)),
    };
    match opened {
        Err(error @ (StoreError::WrongKey(_) | StoreError::Locked(_))) => match next? {
            Some(next) => header.unwrap(&next.key).map_err(|_| error),
            None => Err(error),
        },
        opened => opened,
    }
}

/// The new key file of a rekey that was killed. While this is held, no other begins on this machine.
pub(crate) struct Leftover {
    path: PathBuf,
    turn: Turn,
}

impl Leftover {
    /// Nothing if there is none, or if it is a rekey's that is at work: then the two files are its own business.
    pub(super) fn of(path: &Path) -> Result<Option<Self>, StoreError> {
        // Nearly always there is none, and then it does not matter where the folder really is, nor who can write there: whoever reads the key looks at that.
        if place::look(&next_of(path))?.is_none() {
            return Ok(None);
        }
        let path = match place::in_safe_folder(path, false) {
            Err(StoreError::Missing(_)) => return Ok(None),
            other => other?,
        };
        Ok(Turn::try_take(&path)?.map(|turn| Self { path, turn }))
    }

    /// Puts it in order: it is known by which of the two keys opens the header. That must have been read since this was taken, at a moment
    /// when no rekey was under way that its client did not live to see the end of: a key that is taken away here is gone.
    pub(crate) fn settle(self, header: &Header) -> Result<(), StoreError> {
        put_in_order(&self.path, header)?;
        drop(self.turn);
        Ok(())
    }
}

/// If neither opens it, both stay, for a person to look at.
fn put_in_order(path: &Path, header: &Header) -> Result<(), StoreError> {
    let next = next_of(path);
    let opens = |path: &Path| Ok::<_, StoreError>(read_own(path)?.is_some_and(|own| header.unwrap(&own.key).is_ok()));
    if opens(path).unwrap_or(false) {
        place::remove(&next)
    } else if opens(&next)? {
        place::replace(&next, path)
    } else {
        Ok(())
    }
}

/// A new key beside the old one, on the disk before anything is sealed with it.
pub(crate) struct Swap {
    path: PathBuf,
    _turn: Turn,
}

impl Swap {
    /// Makes the new key file. Whoever opens the vault meanwhile finds the old one in its place. The header is the vault's as it is now.
    pub(crate) fn begin(path: &Path, header: &Header) -> Result<(Self, Key), StoreError> {
        let path = place::in_safe_folder(path, true)?;
        let turn = Turn::try_take(&path)?
            .ok_or_else(|| StoreError::Io("another process is sealing it anew".to_owned(), ErrorKind::ResourceBusy.into()))?;
        let vault = header.vault_id()?;
        is_of(&path, &vault)?;
        let (key, next) = (Key::random()?, next_of(&path));
        // Of a rekey that was killed: after its commit this is the vault's key. If it is not, it opens nothing.
        if place::look(&next)?.is_some() {
            put_in_order(&path, header)?;
            place::remove(&next)?;
        }
        if !make(&next, &key, &vault)? {
            return Err(StoreError::Io(format!("{} came to be in between", next.display()), ErrorKind::AlreadyExists.into()));
        }
        Ok((Self { path, _turn: turn }, key))
    }

    /// The vault is sealed with it: it takes the old one's place.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        place::replace(&next_of(&self.path), &self.path)
    }

    /// The vault is not sealed with it.
    pub(crate) fn abandon(self) {
        drop(std::fs::remove_file(next_of(&self.path)));
    }
}

/// Reads a file that a container or service manager provides.
pub(super) fn read_provided(path: &Path, warnings: &mut Vec<String>) -> Result<Key, StoreError> {
    let file = match place::open_provided(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(gone(path)),
        other => other.map_err(place::io(path))?,
    };
    let found = file.metadata().map_err(place::io(path))?;
    if !found.is_file() || !place::is_ours_or_roots(&found) || found.mode() & 0o022 != 0 {
        return Err(StoreError::Unsafe(format!("its key file {} is not a file that only you, or root, can write", path.display())));
    }
    if found.mode() & 0o007 != 0 {
        let warning = format!("others can read the vault's key file {}", path.display());
        // Read twice where the vault is made.
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    read(file, path).map(|own| own.key)
}

/// The key's new file, until the vault is sealed with it.
fn next_of(path: &Path) -> PathBuf {
    place::with_suffix(path, ".new")
}

fn gone(path: &Path) -> StoreError {
    StoreError::Locked(format!("its key file {} is not there", path.display()))
}

/// Makes a key file, durably; says no if one came to be in between.
fn make(path: &Path, key: &Key, vault: &[u8; 16]) -> Result<bool, StoreError> {
    let mut fresh = Fresh::beside(path)?;
    fresh.file().write_all(text::write(key, vault).as_bytes()).map_err(place::io(path))?;
    fresh.publish()
}

fn read_own(path: &Path) -> Result<Option<Own>, StoreError> {
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

fn read(file: File, path: &Path) -> Result<Own, StoreError> {
    const LONGEST: usize = 512;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    file.take(LONGEST as u64).read_to_end(&mut bytes).map_err(place::io(path))?;
    let whence = format!("its key file {}", path.display());
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    Ok(Own { key: text::parse(text, &whence)?, vault: text::vault_of(text) })
}

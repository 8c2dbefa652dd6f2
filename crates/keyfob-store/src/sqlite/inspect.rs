//! What can be said of a file without its key; and moving one out of the way.

use std::path::{Path, PathBuf};

use keyfob::StoreError;
use keyfob::proto::Secret;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::database::{self, sql};
use super::frozen::Frozen;
use crate::agent::Unlocked;
use crate::header::Header;
use crate::key::{KeySource, SealedWith};
use crate::place::{self, Lock};

/// What a vault says of itself without its key. It proves nothing: only opening does.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Which vault it is: 32 hexadecimal digits.
    pub id: String,
    /// What opens it.
    pub sealed_with: SealedWith,
    /// 1 when it was made, one more after every rekey.
    pub generation: u64,
    /// How many bytes it takes, with its log.
    pub bytes: u64,
}

pub(super) fn inspect(path: &Path) -> Result<Inspection, StoreError> {
    let path = place::in_safe_folder(path, false)?;
    let header = header(&path)?;
    let length = |path: &Path| Ok::<_, StoreError>(place::look(path)?.map_or(0, |found| found.len()));
    Ok(Inspection {
        id: header.vault.iter().map(|byte| format!("{byte:02x}")).collect(),
        sealed_with: header.sealed_with()?,
        generation: header.generation()?,
        bytes: length(&path)? + length(&place::with_suffix(&path, "-wal"))?,
    })
}

pub(super) fn unlock(path: &Path, passphrase: &Secret) -> Result<Unlocked, StoreError> {
    let header = header(&place::in_safe_folder(path, false)?)?;
    match KeySource::Passphrase(passphrase.clone()).derived(&header)? {
        Some(key) => Ok(Unlocked { id: header.key_id()?, key }),
        None => Err(StoreError::WrongKey("a key opens it, not a passphrase".to_owned())),
    }
}

/// Vault, log and key get another name together, so that they still belong to each other; or none of them does.
///
/// A kill between two of the moves must lose nothing in silence, so the log goes last. With the log gone first, the vault would open without its last
/// writes, and be written to, and then the log would fit nothing any more; a log alone opens nothing, and what is said of it tells where it belongs. The key
/// goes first: a vault without its key is locked, and says so, while a key without its vault would be taken for the next vault's, and go with the next rekey.
pub(super) fn set_aside(path: &Path, suffix: &str) -> Result<PathBuf, StoreError> {
    let path = place::in_safe_folder(path, false)?;
    database::must_exist(&path)?;
    let _lock = Lock::take(&path)?;
    let aside = place::with_suffix(&path, suffix);
    let keys = (KeySource::file_beside(&path), KeySource::file_beside(&aside));
    let with_log = ["", "-journal", "-wal", "-shm"].map(|end| (place::with_suffix(&path, end), place::with_suffix(&aside, end)));
    let mut moved = Vec::new();
    for (from, to) in std::iter::once(keys).chain(with_log) {
        match place::look(&from).map(|found| found.is_some().then(|| place::rename_aside(&from, &to))) {
            Ok(None) => {}
            Ok(Some(Ok(()))) => moved.push((from, to)),
            Ok(Some(Err(error))) | Err(error) => {
                // Back, the last first, as far as that can be done.
                for (from, to) in moved.into_iter().rev() {
                    drop(place::rename_aside(&to, &from));
                }
                return Err(error);
            }
        }
    }
    Ok(aside)
}

fn header(path: &Path) -> Result<Header, StoreError> {
    if place::look(path)?.is_none() {
        return Err(StoreError::Missing(path.display().to_string()));
    }
    match Frozen::of(path)? {
        Some(frozen) => frozen_header(&frozen),
        None => {
            let header = database::connect(path).and_then(|connection| header_by(&connection));
            header.or_else(|error| frozen_header(&Frozen::in_spite_of(error, path)?))
        }
    }
}

fn frozen_header(frozen: &Frozen) -> Result<Header, StoreError> {
    let header = header_by(&frozen.connect()?);
    // What looks damaged may be a file that somebody writes to.
    frozen.is_still_so()?;
    header
}

fn header_by(connection: &Connection) -> Result<Header, StoreError> {
    // Not a byte is changed, not even at closing.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sql)?;
    database::version(connection)?;
    let header = database::read_header(connection)?;
    header.check()?;
    Ok(header)
}

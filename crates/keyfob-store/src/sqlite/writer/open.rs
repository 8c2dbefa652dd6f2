//! The vault's file while it is written to: its connection, and whether it is still the file that lies there.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, PoisonError};

use keyfob::StoreError;
use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::transaction::Transaction;
use super::{Answer, Shared};
use crate::place;
use crate::sqlite::changes::Seen;
use crate::sqlite::checkpoint::Checkpoints;
use crate::sqlite::database::{self, sql};

/// The file, open for writing.
pub(in crate::sqlite) struct Open {
    pub(super) connection: Connection,
    path: PathBuf,
    /// Device and inode of the file that was opened.
    file: Option<(u64, u64)>,
    /// How many pages the log had after the last commit.
    log: Arc<AtomicI32>,
    pub(super) checkpoints: Checkpoints,
    seen: Seen,
}

impl Open {
    pub(super) fn new(path: &Path, seen: &Seen) -> Result<Self, StoreError> {
        let mut connection = database::connect(path)?;
        let file = identity(path)?;
        let log = Arc::new(AtomicI32::new(0));
        let pages = Arc::clone(&log);
        // In place of SQLite's own hook, which would check-point after every thousand pages and keep a writer waiting.
        connection
            .wal_hook(Some(move |_: &mut Wal, has: i32| {
                pages.store(has, Ordering::Relaxed);
                Ok(())
            }))
            .map_err(sql)?;
        Ok(Self { connection, path: path.to_owned(), file, log, checkpoints: Checkpoints::new(path.to_owned()), seen: Arc::clone(seen) })
    }

    /// Does the jobs, commits, and answers.
    pub(super) fn finish(&self, transaction: Transaction<'_>, batch: Vec<Shared>) {
        let answers: Vec<Answer> = batch.into_iter().map(|job| job(Ok(&transaction))).collect();
        // Within the transaction, where nobody else can commit and no lock has to be taken for it; our own commit is no news.
        let version = self.version_of_others();
        // What goes into a file that has no name any more is gone with this process: nobody may be told that it is kept.
        let committed = transaction.commit().and_then(|()| self.is_still_there());
        if let Ok(version) = version {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
        }
        for answer in answers {
            answer(committed.as_ref().copied().map_err(StoreError::again));
        }
        self.checkpoints.log_has(self.log.load(Ordering::Relaxed));
    }

    pub(in crate::sqlite) fn version_of_others(&self) -> Result<i64, StoreError> {
        let read = self.connection.prepare_cached("PRAGMA data_version");
        read.and_then(|mut read| read.query_row((), |row| row.get(0))).map_err(sql)
    }

    /// An error if somebody has deleted the file, or put another in its place (a backup, say) since it was opened.
    pub(super) fn is_still_there(&self) -> Result<(), StoreError> {
        if self.file.is_some() && identity(&self.path)? == self.file {
            return Ok(());
        }
        let what = "it was deleted or replaced while it was open; start this program again";
        Err(StoreError::Io(self.path.display().to_string(), io::Error::new(io::ErrorKind::NotFound, what)))
    }
}

/// Device and inode of the vault's file, if there is one.
fn identity(path: &Path) -> Result<Option<(u64, u64)>, StoreError> {
    Ok(place::look(path)?.map(|found| (found.dev(), found.ino())))
}

//! The vault's file while it is written to: its connection, and whether it is still the file that lies there.

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, PoisonError};

use keyfob::StoreError;
use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::transaction::Transaction;
use super::{Answer, Shared};
use crate::seal::Sealer;
use crate::sqlite::changes::Seen;
use crate::sqlite::checkpoint::Checkpoints;
use crate::sqlite::database::{self, sql};
use crate::sqlite::lying::Lying;
use crate::sqlite::sealing::Sealing;

/// The file, open for writing.
pub(in crate::sqlite) struct Open {
    pub(super) connection: Connection,
    file: Lying,
    /// How many pages the log had after the last commit.
    log: Arc<AtomicI32>,
    pub(super) checkpoints: Checkpoints,
    seen: Seen,
    /// What the vault was sealed with, and what others had written by then.
    sealed_with: RefCell<Option<(i64, Arc<Sealer>)>>,
}

impl Open {
    pub(super) fn new(path: &Path, seen: &Seen) -> Result<Self, StoreError> {
        let mut connection = database::connect(path)?;
        let file = Lying::at(path)?;
        let log = Arc::new(AtomicI32::new(0));
        let pages = Arc::clone(&log);
        // In place of SQLite's own hook, which would check-point after every thousand pages and keep a writer waiting.
        connection
            .wal_hook(Some(move |_: &mut Wal, has: i32| {
                pages.store(has, Ordering::Relaxed);
                Ok(())
            }))
            .map_err(sql)?;
        let checkpoints = Checkpoints::new(path.to_owned());
        Ok(Self { connection, file, log, checkpoints, seen: Arc::clone(seen), sealed_with: RefCell::default() })
    }

    /// Does the jobs, commits, and answers.
    pub(super) fn finish(&self, transaction: Transaction<'_>, batch: Vec<Shared>) {
        let answers: Vec<Answer> = batch.into_iter().map(|job| job(Ok(&transaction))).collect();
        let version = transaction.version_of_others;
        // What goes into a file that has no name any more is gone with this process: nobody may be told that it is kept.
        let committed = transaction.commit().and_then(|()| self.is_still_there());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
        for answer in answers {
            answer(committed.as_ref().copied().map_err(StoreError::again));
        }
        self.checkpoints.log_has(self.log.load(Ordering::Relaxed));
    }

    /// The sealer, within a transaction. While nobody else has written anything, what the vault is sealed with is what it was.
    pub(super) fn sealer_at(&self, version: i64, sealing: &Sealing) -> Result<Arc<Sealer>, StoreError> {
        let mut known = self.sealed_with.borrow_mut();
        if let Some((_, sealer)) = known.as_ref().filter(|(then, _)| *then == version) {
            return Ok(Arc::clone(sealer));
        }
        let sealer = sealing.keep_up(&self.connection)?;
        *known = Some((version, Arc::clone(&sealer)));
        Ok(sealer)
    }

    /// For work that has transactions of its own, and may seal it anew itself.
    pub(super) fn lend(&mut self) -> Result<&mut Connection, StoreError> {
        self.is_still_there()?;
        self.sealed_with.take();
        Ok(&mut self.connection)
    }

    pub(in crate::sqlite) fn version_of_others(&self) -> Result<i64, StoreError> {
        // In a file that has no name any more nobody writes.
        self.file.was_there_lately()?;
        let read = self.connection.prepare_cached("PRAGMA data_version");
        read.and_then(|mut read| read.query_row((), |row| row.get(0))).map_err(sql)
    }

    fn is_still_there(&self) -> Result<(), StoreError> {
        self.file.is_still_there()
    }
}

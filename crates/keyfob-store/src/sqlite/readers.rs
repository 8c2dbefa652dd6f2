//! Readers: connections that wait for nobody. In a write-ahead log readers see the last commit, whoever writes meanwhile.
//!
//! What is short is read on the caller's thread: handing it to another would take several times as long as reading it. What is long (a list of
//! everything) has a thread of its own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use keyfob::StoreError;
use keyfob::store::Stored;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::oneshot;

use super::database;
use super::frozen::Frozen;
use super::lying::Lying;
use super::sealing::Sealing;
use super::worker::{Worker, ended};
use crate::place;
use crate::seal::Sealer;

/// How many connections are kept open while nobody reads: each holds a page cache.
const MOST_IDLE: usize = 8;

/// Reads the records of one vault.
pub(super) struct Readers {
    pool: Arc<Pool>,
    long: Worker<Long>,
}

type Long = Box<dyn FnOnce(&Pool) + Send>;

pub(super) struct Pool {
    path: PathBuf,
    pub(super) sealing: Arc<Sealing>,
    /// Where it cannot be written, and so need not be locked.
    frozen: Option<Arc<Frozen>>,
    file: Lying,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// `first` is the connection that the vault was opened with.
    pub(super) fn new(path: PathBuf, sealing: Arc<Sealing>, first: Connection, frozen: Option<Arc<Frozen>>) -> Result<Self, StoreError> {
        let file = Lying::at(&path)?;
        let pool = Arc::new(Pool { path, sealing, frozen, file, idle: Mutex::new(vec![first]) });
        Ok(Self { pool, long: Worker::new("keyfob-vault-reader") })
    }

    /// Reads something short, here and now. `nothing` says whether nothing was found.
    pub(super) fn now<R>(
        &self,
        nothing: fn(&R) -> bool,
        read: impl Fn(&Connection, &Sealer) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.pool.read(nothing, read)
    }

    /// Reads something that takes its time, elsewhere.
    pub(super) fn elsewhere<'a, R: Send + 'static>(
        &'a self,
        nothing: fn(&R) -> bool,
        read: impl Fn(&Connection, &Sealer) -> Result<R, StoreError> + Send + 'static,
    ) -> Stored<'a, R> {
        self.long(move |pool| pool.read(nothing, read))
    }

    /// Lets somebody read who sees to the sealing himself.
    pub(super) fn alone<'a, R: Send + 'static>(
        &'a self,
        read: impl FnOnce(&mut Connection, &Pool) -> Result<R, StoreError> + Send + 'static,
    ) -> Stored<'a, R> {
        self.long(move |pool| {
            let found = read(&mut pool.connect()?, pool);
            pool.counts().and(found)
        })
    }

    fn long<'a, R: Send + 'static>(&'a self, work: impl FnOnce(&Pool) -> Result<R, StoreError> + Send + 'static) -> Stored<'a, R> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let job: Long = Box::new(move |pool| drop(answer.send(work(pool))));
            self.long.give(job, || {
                let pool = Arc::clone(&self.pool);
                move |jobs: mpsc::Receiver<Long>| jobs.into_iter().for_each(|job| job(&pool))
            })?;
            answered.await.map_err(|_| ended())?
        })
    }
}

impl Drop for Pool {
    /// With nothing in the log there is nothing to move into the file at closing. What lies beside it, an empty log and its shared memory, stays for the next
    /// process: to take both away, and to make them anew, takes longer than reading an account.
    fn drop(&mut self) {
        let log = place::look(&place::with_suffix(&self.path, "-wal"));
        if log.is_ok_and(|log| log.is_none_or(|log| log.len() == 0)) {
            for connection in self.idle().iter() {
                // Where it cannot be said, SQLite takes them away: nothing is lost.
                drop(connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
            }
        }
    }
}

impl Pool {
    fn read<R>(&self, nothing: fn(&R) -> bool, read: impl Fn(&Connection, &Sealer) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let result = self.read_with(&connection, nothing, read);
        self.counts()?;
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
        result
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        // Another file's records, beside those of the connections that are kept, would be a mixture of both.
        if self.frozen.is_none() {
            self.file.is_still_there()?;
        }
        self.frozen.as_ref().map_or_else(|| database::connect(&self.path), |frozen| frozen.connect())
    }

    /// Whether what was read may be believed.
    pub(super) fn counts(&self) -> Result<(), StoreError> {
        self.frozen.as_ref().map_or_else(|| self.file.was_there_lately(), |frozen| frozen.is_still_so())
    }

    /// What is not found, or does not open, may have been sealed anew in another process: then once more, with the new key.
    fn read_with<R>(
        &self,
        connection: &Connection,
        nothing: fn(&R) -> bool,
        read: impl Fn(&Connection, &Sealer) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let sealer = self.sealing.sealer();
        let found = read(connection, &sealer);
        let doubtful = match &found {
            Ok(found) => nothing(found),
            Err(error) => matches!(error, StoreError::Corrupt(_)),
        };
        if !doubtful {
            return found;
        }
        let now = self.sealing.keep_up(connection)?;
        if Arc::ptr_eq(&now, &sealer) { found } else { read(connection, &now) }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The writer: one thread, one connection. What waits shares one transaction and one wait for the disk.
//!
//! Each job has a savepoint, so that one that fails leaves nothing behind and takes no other with it. Nobody is answered before the commit: what
//! was acknowledged is on disk, and what a job was refused for may itself never have come to be.

use std::cell::RefCell;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, mpsc};

use keyfob::StoreError;
use keyfob::store::Stored;
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::sync::oneshot;

use super::checkpoint::Checkpoints;
use super::database::{self, sql};
use super::sealing::Sealing;
use super::worker::{Worker, ended};
use crate::place;
use crate::seal::Sealer;

/// How many jobs share a transaction at most. More would save little, and let the first wait for long.
const MOST_AT_ONCE: usize = 256;

/// Writes the records of one vault. Dropping it waits until everything that was given is written.
pub(super) struct Writer {
    path: PathBuf,
    sealing: Arc<Sealing>,
    worker: Worker<Job>,
}

/// A transaction that is under way.
pub(super) struct Write<'a> {
    pub(super) connection: &'a Connection,
    pub(super) sealer: Arc<Sealer>,
}

enum Job {
    Shared(Shared),
    Alone(Alone),
}

/// With a transaction, or with the reason why there is none.
type Shared = Box<dyn FnOnce(Result<&Transaction<'_>, StoreError>) -> Answer + Send>;
/// With the connection, or with the reason why there is none.
type Alone = Box<dyn FnOnce(Result<(&mut Connection, &Sealing), StoreError>) + Send>;
/// To be told what became of the commit.
type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

impl Writer {
    pub(super) fn new(path: PathBuf, sealing: Arc<Sealing>) -> Self {
        Self { path, sealing, worker: Worker::new("keyfob-vault-writer") }
    }

    /// Once polled, the work is done even if nobody waits for it any more.
    pub(super) fn run<'a, R: Send + 'static>(
        &'a self,
        work: impl FnOnce(&Write<'_>) -> Result<R, StoreError> + Send + 'static,
    ) -> Stored<'a, R> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.give(Job::Shared(Box::new(move |transaction| {
                let result = transaction.and_then(|transaction| transaction.attempt(work));
                Box::new(move |committed| drop(answer.send(committed.and(result))))
            })))?;
            answered.await.map_err(|_| ended())?
        })
    }

    /// The same for work that has transactions of its own.
    pub(super) fn alone<'a, R: Send + 'static>(
        &'a self,
        work: impl FnOnce(&mut Connection, &Sealing) -> Result<R, StoreError> + Send + 'static,
    ) -> Stored<'a, R> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.give(Job::Alone(Box::new(move |open| {
                drop(answer.send(open.and_then(|(connection, sealing)| work(connection, sealing))));
            })))?;
            answered.await.map_err(|_| ended())?
        })
    }

    fn give(&self, job: Job) -> Result<(), StoreError> {
        self.worker.give(job, || {
            let (path, sealing) = (self.path.clone(), Arc::clone(&self.sealing));
            move |jobs| Thread { path, sealing, open: None }.work(&jobs)
        })
    }
}

/// What lives on the thread.
struct Thread {
    path: PathBuf,
    sealing: Arc<Sealing>,
    open: Option<Open>,
}

struct Open {
    connection: Connection,
    path: PathBuf,
    /// Device and inode of the file that was opened.
    file: Option<(u64, u64)>,
    /// How many pages the log had after the last commit.
    log: Arc<AtomicI32>,
    checkpoints: Checkpoints,
}

impl Thread {
    fn work(mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut batch = Vec::new();
            let mut last = None;
            for job in std::iter::once(first).chain(jobs.try_iter()) {
                match job {
                    Job::Shared(job) => batch.push(job),
                    Job::Alone(job) => last = Some(job),
                }
                if last.is_some() || batch.len() == MOST_AT_ONCE {
                    break;
                }
            }
            if !batch.is_empty() {
                self.transact(batch);
            }
            if let Some(job) = last {
                let sealing = Arc::clone(&self.sealing);
                let open = self.open().and_then(|open| open.is_still_there().map(|()| open));
                job(open.map(|open| (&mut open.connection, &*sealing)));
            }
        }
    }

    fn transact(&mut self, batch: Vec<Shared>) {
        let sealing = Arc::clone(&self.sealing);
        let begun = self.open().and_then(|open| {
            open.checkpoints.last_bit(&open.connection);
            Ok((&*open, Transaction::begin(&open.connection, &sealing, batch.len() == 1)?))
        });
        match begun {
            Err(error) => batch.into_iter().for_each(|job| job(Err(error.again()))(Ok(()))),
            Ok((open, transaction)) => {
                let answers: Vec<Answer> = batch.into_iter().map(|job| job(Ok(&transaction))).collect();
                // What goes into a file that has no name any more is gone with this process: nobody may be told that it is kept.
                let committed = transaction.commit().and_then(|()| open.is_still_there());
                for answer in answers {
                    answer(committed.as_ref().copied().map_err(StoreError::again));
                }
                open.checkpoints.log_has(open.log.load(Ordering::Relaxed));
            }
        }
    }

    fn open(&mut self) -> Result<&mut Open, StoreError> {
        match &mut self.open {
            Some(open) => Ok(open),
            none => Ok(none.insert(Open::new(&self.path)?)),
        }
    }
}

impl Open {
    fn new(path: &Path) -> Result<Self, StoreError> {
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
        Ok(Self { connection, path: path.to_owned(), file, log, checkpoints: Checkpoints::new(path.to_owned()) })
    }

    /// An error if somebody has deleted the file, or put another in its place (a backup, say) since it was opened.
    fn is_still_there(&self) -> Result<(), StoreError> {
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

/// A transaction, and whether it still stands.
struct Transaction<'a> {
    write: Write<'a>,
    /// The only job needs no savepoint: the transaction is its own.
    alone: bool,
    /// Why nothing in it can be committed.
    lost: RefCell<Option<StoreError>>,
}

impl<'a> Transaction<'a> {
    /// `BEGIN IMMEDIATE`: waits for its turn at the start, so that what was read cannot be changed by another before the write. From then on
    /// nobody else can seal the vault anew.
    fn begin(connection: &'a Connection, sealing: &Sealing, alone: bool) -> Result<Self, StoreError> {
        run(connection, "BEGIN IMMEDIATE")?;
        let sealer = sealing.keep_up(connection).inspect_err(|_| drop(run(connection, "ROLLBACK")))?;
        Ok(Self { write: Write { connection, sealer }, alone, lost: RefCell::default() })
    }

    fn attempt<R>(&self, work: impl FnOnce(&Write<'_>) -> Result<R, StoreError>) -> Result<R, StoreError> {
        if let Some(lost) = &*self.lost.borrow() {
            return Err(lost.again());
        }
        let connection = self.write.connection;
        if !self.alone {
            run(connection, "SAVEPOINT job")?;
        }
        let result = work(&self.write);
        let ended = match &result {
            // A full or failing disk makes SQLite take back everything.
            Err(error) if connection.is_autocommit() => Err(error.again()),
            Ok(_) if self.alone => Ok(()),
            Err(_) if self.alone => run(connection, "ROLLBACK"),
            Ok(_) => run(connection, "RELEASE job"),
            Err(_) => run(connection, "ROLLBACK TO job").and_then(|()| run(connection, "RELEASE job")),
        };
        if let Err(error) = ended {
            *self.lost.borrow_mut() = Some(error);
        }
        result
    }

    fn commit(self) -> Result<(), StoreError> {
        match self.lost.take() {
            Some(error) => Err(error),
            None if self.write.connection.is_autocommit() => Ok(()),
            None => run(self.write.connection, "COMMIT"),
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.write.connection.is_autocommit() {
            drop(run(self.write.connection, "ROLLBACK"));
        }
    }
}

fn run(connection: &Connection, statement: &str) -> Result<(), StoreError> {
    connection.prepare_cached(statement).and_then(|mut statement| statement.execute(())).map(drop).map_err(sql)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::task::{Context, Waker};

    use keyfob::Store;
    use keyfob::proto::App;

    use super::*;
    use crate::{KeySource, Vault};

    /// Jobs that wait while another is at work are one transaction: each has its own outcome, and what failed leaves nothing.
    #[test]
    fn of_jobs_that_share_a_commit_one_that_fails_takes_back_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("it is there").join("keyfob").join("vault.db");
        let vault = Vault::open(&path, KeySource::beside(&path)).expect("opens");
        let (go, wait) = channel::<()>();
        let mut first = vault.writer.alone(move |_, _| {
            wait.recv().expect("told to go on");
            Ok(())
        });
        let app = |name: &'static str, fails: bool| {
            vault.writer.run(move |write| {
                write.put_app(name, &App::public(name))?;
                if fails { Err(StoreError::Conflict) } else { Ok(()) }
            })
        };
        let before = commits(&path);
        let mut jobs = [app("one", false), app("two", true), app("three", false)];
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        for job in &mut jobs {
            assert!(job.as_mut().poll(&mut context).is_pending());
        }
        go.send(()).expect("it waits");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let answers: Vec<_> = jobs.into_iter().map(|job| runtime.block_on(job)).collect();
        assert!(matches!(answers.as_slice(), [Ok(_), Err(StoreError::Conflict), Ok(_)]), "{answers:?}");
        let names: Vec<_> = runtime.block_on(vault.apps()).expect("lists").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["one", "three"]);
        assert_eq!(commits(&path), before + 1, "they shared one");
        drop(first);
    }

    /// How many commits are in the log: of the 24 bytes before each page, the second four say how long the file is after it, if it is the
    /// last of a commit.
    fn commits(vault: &Path) -> usize {
        let log = std::fs::read(place::with_suffix(vault, "-wal")).unwrap_or_default();
        log.get(32..).unwrap_or_default().chunks(24 + 4096).filter(|frame| frame[4..8] != [0; 4]).count()
    }
}

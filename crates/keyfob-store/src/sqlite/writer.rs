//! The writer: one connection, and a thread. What waits shares one transaction and one wait for the disk.
//!
//! A program that has nothing else to do than to wait for its one write makes it itself: waking the thread, and being woken by it, would take
//! as long again as SQLite's part does. Whoever shares a runtime's threads with others never waits for the disk on one of them.
//!
//! Each job has a savepoint, so that one that fails leaves nothing behind and takes no other with it; except those that fail before their first
//! change or not at all, since under a savepoint SQLite keeps a copy of every page that is changed. Nobody is answered before the commit: what
//! was acknowledged is on disk, and what a job was refused for may itself never have come to be.

use std::cell::RefCell;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use keyfob::StoreError;
use keyfob::store::Stored;
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task;

use super::changes::{Others, Seen};
use super::checkpoint::Checkpoints;
use super::database::{self, sql};
use super::frozen::Frozen;
use super::sealing::Sealing;
use super::worker::{Worker, ended};
use crate::place;
use crate::seal::Sealer;

/// How many jobs share a transaction at most. More would save little, and let the first wait for long.
const MOST_AT_ONCE: usize = 256;

/// Writes the records of one vault. Dropping it waits until everything that was given is written.
pub(super) struct Writer {
    /// Where nothing can be written.
    frozen: Option<Arc<Frozen>>,
    /// Before what it works on, so that its thread ends first.
    worker: Worker<Job>,
    desk: Arc<Mutex<Desk>>,
    /// How many want to write.
    waiting: AtomicUsize,
    seen: Seen,
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

/// What a job that fails takes with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// What it changed itself.
    Back,
    /// The whole transaction, if it had changed something.
    All,
}

/// With a transaction, or with the reason why there is none.
type Shared = Box<dyn FnOnce(Result<&Transaction<'_>, StoreError>) -> Answer + Send>;
/// With the connection, or with the reason why there is none.
type Alone = Box<dyn FnOnce(Result<(&mut Connection, &Sealing), StoreError>) + Send>;
/// To be told what became of the commit.
type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

impl Writer {
    pub(super) fn new(path: PathBuf, sealing: Arc<Sealing>, frozen: Option<Arc<Frozen>>) -> Self {
        let seen = Seen::default();
        let desk = Arc::new(Mutex::new(Desk { path, sealing, seen: Arc::clone(&seen), open: None }));
        Self { frozen, worker: Worker::new("keyfob-vault-writer"), desk, waiting: AtomicUsize::new(0), seen }
    }

    /// Once polled, the work is done even if nobody waits for it any more.
    pub(super) fn run<'a, R: Send + 'static>(
        &'a self,
        work: impl FnOnce(&Write<'_>) -> Result<R, StoreError> + Send + 'static,
    ) -> Stored<'a, R> {
        self.attempt(Takes::Back, work, |_| {})
    }

    /// The same for work that fails before its first change, or because of the disk.
    pub(super) fn run_careful<'a, R: Send + 'static>(
        &'a self,
        work: impl FnOnce(&Write<'_>) -> Result<R, StoreError> + Send + 'static,
    ) -> Stored<'a, R> {
        self.attempt(Takes::All, work, |_| {})
    }

    /// The same as [`run_careful`](Self::run_careful). What came of it is told when it is committed, before the caller hears of it, and also
    /// if that is gone.
    pub(super) fn run_and_tell<'a, R: Send + 'static>(
        &'a self,
        work: impl FnOnce(&Write<'_>) -> Result<R, StoreError> + Send + 'static,
        tell: impl FnOnce(&R) + Send + 'static,
    ) -> Stored<'a, R> {
        self.attempt(Takes::All, work, tell)
    }

    /// A way to see whether somebody else has written.
    pub(super) fn others(&self) -> Others {
        Others::new(Arc::downgrade(&self.desk), Arc::clone(&self.seen))
    }

    fn attempt<'a, R: Send + 'static>(
        &'a self,
        takes: Takes,
        work: impl FnOnce(&Write<'_>) -> Result<R, StoreError> + Send + 'static,
        tell: impl FnOnce(&R) + Send + 'static,
    ) -> Stored<'a, R> {
        Box::pin(async move {
            self.writable()?;
            let (answer, answered) = oneshot::channel();
            let job: Shared = Box::new(move |transaction| {
                let result = transaction.and_then(|transaction| transaction.attempt(takes, work));
                Box::new(move |committed| {
                    let done = committed.and(result);
                    if let Ok(done) = &done {
                        tell(done);
                    }
                    drop(answer.send(done));
                })
            });
            let mut turn = Turn::of(self, job);
            if is_nobodys_thread_but_ours() {
                // Others who are about to write say so now: together they wait for the disk once.
                task::yield_now().await;
                turn.take();
            }
            turn.give()?;
            answered.await.map_err(|_| ended())?
        })
    }

    /// The same for work that has transactions of its own.
    pub(super) fn alone<'a, R: Send + 'static>(
        &'a self,
        work: impl FnOnce(&mut Connection, &Sealing) -> Result<R, StoreError> + Send + 'static,
    ) -> Stored<'a, R> {
        Box::pin(async move {
            self.writable()?;
            let (answer, answered) = oneshot::channel();
            self.give(Job::Alone(Box::new(move |open| {
                drop(answer.send(open.and_then(|(connection, sealing)| work(connection, sealing))));
            })))?;
            answered.await.map_err(|_| ended())?
        })
    }

    fn writable(&self) -> Result<(), StoreError> {
        self.frozen.as_ref().map_or(Ok(()), |frozen| Err(frozen.refusal()))
    }

    fn give(&self, job: Job) -> Result<(), StoreError> {
        self.worker.give(job, || {
            let desk = Arc::clone(&self.desk);
            move |jobs| work(&desk, &jobs)
        })
    }
}

/// Whether the caller is what a runtime was started for (`block_on`): waiting here for the disk keeps no task from its turn that could have it
/// on another thread. A task shares its thread, and a stranger's runtime is a stranger.
fn is_nobodys_thread_but_ours() -> bool {
    Handle::try_current().is_ok() && task::try_id().is_none()
}

/// Somebody who wants to write. Dropped before the job was done or given, it gives it.
struct Turn<'a> {
    writer: &'a Writer,
    job: Option<Shared>,
}

impl<'a> Turn<'a> {
    fn of(writer: &'a Writer, job: Shared) -> Self {
        writer.waiting.fetch_add(1, Ordering::Relaxed);
        Self { writer, job: Some(job) }
    }

    /// Does the job here and now, if nobody else wants to write, in this process or another.
    fn take(&mut self) {
        if self.writer.waiting.load(Ordering::Relaxed) > 1 {
            return;
        }
        if let Ok(mut desk) = self.writer.desk.try_lock()
            && let Some(job) = self.job.take()
        {
            self.job = desk.transact_now(job);
        }
    }

    /// Gives it to the thread, unless it is done.
    fn give(&mut self) -> Result<(), StoreError> {
        self.job.take().map_or(Ok(()), |job| self.writer.give(Job::Shared(job)))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Without a thread there is nobody to tell, and nobody waits.
        drop(self.give());
        self.writer.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where it is written: one at a time sits here, the thread or a caller.
pub(super) struct Desk {
    path: PathBuf,
    sealing: Arc<Sealing>,
    seen: Seen,
    open: Option<Open>,
}

pub(super) struct Open {
    connection: Connection,
    path: PathBuf,
    /// Device and inode of the file that was opened.
    file: Option<(u64, u64)>,
    /// How many pages the log had after the last commit.
    log: Arc<AtomicI32>,
    checkpoints: Checkpoints,
    seen: Seen,
}

/// What the thread does.
fn work(desk: &Mutex<Desk>, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
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
            desk.transact(batch);
        }
        if let Some(job) = last {
            let sealing = Arc::clone(&desk.sealing);
            let open = desk.open().and_then(|open| open.is_still_there().map(|()| open));
            job(open.map(|open| (&mut open.connection, &*sealing)));
        }
    }
}

impl Desk {
    fn transact(&mut self, batch: Vec<Shared>) {
        let sealing = Arc::clone(&self.sealing);
        let begun = self.open().and_then(|open| {
            open.checkpoints.last_bit(&open.connection);
            Ok((&*open, Transaction::begin(&open.connection, &sealing, batch.len() == 1)?))
        });
        match begun {
            Err(error) => batch.into_iter().for_each(|job| job(Err(error.again()))(Ok(()))),
            Ok((open, transaction)) => open.finish(transaction, batch),
        }
    }

    /// Gives the job back if it would have to wait for somebody else first, or cannot begin.
    fn transact_now(&mut self, job: Shared) -> Option<Shared> {
        let sealing = Arc::clone(&self.sealing);
        let begun = self.open().ok().filter(|open| !open.checkpoints.is_last_bit_due()).and_then(|open| {
            let transaction = database::without_waiting(|| Transaction::begin(&open.connection, &sealing, true));
            transaction.ok().map(|transaction| (&*open, transaction))
        });
        let Some((open, transaction)) = begun else { return Some(job) };
        open.finish(transaction, vec![job]);
        None
    }

    pub(super) fn open(&mut self) -> Result<&mut Open, StoreError> {
        match &mut self.open {
            Some(open) => Ok(open),
            none => Ok(none.insert(Open::new(&self.path, &self.seen)?)),
        }
    }
}

impl Open {
    fn new(path: &Path, seen: &Seen) -> Result<Self, StoreError> {
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
    fn finish(&self, transaction: Transaction<'_>, batch: Vec<Shared>) {
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

    pub(super) fn version_of_others(&self) -> Result<i64, StoreError> {
        let read = self.connection.prepare_cached("PRAGMA data_version");
        read.and_then(|mut read| read.query_row((), |row| row.get(0))).map_err(sql)
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

    fn attempt<R>(&self, takes: Takes, work: impl FnOnce(&Write<'_>) -> Result<R, StoreError>) -> Result<R, StoreError> {
        if let Some(lost) = &*self.lost.borrow() {
            return Err(lost.again());
        }
        let connection = self.write.connection;
        // The only job needs no savepoint either: the transaction is its own.
        let saved = takes == Takes::Back && !self.alone;
        if saved {
            run(connection, "SAVEPOINT job")?;
        }
        let before = connection.total_changes();
        let result = work(&self.write);
        let ended = match &result {
            // A full or failing disk makes SQLite take back everything.
            Err(error) if connection.is_autocommit() => Err(error.again()),
            Ok(_) if saved => run(connection, "RELEASE job"),
            Err(_) if saved => run(connection, "ROLLBACK TO job").and_then(|()| run(connection, "RELEASE job")),
            Ok(_) => Ok(()),
            Err(_) if self.alone => run(connection, "ROLLBACK"),
            Err(_) if connection.total_changes() == before => Ok(()),
            // Half of it is there: nothing may be committed.
            Err(error) => Err(error.again()),
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

    /// What this process writes is told when it is done; to be told once more of each line of the book would be to forget all the time.
    #[test]
    fn only_what_others_wrote_is_news() {
        let folder = tempfile::tempdir().expect("a folder");
        let (here, there) = (vault(&folder), vault(&folder));
        let others = here.writer.others();
        let look = || others.look().expect("nobody is at it").expect("looks");
        let put = |vault: &Vault, name: &str| runtime().block_on(vault.put_app(name, &App::public("example"))).expect("puts");
        let mut known = look();
        for round in 0..3 {
            put(&here, "one");
            put(&here, "two");
            assert_eq!(look(), known, "round {round}");
            put(&there, "three");
            assert_ne!(look(), known, "round {round}");
            known = look();
            // Also where the first that sees it is the next write.
            put(&there, "four");
            put(&here, "five");
            assert_ne!(look(), known, "round {round}");
            known = look();
        }
        // While somebody is writing, what the last one saw that ended since the last look; if none has, nobody knows.
        put(&here, "six");
        let desk = here.writer.desk.lock().expect("unharmed");
        assert_eq!(others.look().expect("one has ended").expect("looks"), known);
        assert!(others.look().is_none());
        drop(desk);
        assert_eq!(look(), known);
    }

    fn vault(folder: &tempfile::TempDir) -> Vault {
        let path = folder.path().canonicalize().expect("it is there").join("keyfob").join("vault.db");
        Vault::open(&path, KeySource::beside(&path)).expect("opens")
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
    }

    /// What has no savepoint must leave no half of it behind, whoever shares its commit; before its first change it harms nobody.
    #[test]
    fn what_fails_half_way_without_a_savepoint_takes_everything_back() {
        for (changes, kept) in [(false, 2), (true, 0)] {
            let folder = tempfile::tempdir().expect("a folder");
            let vault = vault(&folder);
            let (go, wait) = channel::<()>();
            let mut first = vault.writer.alone(move |_, _| {
                wait.recv().expect("told to go on");
                Ok(())
            });
            let app = |name: &'static str| vault.writer.run(move |write| write.put_app(name, &App::public(name)));
            let fails = vault.writer.run_careful(move |write| {
                if changes {
                    write.put_app("half", &App::public("half"))?;
                }
                Err::<(), _>(StoreError::Conflict)
            });
            let mut jobs = [app("one"), fails, app("three")];
            let mut context = Context::from_waker(Waker::noop());
            assert!(first.as_mut().poll(&mut context).is_pending());
            for job in &mut jobs {
                assert!(job.as_mut().poll(&mut context).is_pending());
            }
            go.send(()).expect("it waits");
            let answers: Vec<_> = jobs.into_iter().map(|job| runtime().block_on(job)).collect();
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), kept, "{answers:?}");
            assert_eq!(runtime().block_on(vault.apps()).expect("lists").len(), kept);
            drop(first);
        }
    }

    #[test]
    fn a_program_that_waits_for_its_one_write_makes_it_itself_and_a_task_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Arc::new(vault(&folder));
        let runtime = runtime();
        let app = App::public("example");
        runtime.block_on(vault.put_app("one", &app)).expect("puts");
        assert!(!vault.writer.worker.has_begun());
        let shared = Arc::clone(&vault);
        let task = runtime.spawn(async move { shared.put_app("two", &App::public("example")).await });
        runtime.block_on(task).expect("it ends").expect("puts");
        assert!(vault.writer.worker.has_begun());
    }

    /// Many at once still share a commit.
    #[test]
    fn a_program_that_waits_for_many_writes_makes_them_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = vault(&folder);
        let app = App::public("example");
        runtime().block_on(async {
            let (one, two) = tokio::join!(vault.put_app("one", &app), vault.put_app("two", &app));
            one.and(two).expect("puts");
        });
        assert!(vault.writer.worker.has_begun());
    }

    #[test]
    fn what_was_polled_once_is_done_even_if_nobody_waits_any_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = vault(&folder);
        let app = App::public("example");
        runtime().block_on(async {
            let mut put = vault.put_app("one", &app);
            assert!(std::future::poll_fn(|context| std::task::Poll::Ready(put.as_mut().poll(context))).await.is_pending());
            drop(put);
            vault.writer.alone(|_, _| Ok(())).await.expect("it has its turn after");
            assert!(vault.app("one").await.expect("reads").is_some());
        });
    }

    /// On the caller's thread nobody is waited for: what else that runtime does would wait with it.
    #[test]
    fn while_another_process_writes_the_callers_thread_is_free() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = vault(&folder);
        let app = App::public("example");
        let other = database::connect(vault.path()).expect("connects");
        other.execute_batch("BEGIN IMMEDIATE").expect("begins");
        runtime().block_on(async {
            let ends = async {
                // Until the write has been tried here, and been handed over.
                while !vault.writer.worker.has_begun() {
                    task::yield_now().await;
                }
                other.execute_batch("COMMIT").expect("ends");
            };
            let (put, ()) = tokio::join!(vault.put_app("one", &app), ends);
            put.expect("puts");
        });
        assert!(!database::WAITED.get());
    }

    /// How many commits are in the log: of the 24 bytes before each page, the second four say how long the file is after it, if it is the
    /// last of a commit.
    fn commits(vault: &Path) -> usize {
        let log = std::fs::read(place::with_suffix(vault, "-wal")).unwrap_or_default();
        log.get(32..).unwrap_or_default().chunks(24 + 4096).filter(|frame| frame[4..8] != [0; 4]).count()
    }
}

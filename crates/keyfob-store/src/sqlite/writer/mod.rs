//! The writer: one connection, and a thread. What waits shares one transaction and one wait for the disk.
//!
//! A program that has nothing else to do than to wait for its one write makes it itself: waking the thread, and being woken by it, would take
//! as long again as SQLite's part does. Whoever shares a runtime's threads with others never waits for the disk on one of them.
//!
//! Each job has a savepoint, so that one that fails leaves nothing behind and takes no other with it; except those that fail before their first
//! change or not at all, since under a savepoint SQLite keeps a copy of every page that is changed. Nobody is answered before the commit: what
//! was acknowledged is on disk, and what a job was refused for may itself never have come to be.

mod desk;
mod open;
mod transaction;
mod turn;

use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use keyfob::StoreError;
use keyfob::store::Stored;
use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::task;

pub(super) use self::desk::Desk;
use self::transaction::Transaction;
use self::turn::{Turn, is_nobodys_thread_but_ours};
use super::changes::{Others, Seen};
use super::frozen::Frozen;
use super::sealing::Sealing;
use super::worker::{Worker, ended};
use crate::seal::Sealer;

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
        let desk = Arc::new(Mutex::new(Desk::new(path, sealing, Arc::clone(&seen))));
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
            move |jobs| desk::work(&desk, &jobs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::channel;
    use std::task::{Context, Waker};

    use keyfob::Store;
    use keyfob::proto::App;

    use super::*;
    use crate::sqlite::database;
    use crate::{KeySource, Vault, place};

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

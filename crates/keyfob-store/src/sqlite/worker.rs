//! A thread of its own for work that blocks: SQLite's calls must not hold up an async runtime.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use keyfob::StoreError;
use keyfob::store::Stored;
use tokio::sync::oneshot;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// A thread that owns a `T` and does to it what it is asked, in order.
pub(crate) struct Worker<T> {
    jobs: Option<mpsc::Sender<Job<T>>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
    pub(crate) fn start(mut owned: T) -> Result<Self, StoreError> {
        let (jobs, work) = mpsc::channel::<Job<T>>();
        let thread = std::thread::Builder::new()
            .name("keyfob-vault".to_owned())
            .spawn(move || work.into_iter().for_each(|job| job(&mut owned)))
            .map_err(|error| StoreError::Io("no thread for the vault".to_owned(), error))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Once polled, the work is done even if nobody waits for it any more.
    pub(crate) fn run<'a, R: Send + 'static>(
        &'a self,
        work: impl FnOnce(&mut T) -> Result<R, StoreError> + Send + 'static,
    ) -> Stored<'a, R> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let job: Job<T> = Box::new(move |owned| drop(answer.send(work(owned))));
            self.jobs.as_ref().ok_or_else(ended)?.send(job).map_err(|_| ended())?;
            answered.await.map_err(|_| ended())?
        })
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn ended() -> StoreError {
    StoreError::Io("the vault's thread".to_owned(), io::Error::other("has ended before its time"))
}

//! A thread of its own for work that takes long: it must not hold up an async runtime.

use std::io;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use keyfob::StoreError;

/// A thread that does what it is given, in order; it is there from the first thing on. Dropping this waits until all of it is done.
pub(super) struct Worker<J> {
    name: &'static str,
    running: Mutex<Option<Running<J>>>,
}

struct Running<J> {
    jobs: mpsc::Sender<J>,
    thread: JoinHandle<()>,
}

impl<J: Send + 'static> Worker<J> {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, running: Mutex::default() }
    }

    /// Hands over a job; for the first one, `work` is what the thread is for.
    pub(super) fn give<W>(&self, job: J, work: impl FnOnce() -> W) -> Result<(), StoreError>
    where
        W: FnOnce(mpsc::Receiver<J>) + Send + 'static,
    {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            let (jobs, given) = mpsc::channel();
            let work = work();
            let thread = std::thread::Builder::new().name(self.name.to_owned()).spawn(move || work(given));
            let thread = thread.map_err(|error| StoreError::Io("no thread for the vault".to_owned(), error))?;
            *running = Some(Running { jobs, thread });
        }
        running.as_ref().and_then(|running| running.jobs.send(job).ok()).ok_or_else(ended)
    }
}

#[cfg(test)]
impl<J> Worker<J> {
    pub(super) fn has_begun(&self) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { jobs, thread }) = running {
            drop(jobs);
            drop(thread.join());
        }
    }
}

/// The thread panicked.
pub(super) fn ended() -> StoreError {
    StoreError::Io("the vault's thread".to_owned(), io::Error::other("has ended before its time"))
}

//! Whose write it is: the caller's own, here and now, or the thread's.

use std::sync::atomic::Ordering;

use keyfob::StoreError;
use tokio::runtime::Handle;
use tokio::task;

use super::{Job, Shared, Writer};

/// Somebody who wants to write. Dropped before the job was done or given, it gives it.
pub(super) struct Turn<'a> {
    writer: &'a Writer,
    job: Option<Shared>,
}

impl<'a> Turn<'a> {
    pub(super) fn of(writer: &'a Writer, job: Shared) -> Self {
        writer.waiting.fetch_add(1, Ordering::Relaxed);
        Self { writer, job: Some(job) }
    }

    /// Does the job here and now, if nobody else wants to write, in this process or another.
    pub(super) fn take(&mut self) {
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
    pub(super) fn give(&mut self) -> Result<(), StoreError> {
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

/// Whether the caller is what a runtime was started for (`block_on`): waiting here for the disk keeps no task from its turn that could have it
/// on another thread. A task shares its thread, and a stranger's runtime is a stranger.
pub(super) fn is_nobodys_thread_but_ours() -> bool {
    Handle::try_current().is_ok() && task::try_id().is_none()
}

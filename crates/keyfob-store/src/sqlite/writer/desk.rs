//! Where it is written: one at a time, the thread or a caller.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use keyfob::StoreError;

use super::open::Open;
use super::transaction::Transaction;
use super::{Job, Shared};
use crate::sqlite::changes::Seen;
use crate::sqlite::database;
use crate::sqlite::sealing::Sealing;

/// How many jobs share a transaction at most. More would save little, and let the first wait for long.
const MOST_AT_ONCE: usize = 256;

/// Where it is written: one at a time sits here, the thread or a caller.
pub(in crate::sqlite) struct Desk {
    path: PathBuf,
    sealing: Arc<Sealing>,
    seen: Seen,
    open: Option<Open>,
}

/// What the thread does.
pub(super) fn work(desk: &Mutex<Desk>, jobs: &mpsc::Receiver<Job>) {
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
            let lent = desk.open().and_then(Open::lend);
            job(lent.map(|connection| (connection, &*sealing)));
        }
    }
}

impl Desk {
    pub(super) fn new(path: PathBuf, sealing: Arc<Sealing>, seen: Seen) -> Self {
        Self { path, sealing, seen, open: None }
    }

    fn transact(&mut self, batch: Vec<Shared>) {
        let sealing = Arc::clone(&self.sealing);
        let begun = self.open().and_then(|open| {
            open.checkpoints.last_bit(&open.connection);
            Ok((&*open, Transaction::begin(open, &sealing, batch.len() == 1)?))
        });
        match begun {
            Err(error) => batch.into_iter().for_each(|job| job(Err(error.again()))(Ok(()))),
            Ok((open, transaction)) => open.finish(transaction, batch),
        }
    }

    /// Gives the job back if it would have to wait for somebody else first, or cannot begin.
    pub(super) fn transact_now(&mut self, job: Shared) -> Option<Shared> {
        let sealing = Arc::clone(&self.sealing);
        let begun = self.open().ok().filter(|open| !open.checkpoints.is_last_bit_due()).and_then(|open| {
            let transaction = database::without_waiting(|| Transaction::begin(open, &sealing, true));
            transaction.ok().map(|transaction| (&*open, transaction))
        });
        let Some((open, transaction)) = begun else { return Some(job) };
        open.finish(transaction, vec![job]);
        None
    }

    pub(in crate::sqlite) fn open(&mut self) -> Result<&mut Open, StoreError> {
        match &mut self.open {
            Some(open) => Ok(open),
            none => Ok(none.insert(Open::new(&self.path, &self.seen)?)),
        }
    }
}

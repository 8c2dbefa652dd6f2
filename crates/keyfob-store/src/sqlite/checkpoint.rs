//! Checkpoints: moving what was committed from the log into the file. Not on the writer's way: a thousand pages all over the file take a disk as
//! long as hundreds of commits.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use keyfob::StoreError;
use rusqlite::Connection;

use super::database::{self, sql};
use super::worker::Worker;

/// After how many pages more in the log the next checkpoint is due: 1 MB. The disk is at it for as long as they are many, and whoever writes meanwhile waits.
const STEP: i32 = 250;
/// From how many pages on the log has to be begun anew, even if writers never pause: 16 MB.
const LONG: i32 = 16 * STEP;
/// What may be left for the writer to move, so that the log can begin anew.
const LITTLE: i32 = STEP / 2;

/// Makes checkpoints on a thread of its own when there is enough to move.
pub(super) struct Checkpoints {
    path: PathBuf,
    worker: Worker<()>,
    /// How many pages the log had when one was asked for.
    asked_at: Cell<i32>,
    flags: Arc<Flags>,
}

#[derive(Default)]
struct Flags {
    under_way: AtomicBool,
    /// The log begins anew if all of it is moved at a moment when nobody writes: only the writer itself can see to that.
    last_bit: AtomicBool,
}

impl Checkpoints {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, worker: Worker::new("keyfob-vault-checkpoint"), asked_at: Cell::new(0), flags: Arc::default() }
    }

    /// After a commit: how many pages the log has now.
    pub(super) fn log_has(&self, pages: i32) {
        if pages < self.asked_at.get() {
            self.asked_at.set(0);
        }
        if pages - self.asked_at.get() < STEP || self.flags.under_way.swap(true, Ordering::Acquire) {
            return;
        }
        self.asked_at.set(pages);
        let given = self.worker.give((), || {
            let (path, flags) = (self.path.clone(), Arc::clone(&self.flags));
            move |asked: mpsc::Receiver<()>| {
                let mut connection = None;
                for () in asked {
                    if let Err(error) = checkpoint(&path, &mut connection, &flags) {
                        // Nothing is lost, the log has it all. The next one may go better.
                        tracing::warn!(%error, "the vault's log could not be moved into its file");
                    }
                    flags.under_way.store(false, Ordering::Release);
                }
            }
        });
        if let Err(error) = given {
            tracing::warn!(%error, "the vault's log is not moved into its file");
        }
    }

    /// Whether [`last_bit`](Self::last_bit) has something to move.
    pub(super) fn is_last_bit_due(&self) -> bool {
        self.flags.last_bit.load(Ordering::Acquire)
    }

    /// Between two transactions of the writer: moves the little that came since the checkpoint, if the log is long.
    pub(super) fn last_bit(&self, connection: &Connection) {
        if self.flags.last_bit.swap(false, Ordering::Acquire)
            && let Err(error) = passive(connection)
        {
            tracing::warn!(%error, "the vault's log could not be moved into its file");
        }
    }
}

fn checkpoint(path: &Path, connection: &mut Option<Connection>, flags: &Flags) -> Result<(), StoreError> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(database::connect(path)?),
    };
    let mut left = passive(connection)?;
    // While this one was made, others wrote: each time less.
    for _ in 0..8 {
        if left.log < LONG || left.pages < LITTLE {
            break;
        }
        left = passive(connection)?;
    }
    if left.log >= LONG {
        flags.last_bit.store(true, Ordering::Release);
    }
    Ok(())
}

struct Left {
    log: i32,
    pages: i32,
}

/// Moves what it can without keeping anybody waiting.
fn passive(connection: &Connection) -> Result<Left, StoreError> {
    let numbers = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i32>(1)?, row.get::<_, i32>(2)?));
    let (log, moved) =
        connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)").and_then(|mut it| it.query_row((), numbers)).map_err(sql)?;
    Ok(Left { log, pages: log - moved })
}

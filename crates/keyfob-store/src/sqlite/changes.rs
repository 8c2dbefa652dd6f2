//! Telling what changes on the shelf: what this process does at once, and that another did something within a quarter of a second.

use std::sync::{Arc, Condvar, Mutex, PoisonError, TryLockError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use keyfob::StoreError;

use super::writer::Desk;
use crate::shelf::{Change, Hearing, Herald, Listening};

/// How often it is looked whether another process has written.
const EVERY: Duration = Duration::from_millis(250);

/// Tells changes, and looks for those of others while somebody listens. Dropping it ends the looking, and waits for that.
pub(super) struct Watch {
    herald: Arc<Herald>,
    /// Nothing where nobody can write.
    others: Option<Arc<Others>>,
    looking: Arc<Looking>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Looking {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// There is a thread.
    runs: bool,
    /// The vault is being closed.
    ends: bool,
}

impl Watch {
    pub(super) fn new(others: Option<Others>) -> Self {
        Self {
            herald: Arc::new(Herald::new(Hearing::Good)),
            others: others.map(Arc::new),
            looking: Arc::default(),
            thread: Mutex::default(),
        }
    }

    /// What tells the changes of this process.
    pub(super) fn herald(&self) -> Arc<Herald> {
        Arc::clone(&self.herald)
    }

    pub(super) fn listen(&self) -> Result<Listening, StoreError> {
        let mut state = self.looking.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: the thread ends only when it finds nobody under it.
        let listening = self.herald.listen();
        if let Some(others) = self.others.as_ref().filter(|_| !state.runs) {
            let (herald, others, looking) = (Arc::clone(&self.herald), Arc::clone(others), Arc::clone(&self.looking));
            // From here on; if somebody is just writing, there is no telling from where on, and the first look says so.
            let from = others.look().and_then(Result::ok);
            let thread = std::thread::Builder::new().name("keyfob-vault-changes".to_owned());
            let thread = thread.spawn(move || watch(&herald, &others, &looking, from));
            let thread = thread.map_err(|error| StoreError::Io("no thread for the vault".to_owned(), error))?;
            *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
            state.runs = true;
        }
        Ok(listening)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.looking.state.lock().unwrap_or_else(PoisonError::into_inner).ends = true;
        self.looking.ended.notify_all();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }
}

/// What the thread does.
fn watch(herald: &Herald, others: &Others, looking: &Looking, from: Option<i64>) {
    let mut known = from;
    let mut state = looking.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        state = looking.ended.wait_timeout(state, EVERY).unwrap_or_else(PoisonError::into_inner).0;
        if state.ends || !herald.has_listeners() {
            state.runs = false;
            return;
        }
        drop(state);
        known = tell(herald, known, others.look());
        state = looking.state.lock().unwrap_or_else(PoisonError::into_inner);
    }
}

/// Tells what a look has found; what is known from now on.
fn tell(herald: &Herald, known: Option<i64>, look: Option<Result<i64, StoreError>>) -> Option<i64> {
    match look {
        Some(Ok(found)) => {
            herald.hears();
            if known != Some(found) {
                herald.tell(Change::Anything);
            }
            Some(found)
        }
        // Whoever is writing now may be waiting for another process. But it is no sign that others are heard again: whoever was told that they are
        // not would begin to remember, and nobody would tell them to stop.
        None => {
            if herald.is_heard() {
                herald.tell(Change::Anything);
            }
            None
        }
        Some(Err(error)) => {
            // Once, and not four times a second.
            if herald.is_heard() {
                tracing::warn!(%error, "it cannot be told whether the vault was changed by another program");
            }
            herald.is_deaf();
            None
        }
    }
}

/// What the last transaction saw that ended since somebody looked: see [`Others`].
pub(super) type Seen = Arc<Mutex<Option<i64>>>;

/// Sees whether somebody else has written: another process, or another vault on the same file. On the writer's own connection `PRAGMA
/// data_version` gives another number then, and the same one after what it has written itself.
pub(super) struct Others {
    desk: Weak<Mutex<Desk>>,
    seen: Seen,
}

impl Others {
    pub(super) fn new(desk: Weak<Mutex<Desk>>, seen: Seen) -> Self {
        Self { desk, seen }
    }

    /// Another number than at the look before, if somebody has. Nothing if that cannot be told: a transaction has been under way ever since.
    pub(super) fn look(&self) -> Option<Result<i64, StoreError>> {
        let desk = self.desk.upgrade()?;
        let desk = desk.try_lock();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        match desk {
            Ok(mut desk) => Some(desk.open().and_then(|open| open.version_of_others())),
            Err(TryLockError::Poisoned(desk)) => Some(desk.into_inner().open().and_then(|open| open.version_of_others())),
            // As the last one that ended found it.
            Err(TryLockError::WouldBlock) => seen.map(Ok),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shelf::Changes as _;

    #[tokio::test]
    async fn a_look_that_tells_nothing_ends_no_deafness() {
        let herald = Arc::new(Herald::new(Hearing::Good));
        let mut listening = herald.listen();
        let broken = || Some(Err(StoreError::Io("a look".to_owned(), std::io::ErrorKind::Other.into())));
        let mut known = Some(1);
        // While all is well, a writer who takes long may be hiding another process's change.
        known = tell(&herald, known, None);
        assert_eq!(listening.next().await, Change::Anything);
        for look in [broken(), None, broken(), None] {
            known = tell(&herald, known, look);
        }
        assert_eq!(listening.next().await, Change::Lost);
        herald.tell_item("key", "one");
        assert!(matches!(listening.next().await, Change::Item { .. }), "nothing was told in between");
        known = tell(&herald, known, Some(Ok(1)));
        assert_eq!((listening.next().await, known), (Change::Anything, Some(1)));
    }
}

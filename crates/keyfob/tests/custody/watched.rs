//! A store that writes down what it is asked, and fails on demand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyfob::history::{Entry, Event};
use keyfob::proto::{App, Timestamp};
use keyfob::store::{EntryNumber, Expected, Generation, Hold, Stored, Versioned};
use keyfob::{Account, AccountId, MemoryStore, PendingLogin, Store, StoreError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What happened, in order: in the store, and at the provider.
pub type Log = Arc<Mutex<Vec<String>>>;

/// What the clock of the server shows that gives out rights which may lapse: nobody's else.
pub const SERVER: Timestamp = Timestamp::from_unix(super::house::NOW + 5 * 3600);

/// What a write brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// The note "about to spend".
    Note,
    /// New tokens.
    Tokens,
    /// A failure, a refusal.
    Other,
}

#[derive(Default)]
pub struct Watched {
    inner: MemoryStore,
    log: Log,
    /// Writes of these kinds fail.
    pub failing: Mutex<Vec<Write>>,
    /// What they fail with, where it is not a full disk.
    pub broken: Mutex<Option<StoreError>>,
    /// The next write of this kind is carried out, and reported as failed.
    pub lying: Mutex<Option<Write>>,
    /// Entries of transactions that are not over yet.
    pub hidden: Mutex<Vec<EntryNumber>>,
    /// Entries after this number, and how many: gone since the store was put back to an earlier state, and numbers are given out again from there.
    pub gone: Mutex<(u64, u64)>,
    /// Rights to refresh may end while their holders live.
    pub lapsing: Mutex<bool>,
    /// How much later it is than [`SERVER`] by the clock of who gives them out.
    served: Mutex<i64>,
    /// How long ago it was asked when its answer is read.
    pub late_by: Mutex<Duration>,
    /// What somebody else writes right after the next read under the right to refresh.
    pub meanwhile: Mutex<Option<Account>>,
    /// The next read has read, and is not back before this lets it.
    pub late: Mutex<Option<Arc<Notify>>>,
    /// Reading entries fails.
    pub mute: Mutex<bool>,
    /// How long a write takes before it is done.
    pub delay: Mutex<Duration>,
}

impl Watched {
    pub fn new(log: Log) -> Self {
        Self { log, ..Self::default() }
    }

    pub fn fail(&self, kinds: &[Write]) {
        *self.failing.lock().unwrap() = kinds.to_vec();
    }

    pub fn serve_for(&self, seconds: i64) {
        *self.served.lock().unwrap() = seconds;
    }

    fn note(&self, what: &str) {
        self.log.lock().unwrap().push(what.to_owned());
    }
}

fn full() -> StoreError {
    StoreError::Io("home".to_owned(), std::io::Error::from(std::io::ErrorKind::StorageFull))
}

fn kind(account: &Account, entry: Option<&Entry>) -> Write {
    match entry.map(|entry| &entry.event) {
        Some(Event::Refreshed { .. }) => Write::Tokens,
        _ if account.spending.as_ref().is_some_and(|note| !note.over) => Write::Note,
        _ => Write::Other,
    }
}

impl Store for Watched {
    fn apps(&self) -> Stored<'_, Vec<(String, App)>> {
        self.inner.apps()
    }

    fn app<'a>(&'a self, provider: &'a str) -> Stored<'a, Option<App>> {
        self.inner.app(provider)
    }

    fn put_app<'a>(&'a self, provider: &'a str, app: &'a App) -> Stored<'a, ()> {
        self.inner.put_app(provider, app)
    }

    fn remove_app<'a>(&'a self, provider: &'a str) -> Stored<'a, bool> {
        self.inner.remove_app(provider)
    }

    fn accounts(&self) -> Stored<'_, Vec<Versioned<Account>>> {
        self.inner.accounts()
    }

    fn account<'a>(&'a self, name: &'a str) -> Stored<'a, Option<Versioned<Account>>> {
        self.note("read");
        Box::pin(async move {
            let found = self.inner.account(name).await?;
            let late = self.late.lock().unwrap().take();
            if let Some(late) = late {
                late.notified().await;
            }
            let is_held = self.log.lock().unwrap().iter().any(|line| line == "hold");
            let written = if is_held { self.meanwhile.lock().unwrap().take() } else { None };
            if let Some(account) = written {
                self.inner.put_account(&account, Expected::Anything, None).await?;
            }
            Ok(found)
        })
    }

    fn put_account<'a>(&'a self, account: &'a Account, expected: Expected, entry: Option<&'a Entry>) -> Stored<'a, Generation> {
        let kind = kind(account, entry);
        if self.failing.lock().unwrap().contains(&kind) {
            self.note(&format!("no {kind:?}"));
            let error = self.broken.lock().unwrap().as_ref().map_or_else(full, StoreError::again);
            return Box::pin(async { Err(error) });
        }
        let lies = self.lying.lock().unwrap().take_if(|lie| *lie == kind).is_some();
        let delay = *self.delay.lock().unwrap();
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            let written = self.inner.put_account(account, expected, entry).await;
            self.note(&format!("{kind:?}"));
            if lies { Err(full()) } else { written }
        })
    }

    fn replace_account<'a>(
        &'a self,
        before: &'a AccountId,
        expected: Generation,
        account: &'a Account,
        left: Option<&'a Entry>,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation> {
        self.inner.replace_account(before, expected, account, left, entry)
    }

    fn rename_account<'a>(
        &'a self,
        from: &'a str,
        account: &'a Account,
        expected: Generation,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation> {
        self.inner.rename_account(from, account, expected, entry)
    }

    fn remove_account<'a>(&'a self, name: &'a str, entry: Option<&'a Entry>) -> Stored<'a, bool> {
        self.inner.remove_account(name, entry)
    }

    fn history<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Vec<Entry>> {
        self.inner.history(id)
    }

    fn entries(&self, after: Option<EntryNumber>, most: usize) -> Stored<'_, Vec<(EntryNumber, Entry)>> {
        if *self.mute.lock().unwrap() {
            return Box::pin(async { Err(full()) });
        }
        Box::pin(async move {
            let (kept, gone) = *self.gone.lock().unwrap();
            let mut entries = match after {
                // The newest, which may be the one that was kept.
                None if gone > 0 => self.inner.entries(Some(EntryNumber(kept - 1)), usize::MAX).await?,
                after => {
                    self.inner
                        .entries(after.map(|EntryNumber(after)| EntryNumber(after + if after > kept { gone } else { 0 })), most)
                        .await?
                }
            };
            entries.retain(|(number, _)| !(self.hidden.lock().unwrap().contains(number) || kept < number.0 && number.0 <= kept + gone));
            entries.iter_mut().filter(|(number, _)| number.0 > kept).for_each(|(number, _)| number.0 -= gone);
            Ok(entries)
        })
    }

    fn give_back<'a>(&'a self, leases: &'a [(AccountId, Timestamp)]) -> Stored<'a, ()> {
        self.note(&format!("give back {}", leases.len()));
        self.inner.give_back(leases)
    }

    fn lease_due(&self, now: Timestamp, until: Timestamp, most: usize) -> Stored<'_, Vec<Versioned<Account>>> {
        self.inner.lease_due(now, until, most)
    }

    fn try_hold<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Option<Hold>> {
        Box::pin(async move {
            let hold = self.inner.try_hold(id).await?;
            self.note(if hold.is_some() { "hold" } else { "no hold" });
            // As a database server's, which forgets who has it when it is started again.
            let now = SERVER.plus(*self.served.lock().unwrap());
            let asked = Instant::now() - *self.late_by.lock().unwrap();
            Ok(if *self.lapsing.lock().unwrap() { hold.map(|hold| Hold::that_may_lapse(hold, now).asked(asked.elapsed())) } else { hold })
        })
    }

    fn put_pending<'a>(&'a self, login: &'a PendingLogin, binding: &'a str) -> Stored<'a, ()> {
        self.inner.put_pending(login, binding)
    }

    fn take_pending<'a>(&'a self, key: &'a str, binding: &'a str, now: Timestamp) -> Stored<'a, Option<PendingLogin>> {
        self.inner.take_pending(key, binding, now)
    }
}

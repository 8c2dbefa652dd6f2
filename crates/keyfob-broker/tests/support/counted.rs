//! A store that counts how often all of it is read, and where somebody else may be first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use keyfob::history::{Actor, Entry, Event};
use keyfob::proto::{App, Timestamp};
use keyfob::store::{EntryNumber, Expected, Generation, Hold, Stored, Versioned};
use keyfob::{Account, AccountId, MemoryStore, PendingLogin, Store, StoreError};

pub struct Counted {
    pub inner: Arc<MemoryStore>,
    /// How often every account was read.
    pub all: AtomicUsize,
    /// Whether one of all cannot be read.
    pub is_damaged: AtomicBool,
    first: Mutex<Option<Account>>,
}

impl Counted {
    pub fn new(inner: Arc<MemoryStore>) -> Self {
        Self { inner, all: AtomicUsize::new(0), is_damaged: AtomicBool::new(false), first: Mutex::default() }
    }

    /// Right before the next account is put, another machine puts this one.
    pub fn is_first(&self, account: Account) {
        *self.first.lock().expect("the account") = Some(account);
    }
}

impl Store for Counted {
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
        self.all.fetch_add(1, Ordering::Relaxed);
        if self.is_damaged.load(Ordering::Relaxed) {
            return Box::pin(async { Err(StoreError::Corrupt("somebody's account".to_owned())) });
        }
        self.inner.accounts()
    }

    fn account<'a>(&'a self, name: &'a str) -> Stored<'a, Option<Versioned<Account>>> {
        self.inner.account(name)
    }

    fn put_account<'a>(&'a self, account: &'a Account, expected: Expected, entry: Option<&'a Entry>) -> Stored<'a, Generation> {
        let first = self.first.lock().expect("the account").take();
        Box::pin(async move {
            if let Some(first) = first {
                let by = Actor { host: "another".to_owned(), pid: 1, program: "keyfob".to_owned(), instance: None, kernel: None };
                let entry = Entry::new(&first, first.logged_in_at, by, Event::LoggedIn { received: None, imported: false });
                self.inner.put_account(&first, Expected::Anything, Some(&entry)).await?;
            }
            self.inner.put_account(account, expected, entry).await
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
        self.inner.entries(after, most)
    }

    fn lease_due(&self, now: Timestamp, until: Timestamp, most: usize) -> Stored<'_, Vec<Versioned<Account>>> {
        self.inner.lease_due(now, until, most)
    }

    fn try_hold<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Option<Hold>> {
        self.inner.try_hold(id)
    }

    fn put_pending<'a>(&'a self, login: &'a PendingLogin, binding: &'a str) -> Stored<'a, ()> {
        self.inner.put_pending(login, binding)
    }

    fn take_pending<'a>(&'a self, key: &'a str, binding: &'a str, now: Timestamp) -> Stored<'a, Option<PendingLogin>> {
        self.inner.take_pending(key, binding, now)
    }
}

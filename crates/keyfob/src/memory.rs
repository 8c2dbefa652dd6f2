//! A store in memory: for tests, and for programs that keep nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyfob_proto::{App, Timestamp};

use crate::account::{Account, PendingLogin};
use crate::store::{Expected, Generation, Store, StoreError, Stored, Versioned};

/// How many logins may be under way at once; beyond it the oldest make room.
const MOST_PENDING: usize = 1000;

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    apps: BTreeMap<String, App>,
    accounts: BTreeMap<String, Versioned<Account>>,
    pending: Vec<(String, PendingLogin)>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ready<'a, T: Send + 'a>(result: Result<T, StoreError>) -> Stored<'a, T> {
    Box::pin(std::future::ready(result))
}

impl Store for MemoryStore {
    fn apps(&self) -> Stored<'_, Vec<(String, App)>> {
        ready(Ok(self.inner().apps.iter().map(|(name, app)| (name.clone(), app.clone())).collect()))
    }

    fn app<'a>(&'a self, provider: &'a str) -> Stored<'a, Option<App>> {
        ready(Ok(self.inner().apps.get(provider).cloned()))
    }

    fn put_app<'a>(&'a self, provider: &'a str, app: &'a App) -> Stored<'a, ()> {
        self.inner().apps.insert(provider.to_owned(), app.clone());
        ready(Ok(()))
    }

    fn remove_app<'a>(&'a self, provider: &'a str) -> Stored<'a, bool> {
        ready(Ok(self.inner().apps.remove(provider).is_some()))
    }

    fn accounts(&self) -> Stored<'_, Vec<Versioned<Account>>> {
        ready(Ok(self.inner().accounts.values().cloned().collect()))
    }

    fn account<'a>(&'a self, name: &'a str) -> Stored<'a, Option<Versioned<Account>>> {
        ready(Ok(self.inner().accounts.get(name).cloned()))
    }

    fn put_account<'a>(&'a self, account: &'a Account, expected: Expected) -> Stored<'a, Generation> {
        let mut inner = self.inner();
        let found = inner.accounts.get(&account.name);
        let as_expected = match expected {
            Expected::Nothing => found.is_none(),
            // An account that was removed and made anew counts from one again, under a new id.
            Expected::Generation(generation) => found.is_some_and(|found| found.generation == generation && found.value.id == account.id),
            Expected::Anything => true,
        };
        if !as_expected {
            return ready(Err(StoreError::Conflict));
        }
        let generation = Generation(found.map_or(1, |found| found.generation.0 + 1));
        inner.accounts.insert(account.name.clone(), Versioned { value: account.clone(), generation });
        ready(Ok(generation))
    }

    fn remove_account<'a>(&'a self, name: &'a str) -> Stored<'a, bool> {
        ready(Ok(self.inner().accounts.remove(name).is_some()))
    }

    fn put_pending<'a>(&'a self, login: &'a PendingLogin, binding: &'a str) -> Stored<'a, ()> {
        let mut inner = self.inner();
        if inner.pending.len() >= MOST_PENDING {
            inner.pending.remove(0);
        }
        inner.pending.push((binding.to_owned(), login.clone()));
        ready(Ok(()))
    }

    fn take_pending<'a>(&'a self, key: &'a str, binding: &'a str, now: Timestamp) -> Stored<'a, Option<PendingLogin>> {
        let mut inner = self.inner();
        inner.pending.retain(|(_, login)| login.pending.expires_at() > now);
        let found = inner.pending.iter().position(|(bound, login)| bound == binding && login.key().same_as(key));
        ready(Ok(found.map(|at| inner.pending.remove(at).1)))
    }
}

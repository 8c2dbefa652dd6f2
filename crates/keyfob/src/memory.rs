//! A store in memory: for tests, and for programs that keep nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyfob_proto::{App, Secret, Timestamp};

use crate::account::{Account, AccountId, PendingLogin};
use crate::history::{Entry, MOST_ENTRIES};
use crate::store::{CLOCK_SLACK, EntryNumber, Expected, Generation, Hold, Store, StoreError, Stored, Versioned};

/// How many logins of no crowd may be under way at once; beyond it the oldest make room.
const MOST_PENDING: usize = 1000;

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    apps: BTreeMap<String, App>,
    accounts: BTreeMap<String, Versioned<Account>>,
    /// With what only the browser that began it holds.
    pending: Vec<(Secret, PendingLogin)>,
    entries: BTreeMap<EntryNumber, Entry>,
    /// The numbers of each account's entries.
    histories: BTreeMap<AccountId, VecDeque<EntryNumber>>,
    newest: u64,
    leases: BTreeMap<AccountId, (Timestamp, Timestamp)>,
    held: BTreeSet<AccountId>,
}

impl Inner {
    /// `before` is whose generation is expected.
    fn put_over(
        &mut self,
        before: &AccountId,
        account: &Account,
        expected: Expected,
        entries: [Option<&Entry>; 2],
    ) -> Result<Generation, StoreError> {
        let found = self.accounts.get(&account.name);
        let as_expected = match expected {
            Expected::Nothing => found.is_none(),
            // An account that was removed and made anew counts from one again, under a new id.
            Expected::Generation(generation) => found.is_some_and(|found| found.generation == generation && found.value.id == *before),
            Expected::Anything => true,
        };
        let elsewhere = self.accounts.values().any(|other| other.value.id == account.id && other.value.name != account.name);
        if !as_expected || elsewhere {
            return Err(StoreError::Conflict);
        }
        let generation = Generation(found.map_or(1, |found| found.generation.0 + 1));
        self.accounts.insert(account.name.clone(), Versioned { value: account.clone(), generation });
        entries.into_iter().for_each(|entry| self.enter(entry));
        Ok(generation)
    }

    fn enter(&mut self, entry: Option<&Entry>) {
        let Some(entry) = entry else { return };
        self.newest += 1;
        let number = EntryNumber(self.newest);
        self.entries.insert(number, entry.clone());
        let own = self.histories.entry(entry.id.clone()).or_default();
        own.push_back(number);
        if own.len() > MOST_ENTRIES
            && let Some(oldest) = own.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}

/// Gives the right to refresh back.
struct Held {
    inner: Arc<Mutex<Inner>>,
    id: AccountId,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).held.remove(&self.id);
    }
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

    fn put_account<'a>(&'a self, account: &'a Account, expected: Expected, entry: Option<&'a Entry>) -> Stored<'a, Generation> {
        ready(self.inner().put_over(&account.id, account, expected, [None, entry]))
    }

    fn replace_account<'a>(
        &'a self,
        before: &'a AccountId,
        expected: Generation,
        account: &'a Account,
        left: Option<&'a Entry>,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation> {
        ready(self.inner().put_over(before, account, Expected::Generation(expected), [left, entry]))
    }

    fn rename_account<'a>(
        &'a self,
        from: &'a str,
        account: &'a Account,
        expected: Generation,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation> {
        let mut inner = self.inner();
        let is_there = |found: &Versioned<Account>| found.generation == expected && found.value.id == account.id;
        if !inner.accounts.get(from).is_some_and(is_there) || inner.accounts.contains_key(&account.name) {
            return ready(Err(StoreError::Conflict));
        }
        let generation = Generation(expected.0 + 1);
        inner.accounts.remove(from);
        inner.accounts.insert(account.name.clone(), Versioned { value: account.clone(), generation });
        inner.enter(entry);
        ready(Ok(generation))
    }

    fn remove_account<'a>(&'a self, name: &'a str, entry: Option<&'a Entry>) -> Stored<'a, bool> {
        let mut inner = self.inner();
        let is_meant = |record: &Versioned<Account>| entry.is_none_or(|entry| entry.id == record.value.id);
        let removed = inner.accounts.get(name).is_some_and(is_meant) && inner.accounts.remove(name).is_some();
        if removed {
            inner.enter(entry);
        }
        ready(Ok(removed))
    }

    fn history<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Vec<Entry>> {
        let inner = self.inner();
        let numbers = inner.histories.get(id).into_iter().flatten();
        ready(Ok(numbers.filter_map(|number| inner.entries.get(number)).cloned().collect()))
    }

    fn entries(&self, after: Option<EntryNumber>, most: usize) -> Stored<'_, Vec<(EntryNumber, Entry)>> {
        let inner = self.inner();
        let copy = |(number, entry): (&EntryNumber, &Entry)| (*number, entry.clone());
        ready(Ok(match after {
            None => inner.entries.last_key_value().map(copy).into_iter().collect(),
            Some(after) => inner.entries.range((Bound::Excluded(after), Bound::Unbounded)).take(most).map(copy).collect(),
        }))
    }

    fn sweep_histories(&self, after: EntryNumber, before: Timestamp, most: usize) -> Stored<'_, Option<EntryNumber>> {
        let mut inner = self.inner();
        let page: Vec<_> = inner.entries.range((Bound::Excluded(after), Bound::Unbounded)).take(most).map(|(number, _)| *number).collect();
        let is_there: BTreeSet<_> = inner.accounts.values().map(|record| record.value.id.clone()).collect();
        let Inner { entries, histories, newest, .. } = &mut *inner;
        histories.retain(|id, own| {
            let Some(last) = own.back().filter(|last| page.contains(last) && last.0 != *newest && !is_there.contains(id)) else {
                return true;
            };
            let is_old = entries.get(last).is_some_and(|entry| entry.at < before);
            if is_old {
                own.iter().for_each(|number| drop(entries.remove(number)));
            }
            !is_old
        });
        ready(Ok(page.last().copied().filter(|_| page.len() == most)))
    }

    fn lease_due(&self, now: Timestamp, until: Timestamp, most: usize) -> Stored<'_, Vec<Versioned<Account>>> {
        let mut inner = self.inner();
        let free = |account: &Account, due: Timestamp| {
            inner.leases.get(&account.id).is_none_or(|(leased_for, leased_until)| {
                // One that lies further ahead than any that would be given now is one of a clock that was wrong.
                *leased_for != due || *leased_until <= now || *leased_until > until.plus(CLOCK_SLACK)
            })
        };
        let mut due: Vec<_> = inner.accounts.values().filter_map(|record| Some((record.value.due_at()?, record))).collect();
        due.retain(|(due, record)| (*due <= now || record.value.is_misdated(now, None)) && free(&record.value, *due));
        due.sort_by_key(|(due, _)| *due);
        let due: Vec<_> = due.into_iter().take(most).map(|(due, record)| (due, record.clone())).collect();
        inner.leases.extend(due.iter().map(|(due, record)| (record.value.id.clone(), (*due, until))));
        ready(Ok(due.into_iter().map(|(_, record)| record).collect()))
    }

    fn give_back<'a>(&'a self, leases: &'a [(AccountId, Timestamp)]) -> Stored<'a, ()> {
        let mut inner = self.inner();
        for (id, until) in leases {
            if inner.leases.get(id).is_some_and(|(_, leased_until)| leased_until == until) {
                inner.leases.remove(id);
            }
        }
        ready(Ok(()))
    }

    fn try_hold<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Option<Hold>> {
        let free = self.inner().held.insert(id.clone());
        ready(Ok(free.then(|| Hold::new(Held { inner: self.inner.clone(), id: id.clone() }))))
    }

    fn put_pending<'a>(&'a self, login: &'a PendingLogin, binding: &'a str) -> Stored<'a, ()> {
        let mut inner = self.inner();
        if let Some(crowd) = &login.crowd {
            let now = login.pending.began_at();
            inner.pending.retain(|(_, login)| login.pending.expires_at() > now);
            let others = || inner.pending.iter().filter_map(|(_, login)| login.crowd.as_ref());
            let of_crowd = others().filter(|other| (other.purpose(), other.of()) == (crowd.purpose(), crowd.of())).count();
            let of_purpose = others().filter(|other| other.purpose() == crowd.purpose()).count();
            if let Err(crowded) = crowd.admits(of_crowd, of_purpose) {
                return ready(Err(crowded));
            }
        } else if inner.pending.iter().filter(|(_, login)| login.crowd.is_none()).count() >= MOST_PENDING
            && let Some(oldest) = inner.pending.iter().position(|(_, login)| login.crowd.is_none())
        {
            inner.pending.remove(oldest);
        }
        inner.pending.push((Secret::new(binding), login.clone()));
        ready(Ok(()))
    }

    fn take_pending<'a>(&'a self, key: &'a str, binding: &'a str, now: Timestamp) -> Stored<'a, Option<PendingLogin>> {
        let mut inner = self.inner();
        inner.pending.retain(|(_, login)| login.pending.expires_at() > now);
        let mut all = inner.pending.iter().map(|(bound, login)| (bound.expose(), login));
        let found = all.position(|(bound, login)| bound == binding && login.key().same_as(key));
        ready(Ok(found.map(|at| inner.pending.remove(at).1)))
    }
}

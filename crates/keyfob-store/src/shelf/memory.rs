//! A shelf in memory, for tests: what it keeps is gone with the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected, Generation, Stored, Versioned};
use tokio::sync::broadcast;

use super::{Act, Change, Changes, Item, Kind, Shelf, check_names};

/// So many changes wait for one who listens; beyond it something was missed, and that is told.
const MOST_CHANGES: usize = 256;

/// A shelf in memory.
#[derive(Debug)]
pub struct MemoryShelf {
    held: Mutex<Held>,
    told: broadcast::Sender<Change>,
}

#[derive(Debug, Default)]
struct Held {
    items: BTreeMap<(Kind, String), Versioned<Item>>,
    acts: Vec<Act>,
}

impl Default for MemoryShelf {
    fn default() -> Self {
        Self { held: Mutex::default(), told: broadcast::Sender::new(MOST_CHANGES) }
    }
}

impl MemoryShelf {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, kind: Kind, id: &str) {
        // Nobody may listen.
        drop(self.told.send(Change::Item { kind: kind.0.to_owned(), id: id.to_owned() }));
    }
}

impl Shelf for MemoryShelf {
    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Versioned<Item>>> {
        let found = self.held().items.get(&(kind, id.to_owned())).filter(|found| !found.value.is_over(now)).cloned();
        Box::pin(async { Ok(found) })
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        let put = || {
            check_names(&item.id, item.owner.as_deref())?;
            let mut held = self.held();
            let key = (kind, item.id.clone());
            let there = held.items.get(&key).map(|found| found.generation);
            let fits = match expected {
                Expected::Nothing => there.is_none(),
                Expected::Generation(generation) => there == Some(generation),
                Expected::Anything => true,
            };
            if !fits {
                return Err(StoreError::Conflict);
            }
            let generation = Generation(there.map_or(1, |Generation(there)| there + 1));
            held.items.insert(key, Versioned { value: item.clone(), generation });
            drop(held);
            self.tell(kind, &item.id);
            Ok(generation)
        };
        let put = put();
        Box::pin(async { put })
    }

    fn remove_item<'a>(&'a self, kind: Kind, id: &'a str) -> Stored<'a, bool> {
        let removed = self.held().items.remove(&(kind, id.to_owned())).is_some();
        self.tell(kind, id);
        Box::pin(async move { Ok(removed) })
    }

    fn take_item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Item>> {
        let taken = self.held().items.remove(&(kind, id.to_owned())).map(|found| found.value);
        self.tell(kind, id);
        Box::pin(async move { Ok(taken.filter(|item| !item.is_over(now))) })
    }

    fn items<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<Versioned<Item>>> {
        let held = self.held();
        let wanted = held.items.iter().filter(|((its, id), item)| {
            *its == kind
                && after.is_none_or(|after| id.as_str() > after)
                && owner.is_none_or(|owner| item.value.owner.as_deref() == Some(owner))
                && !item.value.is_over(now)
        });
        let found = wanted.take(most).map(|(_, item)| item.clone()).collect();
        Box::pin(async { Ok(found) })
    }

    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()> {
        self.held().acts.extend(acts);
        Box::pin(async { Ok(()) })
    }

    fn acts<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<(EntryNumber, Act)>> {
        let held = self.held();
        let numbered = held.acts.iter().enumerate().map(|(place, act)| (EntryNumber(place as u64 + 1), act));
        let wanted = numbered.rev().filter(|(number, act)| {
            before.is_none_or(|before| *number < before) && owner.is_none_or(|owner| act.owner.as_deref() == Some(owner))
        });
        let found = wanted.take(most).map(|(number, act)| (number, act.clone())).collect();
        Box::pin(async { Ok(found) })
    }

    /// The book is kept whole: a line's number is its place.
    fn sweep(&self, now: Timestamp, _: Timestamp, most: usize) -> Stored<'_, usize> {
        let mut held = self.held();
        let over: Vec<_> = held.items.iter().filter(|(_, item)| item.value.is_over(now)).map(|(key, _)| key.clone()).take(most).collect();
        over.iter().for_each(|key| drop(held.items.remove(key)));
        let swept = over.len();
        Box::pin(async move { Ok(swept) })
    }

    fn changes(&self) -> Stored<'_, Box<dyn Changes>> {
        let changes: Box<dyn Changes> = Box::new(Told(self.told.subscribe()));
        Box::pin(async { Ok(changes) })
    }
}

struct Told(broadcast::Receiver<Change>);

impl Changes for Told {
    fn next(&mut self) -> std::pin::Pin<Box<dyn Future<Output = Change> + Send + '_>> {
        Box::pin(async {
            match self.0.recv().await {
                Ok(change) => change,
                Err(broadcast::error::RecvError::Lagged(_)) => Change::Anything,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        })
    }
}

//! A shelf in memory, for tests and for what is tried: what it keeps is gone with the process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected, Generation, Stored, Versioned};

use super::{Act, Changes, Hearing, Herald, Item, Kind, Shelf, check_item, check_owner, next_generation};

/// So many lines of the book are kept, the newest: memory has an end, and nobody sweeps it by age before it comes.
const MOST_ACTS: usize = 1000;

/// A shelf in memory. Of the book it keeps the newest 1000 lines, whosever they are.
#[derive(Debug)]
pub struct MemoryShelf {
    held: Mutex<Held>,
    herald: Arc<Herald>,
}

#[derive(Debug, Default)]
struct Held {
    items: BTreeMap<(Kind, String), Versioned<Item>>,
    /// With their numbers, the oldest first.
    acts: VecDeque<(u64, Act)>,
    /// Of the last that was written.
    number: u64,
}

impl Default for MemoryShelf {
    fn default() -> Self {
        Self { held: Mutex::default(), herald: Arc::new(Herald::new(Hearing::Good)) }
    }
}

impl MemoryShelf {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf for MemoryShelf {
    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Versioned<Item>>> {
        let found = self.held().items.get(&(kind, id.to_owned())).filter(|found| !found.value.is_over(now)).cloned();
        Box::pin(async { Ok(found) })
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        let put = || {
            check_item(item)?;
            let mut held = self.held();
            let key = (kind, item.id.clone());
            let generation = Generation(next_generation(held.items.get(&key).map(|found| found.generation), expected)?);
            held.items.insert(key, Versioned { value: item.clone(), generation });
            drop(held);
            self.herald.tell_item(kind.0, &item.id);
            Ok(generation)
        };
        let put = put();
        Box::pin(async { put })
    }

    fn remove_item<'a>(&'a self, kind: Kind, id: &'a str) -> Stored<'a, bool> {
        let removed = self.held().items.remove(&(kind, id.to_owned())).is_some();
        if removed {
            self.herald.tell_item(kind.0, id);
        }
        Box::pin(async move { Ok(removed) })
    }

    fn take_item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Item>> {
        let taken = self.held().items.remove(&(kind, id.to_owned())).map(|found| found.value);
        if taken.is_some() {
            self.herald.tell_item(kind.0, id);
        }
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

    fn ids<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<String>> {
        Box::pin(async move { Ok(self.items(kind, owner, after, most, now).await?.into_iter().map(|item| item.value.id).collect()) })
    }

    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()> {
        let checked = acts.iter().try_for_each(|act| check_owner(act.owner.as_deref()));
        if checked.is_ok() {
            let mut held = self.held();
            for act in acts {
                held.number += 1;
                let number = held.number;
                if held.acts.len() == MOST_ACTS {
                    held.acts.pop_front();
                }
                held.acts.push_back((number, act));
            }
        }
        Box::pin(async { checked })
    }

    fn acts<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<(EntryNumber, Act)>> {
        let held = self.held();
        let wanted = held.acts.iter().rev().map(|(number, act)| (EntryNumber(*number), act)).filter(|(number, act)| {
            before.is_none_or(|before| *number < before) && owner.is_none_or(|owner| act.owner.as_deref() == Some(owner))
        });
        let found = wanted.take(most).map(|(number, act)| (number, act.clone())).collect();
        Box::pin(async { Ok(found) })
    }

    fn numbers<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<EntryNumber>> {
        Box::pin(async move { Ok(self.acts(owner, before, most).await?.into_iter().map(|(number, _)| number).collect()) })
    }

    fn sweep(&self, now: Timestamp, acts_before: Timestamp, most: usize) -> Stored<'_, usize> {
        let mut held = self.held();
        let over: Vec<_> = held.items.iter().filter(|(_, item)| item.value.is_over(now)).map(|(key, _)| key.clone()).take(most).collect();
        over.iter().for_each(|key| drop(held.items.remove(key)));
        let newest = held.number;
        let mut old = 0;
        held.acts.retain(|(number, act)| {
            let is_old = old < most && act.at < acts_before && *number != newest;
            old += usize::from(is_old);
            !is_old
        });
        let swept = over.len() + old;
        Box::pin(async move { Ok(swept) })
    }

    fn changes(&self) -> Stored<'_, Box<dyn Changes>> {
        let changes: Box<dyn Changes> = Box::new(self.herald.listen());
        Box::pin(async { Ok(changes) })
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[tokio::test]
    async fn the_book_has_an_end_and_it_is_the_oldest_lines_that_go() {
        let (shelf, more) = (MemoryShelf::default(), 5);
        let line =
            |number: usize| Act { at: Timestamp::from_unix(0), owner: None, content: Zeroizing::new(number.to_string().into_bytes()) };
        shelf.record((0..MOST_ACTS + more).map(line).collect()).await.expect("in memory");
        let all = shelf.acts(None, None, usize::MAX).await.expect("in memory");
        let first = |act: &(EntryNumber, Act)| String::from_utf8(act.1.content.to_vec()).expect("digits");
        assert_eq!((all.len(), all.last().map(first)), (MOST_ACTS, Some(more.to_string())));
        assert_eq!(all[0].0, EntryNumber((MOST_ACTS + more) as u64), "numbers go on");
    }
}

//! The vault as a [`Shelf`].

use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected, Generation, Stored, Versioned};

use super::items::Wanted;
use super::{Vault, acts, items};
use crate::shelf::{Act, Changes, Item, Kind, Shelf, check_item, check_owner};

/// Owned copies go to the thread: a caller that stops waiting does not stop a write half way.
impl Shelf for Vault {
    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Versioned<Item>>> {
        // That nothing is there needs no second look: items are not found by a keyed hash.
        Box::pin(async move { self.readers.now(|_| false, |connection, sealer| items::item(connection, sealer, kind.0, id, now)) })
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        if let Err(error) = check_item(item) {
            return Box::pin(async { Err(error) });
        }
        let (item, id, herald) = (item.clone(), item.id.clone(), self.watch.herald());
        self.writer.run_and_tell(move |write| write.put_item(kind.0, &item, expected), move |_| herald.tell_item(kind.0, &id))
    }

    fn remove_item<'a>(&'a self, kind: Kind, id: &'a str) -> Stored<'a, bool> {
        let (id, herald) = (id.to_owned(), self.watch.herald());
        let told = id.clone();
        let tell = move |removed: &bool| {
            if *removed {
                herald.tell_item(kind.0, &told);
            }
        };
        self.writer.run_and_tell(move |write| write.remove_item(kind.0, &id), tell)
    }

    fn take_item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Item>> {
        let (id, herald) = (id.to_owned(), self.watch.herald());
        let told = id.clone();
        let tell = move |taken: &Option<Item>| {
            if taken.is_some() {
                herald.tell_item(kind.0, &told);
            }
        };
        let taken = self.writer.run_and_tell(move |write| write.take_item(kind.0, &id), tell);
        Box::pin(async move { Ok(taken.await?.filter(|item| !item.is_over(now))) })
    }

    fn items<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<Versioned<Item>>> {
        let (owner, after) = (owner.map(str::to_owned), after.unwrap_or_default().to_owned());
        self.readers.elsewhere(
            |_| false,
            move |connection, sealer| {
                let wanted = Wanted { kind: kind.0, owner: owner.as_deref(), after: &after, most, now };
                items::items(connection, sealer, &wanted)
            },
        )
    }

    fn ids<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<String>> {
        let (owner, after) = (owner.map(str::to_owned), after.unwrap_or_default().to_owned());
        self.readers.elsewhere(
            |_| false,
            move |connection, _| {
                let wanted = Wanted { kind: kind.0, owner: owner.as_deref(), after: &after, most, now };
                Ok(items::rows(connection, &wanted)?.into_iter().map(|row| row.id).collect())
            },
        )
    }

    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()> {
        if let Err(error) = acts.iter().try_for_each(|act| check_owner(act.owner.as_deref())) {
            return Box::pin(async { Err(error) });
        }
        self.writer.run_careful(move |write| write.record(&acts))
    }

    fn acts<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<(EntryNumber, Act)>> {
        let owner = owner.map(str::to_owned);
        self.readers.elsewhere(|_| false, move |connection, sealer| acts::acts(connection, sealer, owner.as_deref(), before, most))
    }

    fn numbers<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<EntryNumber>> {
        let owner = owner.map(str::to_owned);
        self.readers.elsewhere(|_| false, move |connection, _| acts::numbers(connection, owner.as_deref(), before, most))
    }

    fn sweep(&self, now: Timestamp, acts_before: Timestamp, most: usize) -> Stored<'_, usize> {
        self.writer.run_careful(move |write| Ok(write.sweep_items(now, most)? + write.sweep_acts(acts_before, most)?))
    }

    fn changes(&self) -> Stored<'_, Box<dyn Changes>> {
        Box::pin(async {
            let changes: Box<dyn Changes> = Box::new(self.watch.listen()?);
            Ok(changes)
        })
    }
}

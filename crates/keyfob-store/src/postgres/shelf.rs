//! The vault as a [`Shelf`].

use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected, Generation, Stored, Versioned};

use super::{PostgresVault, acts, items};
use crate::shelf::{Act, Changes, Item, Kind, Shelf};

impl Shelf for PostgresVault {
    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Versioned<Item>>> {
        Box::pin(items::one(self, kind.0, id, now))
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        Box::pin(items::put(self, kind.0, item, expected))
    }

    fn remove_item<'a>(&'a self, kind: Kind, id: &'a str) -> Stored<'a, bool> {
        Box::pin(items::remove(self, kind.0, id))
    }

    fn take_item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Item>> {
        Box::pin(items::take(self, kind.0, id, now))
    }

    fn items<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<Versioned<Item>>> {
        Box::pin(items::all(self, kind.0, owner, after, most, now))
    }

    fn ids<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<String>> {
        Box::pin(items::ids(self, kind.0, owner, after, most, now))
    }

    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()> {
        Box::pin(self.book.record(acts))
    }

    fn acts<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<(EntryNumber, Act)>> {
        Box::pin(acts::all(self, owner, before, most))
    }

    fn numbers<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<EntryNumber>> {
        Box::pin(acts::numbers(self, owner, before, most))
    }

    fn sweep(&self, now: Timestamp, acts_before: Timestamp, most: usize) -> Stored<'_, usize> {
        Box::pin(async move {
            let swept = items::sweep(self, now, most).await? + acts::sweep(self, acts_before, most).await?;
            Ok(usize::try_from(swept).unwrap_or(usize::MAX))
        })
    }

    fn changes(&self) -> Stored<'_, Box<dyn Changes>> {
        Box::pin(async {
            let changes: Box<dyn Changes> = Box::new(self.ear.listen().await);
            Ok(changes)
        })
    }
}

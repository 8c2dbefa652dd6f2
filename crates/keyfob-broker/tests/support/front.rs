//! A shelf of a test's own in front of another one: what it says nothing about goes on to the one behind.

use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected, Generation, Stored, Versioned};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Act, Changes, Item, Kind};

/// What is different from the shelf behind: what is written here, and no more.
pub trait Hooks: Send + Sync + std::fmt::Debug {
    fn behind(&self) -> &dyn Shelf;

    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Versioned<Item>>> {
        self.behind().item(kind, id, now)
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        self.behind().put_item(kind, item, expected)
    }

    fn remove_item<'a>(&'a self, kind: Kind, id: &'a str) -> Stored<'a, bool> {
        self.behind().remove_item(kind, id)
    }

    fn take_item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Item>> {
        self.behind().take_item(kind, id, now)
    }

    fn items<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<Versioned<Item>>> {
        self.behind().items(kind, owner, after, most, now)
    }

    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()> {
        self.behind().record(acts)
    }

    fn acts<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<(EntryNumber, Act)>> {
        self.behind().acts(owner, before, most)
    }

    fn changes(&self) -> Stored<'_, Box<dyn Changes>> {
        self.behind().changes()
    }
}

/// The shelf of such hooks.
#[derive(Debug, Default)]
pub struct Front<H>(pub H);

impl<H> std::ops::Deref for Front<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.0
    }
}

impl<H: Hooks> Shelf for Front<H> {
    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Versioned<Item>>> {
        self.0.item(kind, id, now)
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        self.0.put_item(kind, item, expected)
    }

    fn remove_item<'a>(&'a self, kind: Kind, id: &'a str) -> Stored<'a, bool> {
        self.0.remove_item(kind, id)
    }

    fn take_item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Item>> {
        self.0.take_item(kind, id, now)
    }

    fn items<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<Versioned<Item>>> {
        self.0.items(kind, owner, after, most, now)
    }

    fn ids<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<String>> {
        self.0.behind().ids(kind, owner, after, most, now)
    }

    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()> {
        self.0.record(acts)
    }

    fn acts<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<(EntryNumber, Act)>> {
        self.0.acts(owner, before, most)
    }

    fn numbers<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<EntryNumber>> {
        self.0.behind().numbers(owner, before, most)
    }

    fn sweep(&self, now: Timestamp, before: Timestamp, most: usize) -> Stored<'_, usize> {
        self.0.behind().sweep(now, before, most)
    }

    fn changes(&self) -> Stored<'_, Box<dyn Changes>> {
        self.0.changes()
    }
}

//! A shelf that fails on demand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected, Generation, Stored, Versioned};
use keyfob_store::shelf::{Act, Changes, Item, Kind};
use keyfob_store::{MemoryShelf, Shelf};

/// A shelf whose book is full when the test says so; and where somebody else may be first.
#[derive(Debug, Default)]
pub struct Disk {
    inner: MemoryShelf,
    full: AtomicBool,
    first: Mutex<Option<(Kind, &'static str)>>,
}

impl Disk {
    pub fn is_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// Right before the next item of this kind is put, somebody else puts one in its place, with this content.
    pub fn is_first(&self, kind: Kind, content: &'static str) {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some((kind, content));
    }
}

impl Shelf for Disk {
    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Versioned<Item>>> {
        self.inner.item(kind, id, now)
    }
    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take_if(|(of, _)| *of == kind);
        Box::pin(async move {
            if let Some((_, content)) = first {
                let theirs = Item { content: content.as_bytes().to_vec().into(), ..item.clone() };
                self.inner.put_item(kind, &theirs, expected).await?;
            }
            self.inner.put_item(kind, item, expected).await
        })
    }
    fn remove_item<'a>(&'a self, kind: Kind, id: &'a str) -> Stored<'a, bool> {
        self.inner.remove_item(kind, id)
    }
    fn take_item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Item>> {
        self.inner.take_item(kind, id, now)
    }
    fn items<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<Versioned<Item>>> {
        self.inner.items(kind, owner, after, most, now)
    }
    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()> {
        Box::pin(async move {
            if self.full.load(Ordering::SeqCst) {
                return Err(StoreError::Io("the disk is full".to_owned(), std::io::ErrorKind::StorageFull.into()));
            }
            self.inner.record(acts).await
        })
    }
    fn acts<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<(EntryNumber, Act)>> {
        self.inner.acts(owner, before, most)
    }
    fn sweep(&self, now: Timestamp, before: Timestamp, most: usize) -> Stored<'_, usize> {
        self.inner.sweep(now, before, most)
    }
    fn changes(&self) -> Stored<'_, Box<dyn Changes>> {
        self.inner.changes()
    }
}

//! A shelf that fails on demand, and where somebody else may be faster.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected, Generation, Stored, Versioned};
use keyfob_store::shelf::{Act, Item, Kind};
use keyfob_store::{MemoryShelf, Shelf};

use super::front::{Front, Hooks};

/// A shelf whose book is full when the test says so; and where somebody else may be first.
pub type Disk = Front<Hand>;

/// What the test's hand does to it.
pub struct Hand {
    behind: Arc<dyn Shelf>,
    full: AtomicBool,
    unread: Mutex<Option<Kind>>,
    damaged: Mutex<BTreeSet<String>>,
    first: Mutex<Option<(Kind, First)>>,
    /// So many writes go well before one fails.
    good: Mutex<Option<usize>>,
}

/// What somebody else does on the shelf behind, right before an item is put.
type First = Box<dyn FnOnce(Arc<dyn Shelf>, Item) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>> + Send>;

impl Default for Hand {
    fn default() -> Self {
        Self::over(Arc::new(MemoryShelf::default()))
    }
}

impl Hand {
    pub fn over(behind: Arc<dyn Shelf>) -> Self {
        let (unread, damaged, first, good) = (Mutex::default(), Mutex::default(), Mutex::default(), Mutex::default());
        Self { behind, full: AtomicBool::default(), unread, damaged, first, good }
    }

    pub fn is_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// So many writes go well, and the one after them fails.
    pub fn fails_after(&self, writes: usize) {
        *self.good.lock().unwrap_or_else(PoisonError::into_inner) = Some(writes);
    }

    /// All writes go well from now on; whether one has failed.
    pub fn has_failed(&self) -> bool {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).take().is_none()
    }

    /// An error where it is this write's turn to fail.
    fn written(&self) -> Result<(), StoreError> {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        match *good {
            Some(0) => {
                *good = None;
                Err(StoreError::Io("the disk fails".to_owned(), std::io::ErrorKind::Other.into()))
            }
            Some(left) => {
                *good = Some(left - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Items of this kind cannot be read any more; `None`: all can.
    pub fn cannot_read(&self, kind: Option<Kind>) {
        *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = kind;
    }

    /// A bit of this item is not what it was: it opens no more, and a list with it neither.
    pub fn damage(&self, id: &str) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    }

    /// All is whole again.
    pub fn whole(&self) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The same of a line of the book.
    pub fn damage_line(&self, number: EntryNumber) {
        self.damage(&format!("line {}", number.0));
    }

    fn is_damaged(&self, id: &str) -> bool {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// Right before the next item of this kind is put, somebody else puts one in its place, with this content.
    pub fn is_first(&self, kind: Kind, content: &'static str) {
        self.before_put(kind, move |behind, item| async move {
            let theirs = Item { content: content.as_bytes().to_vec().into(), ..item };
            behind.put_item(kind, &theirs, Expected::Anything).await.map(drop)
        });
    }

    /// Right before the next item of this kind is put, somebody else does this.
    pub fn before_put<F: Future<Output = Result<(), StoreError>> + Send + 'static>(
        &self,
        kind: Kind,
        act: impl FnOnce(Arc<dyn Shelf>, Item) -> F + Send + 'static,
    ) {
        let act: First = Box::new(|behind, item| Box::pin(act(behind, item)));
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some((kind, act));
    }
}

impl std::fmt::Debug for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.behind.fmt(f)
    }
}

impl Hooks for Hand {
    fn behind(&self) -> &dyn Shelf {
        &*self.behind
    }

    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Versioned<Item>>> {
        if *self.unread.lock().unwrap_or_else(PoisonError::into_inner) == Some(kind) {
            return Box::pin(async { Err(StoreError::Io("the disk fails".to_owned(), std::io::ErrorKind::Other.into())) });
        }
        if self.is_damaged(id) {
            return Box::pin(async { Err(StoreError::Corrupt("a bit fell over".to_owned())) });
        }
        self.behind.item(kind, id, now)
    }

    fn items<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<Versioned<Item>>> {
        Box::pin(async move {
            let items = self.behind.items(kind, owner, after, most, now).await?;
            let is_whole = items.iter().all(|item| !self.is_damaged(&item.value.id));
            if is_whole { Ok(items) } else { Err(StoreError::Corrupt("a bit fell over".to_owned())) }
        })
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take_if(|(of, _)| *of == kind);
        Box::pin(async move {
            if let Some((_, act)) = first {
                act(self.behind.clone(), item.clone()).await?;
            }
            // That the history was read is written by nobody who is waited for.
            if kind != Kind("webhook-position") {
                self.written()?;
            }
            self.behind.put_item(kind, item, expected).await
        })
    }

    fn remove_item<'a>(&'a self, kind: Kind, id: &'a str) -> Stored<'a, bool> {
        Box::pin(async move {
            self.written()?;
            self.behind.remove_item(kind, id).await
        })
    }

    fn take_item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Item>> {
        Box::pin(async move {
            self.written()?;
            self.behind.take_item(kind, id, now).await
        })
    }

    fn acts<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<(EntryNumber, Act)>> {
        Box::pin(async move {
            let acts = self.behind.acts(owner, before, most).await?;
            let is_whole = acts.iter().all(|(number, _)| !self.is_damaged(&format!("line {}", number.0)));
            if is_whole { Ok(acts) } else { Err(StoreError::Corrupt("a bit fell over".to_owned())) }
        })
    }

    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()> {
        Box::pin(async move {
            if self.full.load(Ordering::SeqCst) {
                return Err(StoreError::Io("the disk is full".to_owned(), std::io::ErrorKind::StorageFull.into()));
            }
            self.written()?;
            self.behind.record(acts).await
        })
    }
}

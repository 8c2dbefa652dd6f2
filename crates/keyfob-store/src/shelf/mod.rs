//! What a program keeps in the vault beside apps and accounts: people, their sessions, valet keys, links that count once; and the book of
//! who did what.
//!
//! [`Shelf`] knows items and acts, not what is in them. Both are sealed like every record of the vault, and bound to their kind, id, owner and
//! generation; they are moved, sealed anew and checked along with it.

mod herald;
mod memory;
mod rows;

use std::fmt;

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected, Generation, Stored, Versioned};
use zeroize::Zeroizing;

pub(crate) use herald::{Hearing, Herald, Listening};
pub use memory::MemoryShelf;
pub(crate) use rows::{ActRow, ItemRow, next_generation};

/// What sort of thing an item is: a short word of the program that keeps it (`person`). Items of different kinds may have the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub &'static str);

/// Something that is kept.
///
/// Ids and owners are columns that can be searched for, and seen by whoever can read the database: they are random numbers, or hashes of
/// secrets, and never a secret or a person's name. At most 128 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// Which one of its kind.
    pub id: String,
    /// Whose it is: what [`Shelf::items`] can list by.
    pub owner: Option<String>,
    /// When it is no longer there.
    pub expires_at: Option<Timestamp>,
    /// What the program makes of it; sealed.
    pub content: Zeroizing<Vec<u8>>,
}

/// Something that was done: a line of the book, which nobody changes any more.
#[derive(Clone, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Whose book it is in.
    pub owner: Option<String>,
    /// What the program makes of it; sealed.
    pub content: Zeroizing<Vec<u8>>,
}

/// What became different, for whoever keeps something in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This item was put, removed or taken.
    Item {
        /// The name of its kind.
        kind: String,
        /// Its id.
        id: String,
    },
    /// Something may have changed, and nobody says what: forget everything. After [`Lost`](Self::Lost) it means that changes are told again.
    Anything,
    /// Changes are not told any more until [`Anything`](Self::Anything) comes: keep nothing in memory until then.
    Lost,
}

/// Receives changes, those of this process and those of others.
///
/// A change is told within half a second after it was acknowledged. Dropping this ends it.
pub trait Changes: Send {
    /// Waits for the next one. Cancelling it loses nothing.
    fn next(&mut self) -> std::pin::Pin<Box<dyn Future<Output = Change> + Send + '_>>;
}

/// A place in the vault for a program's own items.
pub trait Shelf: Send + Sync + fmt::Debug {
    /// The item, unless it has expired.
    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Versioned<Item>>>;

    /// Keeps an item; durable when it is acknowledged.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if what is there is not what is `expected`. An expired item counts as one that is there until it is swept.
    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation>;

    /// Removes an item; `false` if there was none.
    fn remove_item<'a>(&'a self, kind: Kind, id: &'a str) -> Stored<'a, bool>;

    /// Hands an item out, once: of any number of callers, on any number of machines, one gets it. `None` if it is not there or has expired.
    fn take_item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Item>>;

    /// Items of a kind in the order of their ids, at most so many: all, or those of an owner; from the one after `after`. Without those that
    /// have expired.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if one of them is damaged.
    fn items<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<Versioned<Item>>>;

    /// The ids of what [`items`](Self::items) would list, without a look at what is in them: where one is damaged, the others are read one by one.
    fn ids<'a>(
        &'a self,
        kind: Kind,
        owner: Option<&'a str>,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Stored<'a, Vec<String>>;

    /// Writes lines into the book, all or none; durable when it is acknowledged. Those who write at the same time share one wait for the disk.
    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()>;

    /// The newest lines of the book, the newest first: all, or those of an owner; only those before `before`.
    fn acts<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<(EntryNumber, Act)>>;

    /// The numbers of what [`acts`](Self::acts) would give, without a look at what is in them: where one is damaged, the others are read one by one.
    fn numbers<'a>(&'a self, owner: Option<&'a str>, before: Option<EntryNumber>, most: usize) -> Stored<'a, Vec<EntryNumber>>;

    /// Removes items that have expired, and lines of the book from before `acts_before`, but for the newest of all; how many. At most so many
    /// of each, so that nobody waits for long.
    fn sweep(&self, now: Timestamp, acts_before: Timestamp, most: usize) -> Stored<'_, usize>;

    /// What changes from now on.
    fn changes(&self) -> Stored<'_, Box<dyn Changes>>;
}

/// The longest id or owner, in characters.
pub const LONGEST_ID: usize = 128;

impl Item {
    /// One that is nobody's and does not expire.
    pub fn new(id: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { id: id.into(), owner: None, expires_at: None, content: Zeroizing::new(content.into()) }
    }

    /// The same, owned.
    #[must_use]
    pub fn owned_by(self, owner: impl Into<String>) -> Self {
        Self { owner: Some(owner.into()), ..self }
    }

    /// The same, until then.
    #[must_use]
    pub fn until(self, expires_at: Timestamp) -> Self {
        Self { expires_at: Some(expires_at), ..self }
    }

    /// Whether it is no longer there.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// Without the content.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, owner, expires_at, content } = self;
        f.debug_struct("Item")
            .field("id", id)
            .field("owner", owner)
            .field("expires_at", expires_at)
            .field("content", &format_args!("{} bytes", content.len()))
            .finish()
    }
}

/// Without the content.
impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, owner, content } = self;
        f.debug_struct("Act").field("at", at).field("owner", owner).field("content", &format_args!("{} bytes", content.len())).finish()
    }
}

/// Ids and owners that every database takes and orders alike. What is none can be looked for, and is never there.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_ID && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An error where an item could not be found again.
pub(crate) fn check_item(item: &Item) -> Result<(), StoreError> {
    if is_name(&item.id) { check_owner(item.owner.as_deref()) } else { Err(no_name()) }
}

pub(crate) fn check_owner(owner: Option<&str>) -> Result<(), StoreError> {
    if owner.is_none_or(is_name) { Ok(()) } else { Err(no_name()) }
}

fn no_name() -> StoreError {
    let what = std::io::Error::new(std::io::ErrorKind::InvalidInput, "an id or owner is not 1 to 128 printable ASCII characters");
    StoreError::Io("it cannot be kept".to_owned(), what)
}

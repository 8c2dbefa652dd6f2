//! What was read of the shelf, until something changes it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So much is remembered; when it is full it begins anew.
const MOST: usize = 10_000;

/// Items of one kind, as they were read. It remembers nothing while nobody tells it what changes.
#[derive(Debug)]
pub(crate) struct Memory<T>(Mutex<Held<T>>);

#[derive(Debug)]
struct Held<T> {
    hears: bool,
    /// Moves on with every change.
    turn: u64,
    items: HashMap<String, T>,
}

/// The turn at which somebody began to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn(u64);

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Mutex::new(Held { hears: false, turn: 0, items: HashMap::new() }))
    }
}

impl<T: Clone> Memory<T> {
    /// What is remembered; or else the turn to give back with what is read now.
    pub(crate) fn get(&self, id: &str) -> Result<T, Turn> {
        let held = self.held();
        held.items.get(id).cloned().ok_or(Turn(held.turn))
    }

    /// Remembers what was read, unless something changed since the reading began: it may have been this.
    pub(crate) fn put(&self, id: &str, value: T, since: Turn) {
        let mut held = self.held();
        if !held.hears || held.turn != since.0 {
            return;
        }
        if held.items.len() >= MOST {
            held.items.clear();
        }
        held.items.insert(id.to_owned(), value);
    }

    /// It was changed.
    pub(crate) fn forget(&self, id: &str) {
        let mut held = self.held();
        held.turn += 1;
        held.items.remove(id);
    }

    /// Changes are told from now on.
    pub(crate) fn begin(&self) {
        self.set(true);
    }

    /// Changes are not told any more.
    pub(crate) fn end(&self) {
        self.set(false);
    }

    fn set(&self, hears: bool) {
        let mut held = self.held();
        held.turn += 1;
        held.hears = hears;
        held.items.clear();
    }

    fn held(&self) -> MutexGuard<'_, Held<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(memory: &Memory<u8>, id: &str) -> Turn {
        memory.get(id).expect_err("nothing is remembered")
    }

    #[test]
    fn what_changed_while_it_was_read_is_not_remembered() {
        let memory = Memory::default();
        let early = read(&memory, "a");
        memory.put("a", 1, early);
        read(&memory, "a");
        memory.begin();
        memory.put("a", 1, early);
        let since = read(&memory, "a");
        memory.forget("a");
        memory.put("a", 1, since);
        let since = read(&memory, "a");
        memory.put("a", 2, since);
        assert_eq!(memory.get("a").ok(), Some(2));
        memory.end();
        let since = read(&memory, "a");
        memory.put("a", 2, since);
        read(&memory, "a");
    }
}

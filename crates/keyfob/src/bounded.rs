//! What is remembered of servers, and of no more than so many: a program that meets new ones all the time must not grow with them.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// A map with room for so many. Where there is none, what was not asked for the longest goes: one, and not all. A server that is in use is not asked
/// again for its keys because a thousand others came by.
pub(crate) struct Bounded<K, V> {
    most: usize,
    /// Counts what was asked for; clocks are turned, and this is not.
    uses: u64,
    by_key: BTreeMap<K, (u64, V)>,
}

impl<K: Ord + Clone, V> Bounded<K, V> {
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, uses: 0, by_key: BTreeMap::new() }
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.uses += 1;
        let (used, value) = self.by_key.get_mut(key)?;
        *used = self.uses;
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.uses += 1;
        if !self.by_key.contains_key(&key) {
            self.make_room();
        }
        self.by_key.insert(key, (self.uses, value));
    }

    pub(crate) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.uses += 1;
        if !self.by_key.contains_key(&key) {
            self.make_room();
        }
        let (used, value) = self.by_key.entry(key).or_default();
        *used = self.uses;
        value
    }

    fn make_room(&mut self) {
        if self.by_key.len() < self.most {
            return;
        }
        let oldest = self.by_key.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.by_key.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_not_asked_for_the_longest_makes_room() {
        let mut bounded = Bounded::new(3);
        for key in [1, 2, 3] {
            bounded.insert(key, key * 10);
        }
        assert_eq!(bounded.get(&1), Some(&10));
        bounded.insert(2, 21);
        *bounded.get_or_default(4) = 40;
        assert_eq!(bounded.get(&3), None, "it is gone");
        assert_eq!(bounded.by_key.len(), 3, "and nothing else");
        for (key, value) in [(1, 10), (2, 21), (4, 40)] {
            assert_eq!(bounded.get(&key), Some(&value));
        }
    }

    #[test]
    fn a_flood_of_strangers_leaves_what_is_in_use() {
        let mut bounded = Bounded::new(256);
        bounded.insert(0, "ours");
        for stranger in 1..10_000 {
            bounded.get_or_default(stranger);
            assert_eq!(bounded.get(&0), Some(&"ours"));
        }
        assert_eq!(bounded.by_key.len(), 256);
    }
}

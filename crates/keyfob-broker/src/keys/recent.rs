//! What was used of late, and of no more than so many: two maps, of which the older one is dropped when the younger is full. What is in use moves
//! over, and nothing is searched for the oldest.

use std::collections::HashMap;

use foldhash::fast::RandomState;

#[derive(Debug)]
pub(crate) struct Recent<V> {
    most: usize,
    young: Map<V>,
    old: Map<V>,
}

/// What is kept is in the vault, and what else somebody asks for is only looked for. A label in an account's name is chosen by a person, with a login for
/// each: a faster hash will do, whose seed nobody knows.
type Map<V> = HashMap<Box<str>, V, RandomState>;

impl<V: Clone> Recent<V> {
    /// Room for so many that are in use; at most twice as many are kept.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, young: Map::default(), old: Map::default() }
    }

    pub(crate) fn get(&mut self, key: &str) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.put(key, value.clone());
        Some(value)
    }

    pub(crate) fn put(&mut self, key: &str, value: V) {
        if let Some(there) = self.young.get_mut(key) {
            *there = value;
            return;
        }
        if self.young.len() >= self.most {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(key);
        self.young.insert(key.into(), value);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.young.remove(key);
        self.old.remove(key);
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_stays_and_the_rest_is_bounded() {
        let mut recent = Recent::new(10);
        recent.put("ours", 0);
        for stranger in 0..1000 {
            recent.put(&stranger.to_string(), stranger);
            assert_eq!(recent.get("ours"), Some(0));
            assert!(recent.young.len() + recent.old.len() <= 20);
        }
        assert_eq!(recent.get("1"), None);
        recent.remove("ours");
        assert_eq!(recent.get("ours"), None);
        recent.clear();
        assert_eq!(recent.get("999"), None);
    }
}

//! What may come once: identifiers of assertions and proofs (RFC 7523 §3, RFC 9449 §11.1). Each is kept as long as what it names could be used.

use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Once(HashMap<String, i64>);

/// Swept beyond this; if all of it could still be used, nothing new is taken. High, so that a client that is measured does not meet it.
const KEPT: usize = 500_000;

impl Once {
    /// Whether this is the first time; from now on it is not, until `expires`.
    pub(super) fn first(&mut self, id: &str, expires: i64, now: i64) -> bool {
        if self.0.len() >= KEPT {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() >= KEPT || self.0.get(id).is_some_and(|until| *until > now) {
            return false;
        }
        self.0.insert(id.to_owned(), expires);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_time_is_refused_until_it_does_not_matter_any_more() {
        let mut once = Once::default();
        assert!(once.first("a", 100, 0));
        assert!(!once.first("a", 100, 99));
        assert!(once.first("b", 100, 99));
        assert!(once.first("a", 200, 100));
    }
}

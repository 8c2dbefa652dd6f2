//! The sessions of this process: one an account; and what those of one app have in common.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use crate::session::{Setups, Shared};

/// One session an account: whoever opens it again joins its refresh instead of spending the refresh token twice.
#[derive(Default)]
pub(crate) struct Open {
    /// By the account's name.
    sessions: BTreeMap<Box<str>, Weak<Shared>>,
    /// Those that another took the place of, and that somebody may still use: they may have tokens that nobody else has.
    left: Vec<Weak<Shared>>,
    /// What they have in common.
    pub(crate) setups: Setups,
}

impl Open {
    /// The account's.
    pub(crate) fn get(&self, account: &str) -> Option<Arc<Shared>> {
        self.sessions.get(account).and_then(Weak::upgrade)
    }

    /// In the place of the one that is there.
    pub(crate) fn insert(&mut self, account: String, shared: &Arc<Shared>) {
        // Now and then, not each time: a server has many.
        if self.sessions.len() >= 64 && self.sessions.len().is_power_of_two() {
            self.sessions.retain(|_, session| session.strong_count() > 0);
        }
        let before = self.sessions.insert(account.into(), Arc::downgrade(shared));
        self.leave(before);
    }

    /// Whoever opens the account next does so anew.
    pub(crate) fn remove(&mut self, account: &str) {
        let before = self.sessions.remove(account);
        self.leave(before);
    }

    /// The same, unless there is another one in its place already.
    pub(crate) fn remove_if(&mut self, account: &str, shared: &Shared) {
        if self.is(account, shared) {
            self.remove(account);
        }
    }

    /// Whether this is the account's.
    pub(crate) fn is(&self, account: &str, shared: &Shared) -> bool {
        self.sessions.get(account).is_some_and(|open| std::ptr::eq(open.as_ptr(), shared))
    }

    /// All that somebody has in use.
    pub(crate) fn all(&self) -> Vec<Arc<Shared>> {
        self.sessions.values().chain(&self.left).filter_map(Weak::upgrade).collect()
    }

    fn leave(&mut self, before: Option<Weak<Shared>>) {
        self.left.retain(|session| session.strong_count() > 0);
        if let Some(shared) = before.as_ref().and_then(Weak::upgrade) {
            shared.leave();
            self.left.extend(before);
        }
    }
}

//! What a session leaves to the next one of its account. A program that opens one for each call, and keeps none, must not ask for new tokens with each call
//! while the provider is away: it would hammer the provider, and its failures would push out all the account's history.

use std::sync::{Arc, Mutex, PoisonError};

use super::refresh::Pause;
use super::{Known, Setup};
use crate::account::AccountId;
use crate::bounded::Bounded;

/// Of so many accounts.
const MOST: usize = 1000;

/// Pauses of sessions that nobody has any more.
pub(crate) struct LeftPauses(Mutex<Bounded<AccountId, Left>>);

struct Left {
    pause: Pause,
    /// Whose refresh failed, and by which app: other tokens, or another app, have no part in it.
    known: Arc<Known>,
    setup: Arc<Setup>,
}

impl LeftPauses {
    pub(crate) const fn none() -> Self {
        Self(Mutex::new(Bounded::new(MOST)))
    }

    /// The pause of a session that begins.
    pub(super) fn of(&self, id: &AccountId, known: &Known, setup: &Arc<Setup>) -> Pause {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |left: &&Left| {
            known.is_same_access(left.known.tokens()) && (Arc::ptr_eq(&left.setup, setup) || left.setup.is_of(&setup.settings, &setup.app))
        };
        left.get(id).filter(is_same).and_then(|left| left.pause.left()).unwrap_or_default()
    }

    /// The pause of a session that ends.
    pub(super) fn put(&self, id: &AccountId, pause: Pause, known: Arc<Known>, setup: Arc<Setup>) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.insert(id.clone(), Left { pause, known, setup });
    }
}

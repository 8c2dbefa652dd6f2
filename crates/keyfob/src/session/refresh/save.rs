//! New tokens on their way to the store: durable first, visible after. If the store cannot keep them (a full disk), they are used all the
//! same, since nobody else has them; they stay in memory, with the right to refresh, and are written as soon as that can be done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyfob_proto::{Timestamp, TokenSet};

use super::Outcome;
use crate::account::{Account, Health, Moment};
use crate::entropy;
use crate::error::Error;
use crate::history::{Entry, Event, Spending};
use crate::session::{Known, Shared};
use crate::store::{Expected, Hold, StoreError, Versioned};

/// The first pause before a write is tried again in the background; each further one is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(250);

const LONGEST: Duration = Duration::from_secs(60);

/// How often a write is tried that others get in the way of.
const TRIES: usize = 8;

/// What a refresh brought.
pub(super) struct NewTokens {
    /// The record whose refresh token was spent for them.
    pub(super) instead_of: Versioned<Account>,
    pub(super) tokens: TokenSet,
    pub(super) kept: BTreeMap<String, String>,
    pub(super) tolerated: Vec<String>,
    pub(super) refreshed: Moment,
    /// What stays of the note about to spend.
    pub(super) spending: Option<Box<Spending>>,
    pub(super) entry: Entry,
}

/// New tokens that the store could not keep yet. They are in the memory of this process alone: if it ends now, the login is lost.
#[derive(Debug)]
pub struct Unsaved {
    /// The account.
    pub account: String,
    /// Since when.
    pub since: Timestamp,
    /// Why, at the last attempt.
    pub error: StoreError,
}

/// Where they are kept until then.
#[derive(Default)]
pub(crate) struct Unwritten {
    any: AtomicBool,
    kept: Mutex<Option<Arc<Kept>>>,
    /// One attempt at a time.
    turn: tokio::sync::Mutex<()>,
}

struct Kept {
    new: NewTokens,
    since: Timestamp,
    error: Mutex<StoreError>,
    /// Nobody else may spend the old token meanwhile: providers that see it again end the whole login.
    _hold: Hold,
}

/// What became of a write.
enum Saved {
    Written(Versioned<Account>),
    /// A new login, say: that counts.
    Superseded(Versioned<Account>),
    /// Logged out.
    Gone,
}

impl NewTokens {
    fn over(&self, before: &Account) -> Account {
        let mut account = before.clone();
        account.tokens = self.tokens.clone();
        account.kept.extend(self.kept.clone());
        account.tolerated.clone_from(&self.tolerated);
        account.spending.clone_from(&self.spending);
        account.refreshed = Some(self.refreshed.clone()).filter(|moment| *moment != Moment::default());
        // Whoever marked it in between had the old token.
        account.health = Health::Ok;
        account
    }

    /// Whether there is no access token among them: a refresh that failed.
    fn are_refresh_token_alone(&self) -> bool {
        !matches!(self.entry.event, Event::Refreshed { .. })
    }
}

impl Unwritten {
    /// Whether there are any; costs nothing.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// What is told about them.
    pub(crate) fn told(&self) -> Option<Unsaved> {
        let kept = self.kept().clone()?;
        let error = kept.error.lock().unwrap_or_else(PoisonError::into_inner).again();
        Some(Unsaved { account: kept.new.entry.account.clone(), since: kept.since, error })
    }

    fn kept(&self) -> MutexGuard<'_, Option<Arc<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, kept: Option<Arc<Kept>>) {
        let mut now = self.kept();
        self.any.store(kept.is_some(), Ordering::Release);
        *now = kept;
    }
}

impl Shared {
    /// Writes new tokens, and hands them out: also if they cannot be written, for then nobody else has them.
    pub(super) async fn keep(self: &Arc<Self>, new: NewTokens, hold: Hold) -> Outcome {
        let error = match self.save(&new).await {
            Ok(Saved::Written(record)) => return Ok(self.learn_brought(record, &new)),
            Ok(saved) => return self.learn_saved(saved, &new),
            Err(error) => error,
        };
        let Versioned { value, generation } = new.instead_of.clone();
        let received = Versioned { value: new.over(&value), generation };
        tracing::error!(account = value.name, %error, "new tokens came and cannot be kept; they are lost if this process ends now");
        if let Event::Refreshed { refresh, .. } | Event::RefreshFailed { refresh, .. } = &new.entry.event {
            let event = Event::Unsaved { refresh: refresh.clone(), reason: error.to_string() };
            self.keyfob.tell(&self.keyfob.entry(&value, event));
        }
        let kept = Arc::new(Kept { since: self.keyfob.now(), error: Mutex::new(error), new, _hold: hold });
        // Said before they are known, and nobody writes them in between: once they are known, nothing that was read before takes their place.
        let turn = self.unwritten.turn.lock().await;
        self.unwritten.set(Some(kept.clone()));
        let known = self.learn_brought(received, &kept.new);
        drop(turn);
        tokio::spawn(self.clone().write_in_the_background());
        Ok(known)
    }

    /// Tries to write what could not be written before, if there is any. While somebody else tries, that is waited for.
    pub(crate) async fn write_unwritten(&self) -> Result<(), StoreError> {
        if !self.unwritten.any() {
            return Ok(());
        }
        let _turn = self.unwritten.turn.lock().await;
        let Some(kept) = self.unwritten.kept().clone() else { return Ok(()) };
        match self.save(&kept.new).await {
            Ok(saved) => {
                tracing::info!(account = kept.new.entry.account, "the store takes writes again");
                // Not before they are known: the record of the store is not looked at while there are any.
                let learnt = self.learn_saved(saved, &kept.new);
                self.unwritten.set(None);
                // What whoever logged out had revoked were the old ones.
                if matches!(learnt, Err(Error::NoAccount { .. })) {
                    let before = Known::read(kept.new.instead_of.clone(), None);
                    self.revoke_new(&before, kept.new.tokens.clone()).await;
                }
                Ok(())
            }
            Err(error) => {
                *kept.error.lock().unwrap_or_else(PoisonError::into_inner) = error.again();
                Err(error)
            }
        }
    }

    async fn write_in_the_background(self: Arc<Self>) {
        let mut pause = FIRST;
        while self.unwritten.any() {
            tokio::time::sleep(entropy::about(pause)).await;
            pause = (pause * 2).min(LONGEST);
            drop(self.write_unwritten().await);
        }
    }

    /// One durable transaction: the tokens, the end of the note, the entry.
    async fn save(&self, new: &NewTokens) -> Result<Saved, StoreError> {
        let mut before = new.instead_of.clone();
        for _ in 0..TRIES {
            let account = new.over(&before.value);
            match self.keyfob.put(&account, Expected::Generation(before.generation), Some(&new.entry)).await {
                Ok(generation) => return Ok(Saved::Written(Versioned { value: account, generation })),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
            let Some(now) = self.keyfob.store().account(&account.name).await? else { return Ok(Saved::Gone) };
            let there = Known::read(now, None);
            let is_same_account = there.account().id == account.id;
            // A write that was reported as failed, and was none.
            if is_same_account && there.is_same_issue(&new.tokens) {
                self.keyfob.tell(&new.entry);
                return Ok(Saved::Written(there.record().clone()));
            }
            // Somebody marked the account with the old tokens in it (was refused with the same refresh token, after us): the new tokens are
            // ours to write, or nobody has them.
            if !is_same_account || !there.is_same_issue(&new.instead_of.value.tokens) {
                return Ok(Saved::Superseded(there.record().clone()));
            }
            before = there.record().clone();
        }
        Err(StoreError::Conflict)
    }

    /// An access token that was there before is no younger for the refresh token that came.
    fn learn_brought(&self, record: Versioned<Account>, new: &NewTokens) -> Arc<Known> {
        if new.are_refresh_token_alone() { self.learn_written(record) } else { self.learn_received(record) }
    }

    fn learn_saved(&self, saved: Saved, new: &NewTokens) -> Outcome {
        match saved {
            Saved::Written(record) | Saved::Superseded(record) => {
                self.check_is_of(&record.value)?;
                let known = self.learn_written(record);
                known.usable().map(|()| known)
            }
            Saved::Gone => Err(Error::NoAccount { name: new.entry.account.clone() }),
        }
    }
}

//! What all sessions of one account share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyfob_proto::oauth2::dpop::ProofKey;
use keyfob_proto::{App, Flow, Misuse, OAuth2Tokens, Scrubber, Settings, oauth2};

use super::refresh::{Flights, Pause, Unwritten};
use super::{Known, Setup};
use crate::account::{Account, AccountId};
use crate::error::Error;
use crate::keyfob::Keyfob;
use crate::store::Versioned;

/// What all sessions of one account share.
pub(crate) struct Shared {
    pub(crate) keyfob: Keyfob,
    /// Whose this is: a name may be somebody else's account by now, and a call that was made for this one is not to be carried out with their tokens.
    id: AccountId,
    pub(super) setup: Arc<Setup>,
    known: Mutex<Arc<Known>>,
    /// The key that the tokens in use are bound to, ready to make proofs.
    proof_key: Mutex<Option<Arc<ProofKey>>>,
    pub(super) flights: Flights,
    pub(super) pause: Pause,
    pub(super) unwritten: Unwritten,
    /// Whether whoever opens the account in this process is given another one.
    left: AtomicBool,
}

impl Shared {
    pub(crate) fn new(keyfob: Keyfob, settings: Settings, app: App, record: Versioned<Account>) -> Result<Self, Error> {
        record.value.belongs_to(&app)?;
        // Where the API of this account is, its login said, or nobody knows.
        let settings = settings.of_account(&record.value.kept).map_err(|unknown| {
            let hint = format!("log in again: keyfob login {}", record.value.name);
            Misuse::new(unknown.expected, unknown.found).with_hint(hint)
        })?;
        let setup = keyfob.setup(settings, app)?;
        let id = record.value.id.clone();
        let known = Arc::new(Known::read(record, None));
        let pause = keyfob.left_pauses().of(&id, &known, &setup);
        let (known, flights, unwritten) = (Mutex::new(known), Flights::default(), Unwritten::default());
        let proof_key = Mutex::default();
        Ok(Self { keyfob, id, setup, known, proof_key, flights, pause, unwritten, left: AtomicBool::new(false) })
    }

    /// Nobody is given this one any more.
    pub(crate) fn leave(&self) {
        self.left.store(true, Ordering::Release);
    }

    pub(super) fn is_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }

    /// The key that these tokens are bound to, where they are. Read once: every call is proved with it.
    pub(super) fn proof_key(&self, tokens: &OAuth2Tokens) -> Result<Option<Arc<ProofKey>>, Error> {
        let (Some(stored), Flow::OAuth2(flow)) = (&tokens.proof_key, &self.setup.settings.flow) else { return Ok(None) };
        let mut ready = self.proof_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = ready.as_ref().filter(|key| key.stored().same_as(stored.expose())) {
            return Ok(Some(key.clone()));
        }
        let key = Arc::new(self.keyfob.proof_key(flow, stored)?);
        *ready = Some(key.clone());
        Ok(Some(key))
    }

    /// The client, with the key that these tokens are bound to.
    pub(super) fn client_of(&self, client: &oauth2::Client, tokens: &OAuth2Tokens) -> Result<oauth2::Client, Error> {
        let client = client.clone();
        Ok(match self.proof_key(tokens)? {
            Some(key) => client.with_proof_key(ProofKey::clone(&key)),
            None => client,
        })
    }

    /// Whether it was opened with these.
    pub(crate) fn is_of(&self, settings: &Settings, app: &App) -> bool {
        let is_own = || settings.api.base_of_account.is_some() && self.are_own(settings, self.known().account());
        (self.setup.settings == *settings || is_own()) && self.setup.app.same_as(app)
    }

    /// Whether an account as it is now has its API where it was when this was opened: a login at another organisation moves it.
    pub(crate) fn is_still_at(&self, account: &Account) -> bool {
        self.setup.settings.api.base_of_account.is_none() || self.are_own(&self.setup.settings, account)
    }

    fn are_own(&self, settings: &Settings, account: &Account) -> bool {
        settings.of_account(&account.kept).is_ok_and(|own| own == self.setup.settings)
    }

    /// Whether both were opened with the same, for the same account.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.id == other.id && (Arc::ptr_eq(&self.setup, &other.setup) || self.setup.is_of(&other.setup.settings, &other.setup.app))
    }

    /// Whether this was opened for the account.
    pub(crate) fn is_account(&self, account: &Account) -> bool {
        self.id == account.id
    }

    /// The account as this process knows it.
    pub(crate) fn known(&self) -> Arc<Known> {
        self.guard().clone()
    }

    /// Learns what the store says; while it lacks the newest tokens, this process knows better. `before` is what was known when the read began: what was
    /// learnt since may be newer than what was read. What was known already is not asked to be older: a vault that was put back in place counts again from
    /// where it was.
    pub(super) fn learn(&self, record: Versioned<Account>, before: &Arc<Known>) -> Result<Arc<Known>, Error> {
        self.check_is_of(&record.value)?;
        if self.unwritten.any() {
            return Ok(self.known());
        }
        let mut known = self.guard();
        if !Arc::ptr_eq(&known, before) && known.record().generation > record.generation {
            return Ok(known.clone());
        }
        Ok(self.replace(&mut known, record))
    }

    /// A name may have become another provider's account meanwhile, been logged in with another app, or by somebody else. Then nobody is given this session
    /// any more who opens the account.
    pub(super) fn check_is_of(&self, account: &Account) -> Result<(), Error> {
        let name = || account.name.clone();
        let is_of = if account.provider == self.setup.settings.provider {
            let is_own = || if self.is_account(account) { Ok(()) } else { Err(Error::AnotherLogin { account: name() }) };
            account.belongs_to(&self.setup.app).and_then(|()| is_own())
        } else {
            Err(Error::TakenName { name: name(), provider: account.provider.clone() })
        };
        if is_of.is_err() {
            self.keyfob.opened().remove_if(&account.name, self);
        }
        is_of
    }

    /// Learns a record that was read a while ago, unless a newer one is known.
    pub(crate) fn learn_newer(&self, record: &Versioned<Account>) -> Result<Arc<Known>, Error> {
        let known = self.known();
        let is_older = self.is_account(&record.value) && known.record().generation >= record.generation;
        if is_older { Ok(known) } else { self.learn(record.clone(), &known) }
    }

    /// Learns what was written.
    pub(super) fn learn_written(&self, record: Versioned<Account>) -> Arc<Known> {
        self.replace(&mut self.guard(), record)
    }

    /// Learns what a refresh brought.
    pub(super) fn learn_received(&self, record: Versioned<Account>) -> Arc<Known> {
        let mut known = self.guard();
        *known = Arc::new(Known::received(record));
        known.clone()
    }

    fn replace(&self, known: &mut Arc<Known>, record: Versioned<Account>) -> Arc<Known> {
        // A refresh token alone is what is left of a refresh that failed.
        if !known.is_same_access(&record.value.tokens) {
            self.pause.end();
        }
        *known = Arc::new(Known::read(record, Some(known)));
        known.clone()
    }

    pub(super) fn scrubber(&self) -> Scrubber {
        self.setup.app.secrets().fold(self.known().account().scrubber(), Scrubber::knowing)
    }

    fn guard(&self) -> MutexGuard<'_, Arc<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(pause) = self.pause.left().filter(|_| !self.is_left()) {
            self.keyfob.left_pauses().put(&self.id, pause, self.known(), self.setup.clone());
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("provider", &self.setup.settings.provider).finish_non_exhaustive()
    }
}

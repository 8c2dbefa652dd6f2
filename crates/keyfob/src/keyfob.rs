//! What every login and session needs: a store, a transport, a clock, randomness.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use keyfob_proto::{App, Entropy, Outgoing, Settings, Timestamp};

use crate::account::Account;
use crate::clock::{Clock, SystemClock};
use crate::entropy::OsEntropy;
use crate::error::Error;
use crate::history::{Actor, Entry, Event};
use crate::session::{Session, Shared};
use crate::store::Store;
use crate::transport::{self, Transport};

/// What every login and session needs. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Keyfob {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy + Send + Sync>,
    /// Who this process is, in histories.
    actor: Actor,
    /// One session an account: whoever opens it again joins its refresh instead of spending the refresh token twice.
    sessions: Mutex<BTreeMap<String, Weak<Shared>>>,
}

impl Keyfob {
    /// With the system's clock and randomness.
    pub fn new(store: Arc<dyn Store>, transport: Arc<dyn Transport>) -> Self {
        Self::with(store, transport, Arc::new(SystemClock), Arc::new(OsEntropy))
    }

    /// With everything chosen.
    pub fn with(
        store: Arc<dyn Store>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy + Send + Sync>,
    ) -> Self {
        Self { inner: Arc::new(Inner { store, transport, clock, entropy, actor: Actor::this(), sessions: Mutex::default() }) }
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        &*self.inner.store
    }

    /// An account in use. The settings and the app are the provider's as they are now, or were when a session of this account was opened
    /// that is still in use; the account is bound to the origins of its login.
    pub async fn session(&self, settings: Settings, app: App, account: &str) -> Result<Session, Error> {
        let opened = self.sessions().get(account).and_then(Weak::upgrade);
        if let Some(shared) = opened.filter(|shared| shared.provider() == settings.provider) {
            return Ok(Session::new(shared));
        }
        let record = self.store().account(account).await?.ok_or_else(|| Error::NoAccount { name: account.to_owned() })?;
        if record.value.provider != settings.provider {
            return Err(Error::TakenName { name: account.to_owned(), provider: record.value.provider });
        }
        let shared = Arc::new(Shared::new(self.clone(), settings, app, record)?);
        let mut sessions = self.sessions();
        // Somebody may have opened it in between: theirs counts.
        if let Some(theirs) = sessions.get(account).and_then(Weak::upgrade) {
            return Ok(Session::new(theirs));
        }
        sessions.retain(|_, session| session.strong_count() > 0);
        sessions.insert(account.to_owned(), Arc::downgrade(&shared));
        Ok(Session::new(shared))
    }

    /// Forgets the open session of an account: after a login or logout, the next one reads the store afresh.
    pub(crate) fn forget_session(&self, account: &str) {
        self.sessions().remove(account);
    }

    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.inner.transport
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.inner.entropy
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// An entry for the history, by this process, now.
    pub fn entry(&self, account: &Account, event: Event) -> Entry {
        Entry::new(account, self.now(), self.inner.actor.clone(), event)
    }

    /// Sends a request of the protocol core and reads the whole answer.
    pub(crate) async fn exchange(&self, request: &Outgoing) -> Result<http::Response<Vec<u8>>, Error> {
        Ok(transport::exchange(self.transport(), request).await?)
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Weak<Shared>>> {
        self.inner.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Keyfob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyfob")
    }
}

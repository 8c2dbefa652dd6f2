//! What every service has: its apps, its faults, its consent, its log. And what a service is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::acme::SamlAssertion;
use crate::apps::Registration;
use crate::clock::Clock;
use crate::consent::Consent;
use crate::fault::{Faults, Zone};
use crate::message::{Call, Reply};
use crate::recorder::Seen;
use crate::tls::Authority;

/// A pretend provider: plain functions from request to answer, over state of its own.
pub(crate) trait Service: Send + Sync + 'static {
    /// The headers of its own in which credentials travel.
    fn credential_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn zone(&self, call: &Call) -> Zone;

    fn answer(&self, desk: &Desk, call: &Call) -> Reply;

    /// From now on, every access token issued so far is expired.
    fn expire_access_tokens(&self, desk: &Desk);

    /// A SAML assertion by the identity provider that it trusts, if it trusts any.
    fn saml_assertion(&self, _desk: &Desk, _says: &SamlAssertion) -> Option<String> {
        None
    }

    /// New keys to sign with; says whether it signs anything.
    fn rotate_keys(&self) -> bool {
        false
    }

    /// The body of its 429.
    fn too_many_requests(&self) -> Reply;

    /// What it says when it is no more. None of the four real services has told how it would say so.
    fn retired(&self) -> Reply {
        Reply::empty(410)
    }
}

/// One service's front desk.
pub(crate) struct Desk {
    pub(crate) service: &'static str,
    pub(crate) clock: Clock,
    faults: Mutex<Faults>,
    consent: Mutex<Consent>,
    apps: Mutex<Vec<Registration>>,
    seen: Mutex<VecDeque<Seen>>,
    door: OnceLock<SecureDoor>,
}

/// A second door, with TLS.
pub(crate) struct SecureDoor {
    pub(crate) origin: String,
    pub(crate) authority: Arc<Authority>,
}

/// The log forgets its oldest entries beyond this.
const REMEMBERED: usize = 10_000;

impl Desk {
    pub(crate) fn new(service: &'static str, clock: Clock) -> Self {
        Self {
            service,
            clock,
            faults: Mutex::default(),
            consent: Mutex::default(),
            apps: Mutex::default(),
            seen: Mutex::default(),
            door: OnceLock::new(),
        }
    }

    /// The door with TLS, where there is one.
    pub(crate) fn door(&self) -> Option<&SecureDoor> {
        self.door.get()
    }

    /// There is one from now on; a second is not.
    pub(crate) fn set_door(&self, door: SecureDoor) {
        let _ = self.door.set(door);
    }

    /// The time by which tokens live and die.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The time on the service's wall, which a fault may put wrong.
    pub(crate) fn wall(&self) -> i64 {
        self.clock.now().saturating_add(self.faults().clock_skew)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        held(&self.faults)
    }

    pub(crate) fn consent(&self) -> Consent {
        *held(&self.consent)
    }

    pub(crate) fn set_consent(&self, consent: Consent) {
        *held(&self.consent) = consent;
    }

    pub(crate) fn app(&self, client_id: &str) -> Option<Registration> {
        held(&self.apps).iter().find(|app| app.client_id == client_id).cloned()
    }

    pub(crate) fn register(&self, app: Registration) {
        let mut apps = held(&self.apps);
        apps.retain(|known| known.client_id != app.client_id);
        apps.push(app);
    }

    /// The app is unknown from now on.
    pub(crate) fn deregister(&self, client_id: &str) {
        held(&self.apps).retain(|known| known.client_id != client_id);
    }

    pub(crate) fn record(&self, seen: Seen) {
        let mut log = held(&self.seen);
        if log.len() >= REMEMBERED {
            log.pop_front();
        }
        log.push_back(seen);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        held(&self.seen).iter().cloned().collect()
    }

    pub(crate) fn clear_seen(&self) {
        held(&self.seen).clear();
    }
}

/// A lock is never given up for a panic elsewhere: state stays usable.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

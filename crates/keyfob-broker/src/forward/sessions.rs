//! The accounts in use: a session each, kept between requests, so that a warm one reads no store.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use keyfob::{Error, Keyfob, Session};

use crate::keys::Recent;
use crate::site::Desk;

/// Accounts that are kept open.
const MOST: usize = 10_000;

/// What is older is held against the store: an account that was logged out by another program is used no longer than this. By this one, it is not used again.
const TRUSTED: Duration = Duration::from_secs(1);

/// The accounts in use, by their names in the vault.
pub(crate) struct Sessions(Mutex<Recent<InUse>>);

#[derive(Clone)]
struct InUse {
    session: Session,
    /// With whose app and settings: the owner may enter another app while this is in use.
    desk: Arc<Desk>,
    read: Instant,
}

impl Default for Sessions {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(MOST)))
    }
}

impl Sessions {
    /// The account's session.
    pub(super) async fn get(&self, keyfob: &Keyfob, desk: &Arc<Desk>, name: &str) -> Result<Session, Error> {
        let known = self.held(|held| held.get(name)).filter(|known| Arc::ptr_eq(&known.desk, desk));
        match known {
            Some(known) if known.read.elapsed() < TRUSTED && known.session.is_open() => Ok(known.session),
            // On the heap: this part is rare, and large.
            known => Box::pin(self.read(keyfob, desk, name, known)).await,
        }
    }

    async fn read(&self, keyfob: &Keyfob, desk: &Arc<Desk>, name: &str, known: Option<InUse>) -> Result<Session, Error> {
        let session = match known {
            Some(known) => known.session.reread().await,
            None => keyfob.session(desk.settings.clone(), desk.app.clone(), name).await,
        };
        let session = match session {
            Ok(session) => session,
            Err(error) => {
                self.held(|held| held.remove(name));
                return Err(error);
            }
        };
        let in_use = InUse { session: session.clone(), desk: desk.clone(), read: Instant::now() };
        self.held(|held| held.put(name, in_use));
        Ok(session)
    }

    fn held<T>(&self, work: impl FnOnce(&mut Recent<InUse>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

//! An account in use: attaches or signs, refreshes, retries.
//!
//! ```text
//!  call ──► fresh token? ──no──► refresh (one at a time; the store is the truth)
//!             │ yes                          │
//!             ▼                              ▼
//!         headers, attach or sign ──► send ──► "expired"? ──► refresh once, send once more
//! ```

mod answer;
mod call;
mod refresh;
mod target;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use answer::Answer;
pub use call::{Call, CallBody};
use keyfob_proto::{App, Flow, Misuse, Scrubber, Secret, Settings, TokenSet, oauth1, oauth2};

use crate::account::{Account, Health};
use crate::error::Error;
use crate::keyfob::Keyfob;
use crate::store::Versioned;

/// An account in use. Cheap to clone; clones, and sessions of the same account opened elsewhere, share their token.
#[derive(Clone, Debug)]
pub struct Session {
    shared: Arc<Shared>,
}

/// What all sessions of one account share.
pub(crate) struct Shared {
    keyfob: Keyfob,
    settings: Settings,
    app: App,
    client: Client,
    record: Mutex<Versioned<Account>>,
    flight: refresh::Flight,
}

enum Client {
    OAuth1(oauth1::Client),
    OAuth2(oauth2::Client),
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The account as this process knows it now.
    pub fn account(&self) -> Account {
        self.shared.record().value.clone()
    }

    /// The provider's settings in use.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// A valid access token, for programs that attach it themselves; refreshed first if it ends within `min_valid` seconds.
    /// `NeedsLogin` if it has ended and cannot be refreshed, `Misuse` for OAuth 1, where every request is signed by itself.
    pub async fn token(&self, min_valid: i64) -> Result<Secret, Error> {
        let TokenSet::OAuth2(_) = self.account().tokens else {
            return Err(Misuse::new("an OAuth 2 account, which has a bearer token", "an OAuth 1 account, which signs every request")
                .with_hint("make the call with keyfob itself: keyfob get ACCOUNT PATH")
                .into());
        };
        let tokens = self.shared.fresh(Some(min_valid)).await?;
        if tokens.refresh_token().is_none() && self.shared.has_ended(&tokens) {
            return Err(refresh::ended(self.account().name));
        }
        match tokens {
            TokenSet::OAuth2(tokens) => Ok(tokens.access),
            _ => Err(Misuse::new("an OAuth 2 account", "another one").into()),
        }
    }

    /// Asks for new tokens now, whatever the old ones' age.
    pub async fn refresh(&self) -> Result<Account, Error> {
        let used = self.account().tokens;
        self.shared.refresh(&used, "asked for").await?;
        Ok(self.account())
    }

    /// Takes this account's and app's secrets, and control characters, out of server text.
    pub fn scrubber(&self) -> Scrubber {
        self.shared.scrubber()
    }
}

impl Shared {
    pub(crate) fn provider(&self) -> &str {
        &self.settings.provider
    }

    pub(crate) fn new(keyfob: Keyfob, settings: Settings, app: App, record: Versioned<Account>) -> Result<Self, Error> {
        let client = match &settings.flow {
            Flow::OAuth1(_) => Client::OAuth1(oauth1::Client::new(&settings, app.clone())?),
            Flow::OAuth2(_) => Client::OAuth2(oauth2::Client::new(&settings, app.clone())?),
            _ => return Err(Misuse::new("a provider of a kind this version speaks", "another kind").into()),
        };
        Ok(Self { keyfob, settings, app, client, record: Mutex::new(record), flight: refresh::Flight::default() })
    }

    fn record(&self) -> MutexGuard<'_, Versioned<Account>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tokens as this process knows them, if the account can be used at all.
    fn tokens(&self) -> Result<TokenSet, Error> {
        let record = self.record();
        match &record.value.health {
            Health::Ok => Ok(record.value.tokens.clone()),
            Health::NeedsLogin { reason, .. } => Err(Error::NeedsLogin { account: record.value.name.clone(), reason: reason.clone() }),
        }
    }

    fn scrubber(&self) -> Scrubber {
        self.app.secrets().fold(self.record().value.scrubber(), Scrubber::knowing)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("provider", &self.settings.provider).finish_non_exhaustive()
    }
}

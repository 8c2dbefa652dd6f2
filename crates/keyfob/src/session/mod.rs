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
mod disown;
mod known;
mod left;
mod mask;
mod refresh;
mod said;
mod settle;
mod setup;
mod shared;
mod signed_in;
mod target;
mod token;
mod userinfo;
mod without_token;

use std::sync::Arc;

pub use answer::Answer;
pub use call::{Call, CallBody};
use keyfob_proto::oidc::EndSession;
use keyfob_proto::{Misuse, Scrubber, Secret, Settings, TokenSet};
pub(crate) use known::Known;
pub(crate) use left::LeftPauses;
pub use mask::Mask;
pub use refresh::Unsaved;
pub(crate) use refresh::{Wait, Why};
use setup::Client;
pub(crate) use setup::{Setup, Setups};
pub(crate) use shared::Shared;
pub use token::Token;

use crate::account::Account;
use crate::error::Error;

/// An account in use. Cheap to clone; clones, and sessions of the same account opened elsewhere, share their token.
#[derive(Clone, Debug)]
pub struct Session {
    shared: Arc<Shared>,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The account as this process knows it now.
    pub fn account(&self) -> Account {
        self.shared.known().account().clone()
    }

    /// Something about the account as this process knows it now, without a copy of all of it, its secrets among it.
    pub fn look<T>(&self, at: impl FnOnce(&Account) -> T) -> T {
        at(self.shared.known().account())
    }

    /// The provider's settings in use.
    pub fn settings(&self) -> &Settings {
        &self.shared.setup.settings
    }

    /// A valid access token, for programs that attach it themselves; refreshed first if it ends within `min_valid` seconds. From a warm
    /// session this is a lock and two looks at clocks: no store, no allocation. `NeedsLogin` if it has ended and cannot be refreshed,
    /// `Misuse` for OAuth 1, where every request is signed by itself, and for a token that is bound to a key (RFC 9449), which is worth nothing without a
    /// proof by it for each request.
    ///
    /// A provider whose tokens live less than `min_valid` is asked once a minute at most; then the token is what there is.
    ///
    /// # Errors
    ///
    /// `NeedsLogin` and `Misuse`, as said; and those of a refresh, as [`refresh`](Self::refresh).
    pub async fn token(&self, min_valid: i64) -> Result<Token, Error> {
        let known = self.shared.known();
        let TokenSet::OAuth2(_) = known.tokens() else {
            return Err(Misuse::new("an OAuth 2 account, which has a bearer token", "an OAuth 1 account, which signs every request")
                .with_hint("make the call with keyfob itself: keyfob get ACCOUNT PATH")
                .into());
        };
        let bound = || {
            Misuse::new("a bearer token", "one that is bound to a key (RFC 9449), which no other program has")
                .of("RFC 9449 §7.1")
                .with_hint("make the call with keyfob itself: keyfob get ACCOUNT PATH")
        };
        // Before: no refresh is spent on a token that nobody is given.
        if known.is_bound() {
            return Err(bound().into());
        }
        let known = self.shared.fresh(Some(min_valid)).await?;
        if known.is_bound() {
            return Err(bound().into());
        }
        if !known.renews() && known.has_ended(self.shared.keyfob.now()) {
            return Err(refresh::ended(known.account()));
        }
        Token::of(known)
    }

    /// That calls can be made with it, as far as is known without one: for programs that sign for themselves. For OAuth 2 [`token`](Self::token) says so.
    ///
    /// # Errors
    ///
    /// `NeedsLogin` if a person has to log in first.
    pub fn usable(&self) -> Result<(), Error> {
        self.shared.known().usable()
    }

    /// Whether whoever opens this account in this process is still given this session: not after a logout, a login or a renaming here. A look at a flag, for a
    /// program that keeps a session; [`reread`](Self::reread) says what is there now, and what other processes did.
    pub fn is_open(&self) -> bool {
        !self.shared.is_left()
    }

    /// What has this account's name in the store now, for a program that keeps a session for long: a login, a logout or a refresh of another process counts. After
    /// somebody else's login that is their account, with another [id](Account::id); the session that this is called on stays the former one's. Reads the store
    /// once.
    ///
    /// # Errors
    ///
    /// `NoAccount` if it was logged out.
    pub async fn reread(&self) -> Result<Self, Error> {
        let (keyfob, Setup { settings, app, .. }) = (&self.shared.keyfob, &*self.shared.setup);
        let name = self.shared.known().account().name.clone();
        let Some(record) = keyfob.store().account(&name).await? else {
            keyfob.opened().remove_if(&name, &self.shared);
            return Err(Error::NoAccount { name });
        };
        // After a login or logout in this process there is another session by now. One of somebody else's account there never was.
        let is_own = self.shared.is_account(&record.value) && self.shared.is_still_at(&record.value);
        let session = if is_own && keyfob.opened().is(&name, &self.shared) {
            self.clone()
        } else {
            keyfob.open(settings.clone(), app.clone(), record.clone())?
        };
        session.shared.learn_newer(&record)?;
        Ok(session)
    }

    /// Asks for new tokens now, whatever the old ones' age, and however lately that failed. If another process was faster, its tokens are
    /// what you get.
    ///
    /// # Errors
    ///
    /// `Misuse` for OAuth 1, and for an account without a refresh token whose access token is still good; `NeedsLogin` if that has ended.
    pub async fn refresh(&self) -> Result<Account, Error> {
        let used = self.shared.known();
        let known = self.shared.refresh(&used, Why::Asked, Wait::ToTheEnd).await?;
        Ok(known.account().clone())
    }

    /// Where a browser goes to end the person's session at the provider, too (OpenID Connect RP-Initiated Logout): see [`end_session`](crate::end_session).
    ///
    /// # Errors
    ///
    /// `Misuse` where the provider has no such place.
    pub fn end_session(&self, redirect_uri: Option<&str>) -> Result<(Secret, EndSession), Error> {
        crate::end_session(&self.shared.keyfob, &self.shared.setup.settings, &self.account(), redirect_uri)
    }

    /// Takes this account's and app's secrets, and control characters, out of server text.
    pub fn scrubber(&self) -> Scrubber {
        self.shared.scrubber()
    }
}

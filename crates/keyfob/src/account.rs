//! Accounts: one person's authorization at one provider, under a name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use keyfob_proto::{App, Origin, Scrubber, SecretRef, Timestamp, TokenSet};
use serde::{Deserialize, Serialize};

use crate::clock::Uptime;
use crate::error::Error;
use crate::grant::Grant;
use crate::history::Spending;
use crate::store::{CLOCK_SLACK, StoreError};

/// How far the clock of another machine, which received the tokens, may be ahead of ours. Beyond it one of them is wrong.
pub(crate) const SKEW: i64 = 60;

/// One person's authorization at one provider. Made to be stored; the store seals it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Never changes, and is never used again: what the sealing of the record is bound to.
    pub id: AccountId,
    /// What the person calls it: the provider's name, or `provider/label` where there are several.
    pub name: String,
    /// The provider's name in the catalogue.
    pub provider: String,
    /// The app the tokens were issued to.
    pub client_id: String,
    /// The tokens.
    pub tokens: TokenSet,
    /// What they come of, and so how there will be new ones.
    #[serde(default, skip_serializing_if = "Grant::is_approval")]
    pub grant: Grant,
    /// Values of the token answer or the callback that later calls need (`user_id`, `realmId`).
    pub kept: BTreeMap<String, String>,
    /// The origins these tokens may be sent to, fixed at login: a provider file that changes later cannot widen them.
    pub origins: Vec<Origin>,
    /// The scopes that were asked for.
    pub requested_scopes: Vec<String>,
    /// The deviations that were needed at the last token answer, by name.
    pub tolerated: Vec<String>,
    /// Whether the account can be used.
    pub health: Health,
    /// When the person logged in last.
    pub logged_in_at: Timestamp,
    /// The note of a refresh whose outcome is not written yet. In a box: it is large, and of ten thousand accounts in memory few have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spending: Option<Box<Spending>>,
    /// When a refresh brought the tokens, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<Moment>,
}

/// A moment by clocks that several processes read and no person turns. What the machines' own clocks said then may be a year off by now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// By the database server's clock, where one gives out the right to refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_server: Option<Timestamp>,
    /// By how long the machine had been running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Uptime>,
}

impl Moment {
    /// Seconds since an earlier moment: by the server's clock where both have read it. Of two containers on one machine each may be told of an uptime of its own.
    pub(crate) fn since(&self, earlier: &Self) -> Option<i64> {
        let at_server = self.at_server.zip(earlier.at_server).map(|(now, then)| now.since(then));
        let by_uptime = || self.uptime.as_ref().zip(earlier.uptime.as_ref()).and_then(|(now, then)| now.since(then));
        at_server.or_else(by_uptime)
    }
}

impl Account {
    /// Whether tokens of this account may be sent there.
    pub fn is_bound_to(&self, origin: &Origin) -> bool {
        self.origins.contains(origin)
    }

    /// Tokens are good for the app that they were given to (RFC 6749 §6, RFC 5849 §3.1): with another one the provider refuses them, and may end them. An account
    /// of keys alone has nothing but its app, so that with another one it would be somebody else.
    pub(crate) fn belongs_to(&self, app: &App) -> Result<(), Error> {
        if app.client_id == self.client_id { Ok(()) } else { Err(Error::AnotherApp { account: self.name.clone() }) }
    }

    /// That a person has to log in again before it can be used.
    pub(crate) fn needs_login(&self, reason: impl Into<String>) -> Error {
        Error::NeedsLogin { account: self.name.clone(), reason: reason.into(), options: self.grant.login_options() }
    }

    /// Without a mark that no version sets any more: versions of before took `invalid_grant` in answer to the account's own grant (an assertion by a clock that is a
    /// minute off, say) for the end of a login. What such an account is, the next answer says, and no person can. A [`Store`](crate::Store) reads it so.
    #[must_use]
    pub fn without_outdated_mark(mut self) -> Self {
        let is_outdated =
            matches!(&self.health, Health::NeedsLogin { reason, .. } if reason.starts_with("the server refused: invalid_grant"));
        if is_outdated && self.grant.asked_again_as().is_some() {
            self.health = Health::Ok;
        }
        self
    }

    /// Without room for more than there is: lists that are read have room for four, and an account in use is kept for long.
    #[must_use]
    pub(crate) fn without_room(mut self) -> Self {
        [&mut self.requested_scopes, &mut self.tolerated].into_iter().for_each(Vec::shrink_to_fit);
        self.origins.shrink_to_fit();
        if let TokenSet::OAuth2(tokens) = &mut self.tokens {
            tokens.scopes.shrink_to_fit();
        }
        self
    }

    /// Whether it gets new tokens without a person: by a refresh token, or by its grant, made once more.
    pub fn renews(&self) -> bool {
        match &self.tokens {
            TokenSet::OAuth2(tokens) => tokens.refresh.is_some() || self.grant.asked_again_as().is_some(),
            _ => false,
        }
    }

    /// From when on its tokens should be refreshed in the background, before anybody waits for them; `None` where that cannot be, or need
    /// not be. Between a tenth and a fifth of the lifetime before the end, by the account's id: what was made together does not end together.
    pub fn due_at(&self) -> Option<Timestamp> {
        let TokenSet::OAuth2(tokens) = &self.tokens else { return None };
        let (Health::Ok, true, Some(end)) = (&self.health, self.renews(), tokens.expires_at) else { return None };
        let tenth = end.since(tokens.received_at).max(0) / 10;
        Some(end.plus(-self.id.spread(tenth)))
    }

    /// Whether its tokens came in the future by this clock, which is wrong then, or was: it does not tell when they end.
    pub fn came_in_the_future(&self, now: Timestamp) -> bool {
        matches!(&self.tokens, TokenSet::OAuth2(tokens) if tokens.received_at.since(now) > SKEW)
    }

    /// Whether its [due moment](Self::due_at) is one of a clock that was fast: its tokens came in what is the future by the machine's clock (`now`), and by the
    /// database server's where there is one (`at_server`); and so would be due a year from now, say, when they ended long ago.
    ///
    /// Where a refresh noted the server's clock, they are not taken for misdated before they are due by that: a machine whose clock stays fast, and one whose
    /// clock is right, would otherwise refresh in turns.
    pub fn is_misdated(&self, now: Timestamp, at_server: Option<Timestamp>) -> bool {
        let (TokenSet::OAuth2(tokens), Some(due_at)) = (&self.tokens, self.due_at()) else { return false };
        match at_server.zip(self.refreshed.as_ref().and_then(|moment| moment.at_server)) {
            Some((now, then)) => now.since(then) >= due_at.since(tokens.received_at),
            None => [Some(now), at_server].into_iter().flatten().all(|clock| tokens.received_at.since(clock) > CLOCK_SLACK),
        }
    }

    /// Knows the account's secrets, to take them out of server text.
    pub fn scrubber(&self) -> Scrubber {
        self.tokens.secrets().into_iter().fold(Scrubber::new(), Scrubber::knowing)
    }
}

/// Whether an account can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Health {
    /// It can.
    Ok,
    /// The provider refused the refresh token, or, where there is none, said of the token itself that it is not good any more: a person has to log in again.
    /// Nothing was deleted.
    NeedsLogin {
        /// What the provider said, scrubbed.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
}

/// The immutable id of an account: 128 random bits, as 32 hexadecimal digits. Clones share the text: whatever is of an account holds one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// A new id.
    pub fn random() -> Self {
        Self(crate::random_hex().into())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// So many seconds, and up to as many again by the id: what was made together does not happen together. Always the same for an account.
    pub(crate) fn spread(&self, seconds: i64) -> i64 {
        let share = self.0.bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 1000);
        seconds.saturating_add(seconds.saturating_mul(share) / 1000)
    }
}

impl From<String> for AccountId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose logins under way are counted together. Whoever has begun too many begins no more: that takes no place from anybody else, whose login goes on (A26).
/// Logins that somebody signs in by have room of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowd {
    purpose: Purpose,
    of: String,
    #[serde(skip)]
    returns: bool,
}

/// What logins are begun for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Purpose {
    SignIn,
    Connect,
}

impl Crowd {
    /// So many logins of one crowd are under way at once.
    pub const MOST: usize = 100;
    /// And so many for one purpose.
    pub const MOST_OF_ALL: usize = 10_000;

    /// Those by which somebody signs in, from one address, say.
    pub fn signing_in(of: impl Into<String>) -> Self {
        Self { purpose: Purpose::SignIn, of: of.into(), returns: false }
    }

    /// Those by which an account is connected, by one person, say.
    pub fn connecting(of: impl Into<String>) -> Self {
        Self { purpose: Purpose::Connect, of: of.into(), returns: false }
    }

    /// Whose they are.
    pub fn of(&self) -> &str {
        &self.of
    }

    /// A number for what they are begun for, from 1.
    pub fn purpose(&self) -> u8 {
        match self.purpose {
            Purpose::SignIn => 1,
            Purpose::Connect => 2,
        }
    }

    /// Whether a login comes back to its place, and is let in in any case.
    pub fn returns(&self) -> bool {
        self.returns
    }

    /// Whether there is room for one more, beside so many of the crowd, and so many for the same purpose.
    ///
    /// # Errors
    ///
    /// [`StoreError::Crowded`] if there is none.
    pub fn admits(&self, of_crowd: usize, of_purpose: usize) -> Result<(), StoreError> {
        let is_full = of_crowd >= Self::MOST || of_purpose >= Self::MOST_OF_ALL;
        if is_full && !self.returns { Err(StoreError::Crowded) } else { Ok(()) }
    }
}

/// A login that waits for the person to come back. Made to be stored; a store hands it out once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingLogin {
    /// The provider's name in the catalogue.
    pub provider: String,
    /// The account it will become.
    pub account: String,
    /// The scopes that were asked for.
    pub requested_scopes: Vec<String>,
    /// The state and proof that the answer is judged by.
    pub pending: crate::login::Pending,
    /// Whose logins under way it is counted with, where strangers begin some, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crowd: Option<Crowd>,
    /// Whether it was begun for a new account. Nothing here depends on it: whoever finishes the login sees what has come under that name meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_new: bool,
}

impl PendingLogin {
    /// The same, counted with those of this crowd.
    #[must_use]
    pub fn among(self, crowd: Crowd) -> Self {
        Self { crowd: Some(crowd), ..self }
    }

    /// The same, to be put back where it was taken from: there is room for it, whoever came meanwhile.
    #[must_use]
    pub fn returned(self) -> Self {
        let crowd = self.crowd.map(|crowd| Crowd { returns: true, ..crowd });
        Self { crowd, ..self }
    }

    /// What names this login in a callback (`state`, or the temporary `oauth_token`).
    pub fn key(&self) -> SecretRef<'_> {
        self.pending.key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two containers on one machine, each with an uptime of its own (lxcfs), and one database.
    #[test]
    fn d8_the_servers_clock_goes_before_an_uptime() {
        let at = |server: Option<i64>, up: Option<i64>| Moment {
            at_server: server.map(Timestamp::from_unix),
            uptime: up.map(|seconds| Uptime { boot: "a".to_owned(), seconds }),
        };
        assert_eq!(at(Some(5000), Some(110)).since(&at(Some(1000), Some(100))), Some(4000));
        assert_eq!(at(None, Some(110)).since(&at(Some(1000), Some(100))), Some(10));
        assert_eq!(at(Some(5000), None).since(&at(None, Some(100))), None);
    }
}

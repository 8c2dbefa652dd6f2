//! An account as this process knows it, and how good its token is by two clocks: the one on the wall, which people turn, and one that
//! only goes forward, which knows nothing of what happened before this process.

use std::sync::OnceLock;
use std::time::Duration;

use keyfob_proto::oauth1::{self, Signer};
use keyfob_proto::{Misuse, OAuth1Tokens, Timestamp, TokenSet};
use tokio::time::Instant;

use super::Mask;
use crate::account::{Account, Health, Moment, SKEW};
use crate::error::Error;
use crate::policy::Policy;
use crate::store::Versioned;

/// A token is refreshed before it ends: this many seconds, or a tenth of its lifetime if that is less (a token of 20 s must not be
/// refreshed on every call); and up to as many again, by account, so that tokens that end together are not refreshed together.
const MARGIN: i64 = 60;

/// A refresh is not repeated within this many seconds, if it brought nothing better.
const JUST_NOW: u64 = Policy::JUST_NOW.as_secs();

/// An account as this process knows it.
#[derive(Debug)]
pub(crate) struct Known {
    record: Versioned<Account>,
    /// When this process first saw these tokens.
    seen: Instant,
    /// Whether this process received them, by a refresh.
    here: bool,
    lifetime: Option<Lifetime>,
    /// Who signs with these tokens, from the first call on: its keys are prepared once. In a box, for it is large, and tokens that are borne have none.
    signer: OnceLock<Box<Signer>>,
    /// What an answer to a call with these tokens must not show, from the first one on.
    mask: OnceLock<Mask>,
}

#[derive(Clone, Copy, Debug)]
struct Lifetime {
    received_at: Timestamp,
    expires_at: Timestamp,
    /// In seconds; a server, or a clock, can make it negative.
    length: i64,
    margin: i64,
}

impl Known {
    /// What was read from the store. The same access token as before has the age it had, also where a refresh token came alone.
    pub(crate) fn read(record: Versioned<Account>, before: Option<&Self>) -> Self {
        let mut known = Self::new(record, false);
        if let Some(before) = before.filter(|before| before.is_same_access(&known.record.value.tokens)) {
            (known.seen, known.here) = (before.seen, before.here);
        }
        known
    }

    /// What a refresh in this process has just brought.
    pub(crate) fn received(record: Versioned<Account>) -> Self {
        Self::new(record, true)
    }

    fn new(record: Versioned<Account>, here: bool) -> Self {
        // Also of a store that somebody else wrote.
        let record = Versioned { value: record.value.without_outdated_mark().without_room(), ..record };
        let lifetime = match &record.value.tokens {
            TokenSet::OAuth2(tokens) => tokens.expires_at.map(|expires_at| {
                let length = expires_at.since(tokens.received_at);
                // What renews itself does not once it has ended, so it is not left to whoever calls in its last minute; nor when it is new, for some
                // providers renew nothing of the same day. The spread doubles it at most.
                let longest = if tokens.renew_themselves() { length / 4 } else { MARGIN.min(length / 10) };
                let margin = record.value.id.spread(longest.max(0));
                Lifetime { received_at: tokens.received_at, expires_at, length, margin }
            }),
            _ => None,
        };
        Self { record, seen: Instant::now(), here, lifetime, signer: OnceLock::new(), mask: OnceLock::new() }
    }

    pub(crate) fn record(&self) -> &Versioned<Account> {
        &self.record
    }

    pub(crate) fn account(&self) -> &Account {
        &self.record.value
    }

    pub(crate) fn tokens(&self) -> &TokenSet {
        &self.record.value.tokens
    }

    /// Whether there can be new tokens without a person.
    pub(crate) fn renews(&self) -> bool {
        self.account().renews()
    }

    /// Whether the tokens are bound to a key of ours (RFC 9449).
    pub(crate) fn is_bound(&self) -> bool {
        matches!(self.tokens(), TokenSet::OAuth2(tokens) if tokens.proof_key.is_some())
    }

    /// Who signs calls with these tokens.
    pub(crate) fn signer(&self, client: &oauth1::Client, tokens: &OAuth1Tokens) -> Result<&Signer, Misuse> {
        match self.signer.get() {
            Some(signer) => Ok(signer),
            None => client.signer(Some(tokens)).map(|signer| &**self.signer.get_or_init(|| Box::new(signer))),
        }
    }

    /// What an answer to a call with these tokens must not show.
    pub(crate) fn mask(&self, make: impl FnOnce(&TokenSet) -> Mask) -> Mask {
        self.mask.get_or_init(|| make(self.tokens())).clone()
    }

    /// Whether this process received these tokens, by a refresh.
    pub(crate) fn is_from_here(&self) -> bool {
        self.here
    }

    /// An error where a person has to log in first.
    pub(crate) fn usable(&self) -> Result<(), Error> {
        match &self.account().health {
            Health::Ok => Ok(()),
            Health::NeedsLogin { reason, .. } => Err(self.account().needs_login(reason)),
        }
    }

    /// Whether these tokens came with the same answer: the same text may come again, and counts anew.
    pub(crate) fn is_same_issue(&self, tokens: &TokenSet) -> bool {
        let same_refresh = match (self.tokens().refresh_token(), tokens.refresh_token()) {
            (Some(a), Some(b)) => a.same_as(b.expose()),
            (a, b) => a.is_none() && b.is_none(),
        };
        same_refresh && self.is_same_access(tokens)
    }

    /// Whether the access token came with the same answer. A refresh token may get a successor without one, from an answer that is no good otherwise.
    pub(crate) fn is_same_access(&self, tokens: &TokenSet) -> bool {
        match (self.tokens(), tokens) {
            (TokenSet::OAuth2(a), TokenSet::OAuth2(b)) => a.access.same_as(b.access.expose()) && a.received_at == b.received_at,
            (TokenSet::OAuth1(a), TokenSet::OAuth1(b)) => a.token.same_as(b.token.expose()),
            _ => false,
        }
    }

    /// Whether nothing but the refresh token is another: whoever wants a new access token has none yet, and spends that one.
    pub(crate) fn is_successor_of(&self, tokens: &TokenSet) -> bool {
        self.is_same_access(tokens) && !self.is_same_issue(tokens)
    }

    /// Whether the access token is the same text: sending a call again with it would bring the same answer.
    pub(crate) fn has_same_access(&self, other: &Self) -> bool {
        match (self.tokens(), other.tokens()) {
            (TokenSet::OAuth2(a), TokenSet::OAuth2(b)) => a.access.same_as(b.access.expose()),
            _ => false,
        }
    }

    /// Whether the access token ends within `min_valid` seconds, or within the usual margin. Unknown is no.
    pub(crate) fn ends_soon(&self, now: Timestamp, min_valid: Option<i64>) -> bool {
        let Some(lifetime) = self.lifetime else { return false };
        let margin = min_valid.unwrap_or(lifetime.margin);
        if self.has_been_here_for(lifetime.length.saturating_sub(margin)) {
            return true;
        }
        if lifetime.clock_went_back(now) {
            // Nobody knows when it ends: good for a call, whose answer tells; not for a caller who wants to be sure.
            return min_valid.is_some();
        }
        lifetime.expires_at.since(now) <= margin
    }

    /// Whether the access token has ended, as far as that is known.
    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        let Some(lifetime) = self.lifetime else { return false };
        self.has_been_here_for(lifetime.length) || (!lifetime.clock_went_back(now) && lifetime.expires_at <= now)
    }

    /// How long the access token is good for; `None` if it has ended.
    pub(crate) fn left(&self, now: Timestamp) -> Option<Duration> {
        let unknown = Duration::MAX;
        let left = match self.lifetime {
            _ if self.has_ended(now) => return None,
            Some(lifetime) if !lifetime.clock_went_back(now) => {
                u64::try_from(lifetime.expires_at.since(now)).map_or(unknown, Duration::from_secs)
            }
            _ => unknown,
        };
        Some(left)
    }

    /// Whether these tokens are what a refresh brought just now, here or in another process, so that another one would bring no better:
    /// a lifetime of nothing, the same token again, a clock that jumps. A token that lived its short life to the end is not meant.
    pub(crate) fn is_just_refreshed(&self, now: Timestamp) -> bool {
        let lived_out = |age| self.has_lived_out(age);
        let seconds_here = i64::try_from(self.seen.elapsed().as_secs()).unwrap_or(i64::MAX);
        if lived_out(seconds_here) {
            return false;
        }
        if self.here {
            return self.seen.elapsed() < Duration::from_secs(JUST_NOW);
        }
        // By the record: another process's refresh is what came after the login.
        let TokenSet::OAuth2(tokens) = self.tokens() else { return false };
        let age = now.since(tokens.received_at);
        tokens.received_at > self.account().logged_in_at && age.unsigned_abs() < JUST_NOW && !lived_out(age)
    }

    /// The same by the clocks that this process shares with the one that refreshed, in which nobody's can have been turned since.
    pub(crate) fn is_just_refreshed_by(&self, now: &Moment) -> bool {
        let is_just_now = |age: i64| age.unsigned_abs() < JUST_NOW && !self.has_lived_out(age);
        if self.has_lived_out(i64::try_from(self.seen.elapsed().as_secs()).unwrap_or(i64::MAX)) {
            return false;
        }
        self.account().refreshed.as_ref().is_some_and(|then| now.since(then).is_some_and(is_just_now))
    }

    /// Whether tokens of this age are at the end of a life that was short and no accident.
    fn has_lived_out(&self, age: i64) -> bool {
        self.lifetime.is_some_and(|lifetime| lifetime.length > 0 && age >= lifetime.length - lifetime.margin)
    }

    /// By the clock that nobody turns. It says nothing of a lifetime that was none from the start.
    fn has_been_here_for(&self, seconds: i64) -> bool {
        u64::try_from(seconds).is_ok_and(|seconds| seconds > 0 && self.seen.elapsed() >= Duration::from_secs(seconds))
    }
}

impl Lifetime {
    /// The tokens were received in the future: then `expires_at` means nothing by this clock.
    fn clock_went_back(&self, now: Timestamp) -> bool {
        self.received_at.since(now) > SKEW
    }
}

//! Keeping the token fresh.
//!
//! ```text
//!  fresh ──► good for now? ── yes ──► handed out: no store, no wait
//!              │ no
//!              ▼
//!  pause.rs   failed a moment ago? refreshed just now? ──► no request
//!  flight.rs  one flight an account in this process; all share its outcome
//!  turn.rs    the right to refresh, among all processes on the store ──► somebody else was faster: theirs
//!  renewal.rs the refresh token, or the account's own grant once more
//!  spend.rs   the note "about to spend" is on disk ──► the request ──► what came of it, and whether to send it once more
//!  save.rs    the new tokens are on disk ──► seen by the caller.   Cannot be written: used, kept in memory, tried again
//! ```

mod fate;
mod flight;
mod note;
mod pause;
mod renewal;
mod save;
mod spend;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use keyfob_proto::{Flow, Misuse, Origin};

pub(crate) use flight::Flights;
pub(crate) use pause::Pause;
pub use save::Unsaved;
pub(crate) use save::Unwritten;
use spend::Begin;
use turn::Turn;

use self::flight::Flight;
use super::{Known, Shared};
use crate::account::{Account, Health};
use crate::error::Error;
use crate::limit::Permit;

/// How long a call waits for the store to take what it could not take before.
const UNWRITTEN: Duration = Duration::from_secs(2);

/// How long a call waits for a refresh that is made ahead of the end: a provider that hangs must not hang the call.
const MOMENT: Duration = Duration::from_secs(5);

/// What becomes of asking for new tokens: those that count now.
type Outcome = Result<Arc<Known>, Error>;

/// Why a refresh is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The access token ends within the margin.
    EndsSoon,
    /// The provider did not accept it any longer.
    Expired,
    /// Somebody asked for it in so many words.
    Asked,
    /// Its time for a refresh in the background has come.
    Due,
}

/// How long a caller waits for a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// To its end: the old token is of no use.
    ToTheEnd,
    /// For a refresh of its own a moment; for others' refreshes not at all, since the old token is still good.
    AMoment(Duration),
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::EndsSoon => "ends soon",
            Self::Expired => "the provider says it has expired",
            Self::Asked => "asked for",
            Self::Due => "due",
        }
    }
}

impl Shared {
    /// Tokens that are good for now, and, where `min_valid` is given, for so many seconds; refreshed ahead of their end where that is known.
    /// Without a refresh token they are what they are.
    pub(crate) async fn fresh(self: &Arc<Self>, min_valid: Option<i64>) -> Outcome {
        let known = self.known();
        if known.account().health == Health::Ok && !self.unwritten.any() && !known.ends_soon(self.keyfob.now(), min_valid) {
            return Ok(known);
        }
        // On the heap: this part is rare, and large.
        Box::pin(self.freshened(min_valid)).await
    }

    async fn freshened(self: &Arc<Self>, min_valid: Option<i64>) -> Outcome {
        // What could not be written comes first. If it still cannot, or the store hangs, its tokens are good all the same.
        drop(tokio::time::timeout(UNWRITTEN, self.write_unwritten()).await);
        let mut known = self.known();
        let now = self.keyfob.now();
        // Somebody may have logged in again elsewhere.
        if known.usable().is_err() || (!known.renews() && known.has_ended(now)) {
            known = self.read().await?;
            known.usable()?;
        }
        if !known.ends_soon(now, min_valid) || !known.renews() {
            return Ok(known);
        }
        let left = known.left(now).filter(|_| min_valid.is_none());
        let is_good = left.is_some();
        // No longer than the old token is good for.
        let wait = left.map_or(Wait::ToTheEnd, |left| Wait::AMoment(MOMENT.min(left / 2)));
        match self.refresh(&known, Why::EndsSoon, wait).await {
            // Ahead of the end there is no haste: a token that is still good is better than an error.
            Err(error) if is_good && !is_somebodys_wish(&error) => {
                tracing::warn!(account = known.account().name, %error, "not refreshed ahead; the old token is still good");
                Ok(known)
            }
            outcome => outcome,
        }
    }

    /// New tokens in place of `used`: somebody else's, if they were faster. The same ones, if a refresh that brought them was just now.
    pub(crate) async fn refresh(self: &Arc<Self>, used: &Arc<Known>, why: Why, wait: Wait) -> Outcome {
        let known = self.known();
        if !known.is_same_access(used.tokens()) {
            return known.usable().map(|()| known);
        }
        if why != Why::Asked {
            if known.is_just_refreshed(self.keyfob.now()) {
                return Ok(known);
            }
            if let Some(failure) = self.pause.failure() {
                // What failed here may have succeeded elsewhere.
                let known = self.read().await?;
                return if known.is_same_access(used.tokens()) { Err(failure) } else { known.usable().map(|()| known) };
            }
        }
        self.join_flight(used, why, wait).await
    }

    /// The flight's own course.
    async fn refresh_alone(self: Arc<Self>, used: &Arc<Known>, why: Why, flight: &Flight) -> Outcome {
        // While the last tokens are not written down the right to refresh is still taken, and another note could not be written either.
        self.write_unwritten().await?;
        let known = self.known();
        if !known.is_same_access(used.tokens()) {
            return known.usable().map(|()| known);
        }
        let mut used = known;
        loop {
            let (hold, permit) = match self.take_turn(&used, flight).await? {
                Turn::Ours(hold, permit) => (hold, permit),
                // Whoever had the turn got a refresh token and nothing else.
                Turn::Over(known) if known.usable().is_ok() && known.is_successor_of(used.tokens()) => {
                    used = known;
                    continue;
                }
                Turn::Over(known) => return known.usable().map(|()| known),
            };
            self.prepare(&used).await;
            match self.begin(&used, why, &hold).await? {
                Begin::Ours(begun) => return self.spend(&used, why, begun, hold, permit).await,
                Begin::Over(known) if known.usable().is_ok() && known.is_successor_of(used.tokens()) => used = known,
                Begin::Over(known) => return known.usable().map(|()| known),
                // Back in the queue.
                Begin::Lapsed => {}
            }
        }
    }

    /// Reads the store, unless this process knows better than the store does.
    pub(crate) async fn read(&self) -> Outcome {
        let before = self.known();
        let name = before.account().name.clone();
        let record = self.keyfob.store().account(&name).await?.ok_or_else(|| Error::NoAccount { name })?;
        self.learn(record, &before)
    }

    /// A place among those who ask this provider.
    async fn permit(&self) -> Permit {
        let origin = match &self.setup.settings.flow {
            Flow::OAuth2(flow) => flow.refresh.as_ref().unwrap_or(&flow.token).origin(),
            _ => self.setup.settings.api.base.origin(),
        };
        self.keyfob.limit().permit(&origin).await
    }

    /// Tokens go to the origins of the login and nowhere else; also not to an endpoint that was changed later.
    fn check_bound(&self, known: &Known, origin: Option<Origin>) -> Result<(), Error> {
        let account = known.account();
        if origin.as_ref().is_some_and(|origin| account.is_bound_to(origin)) {
            return Ok(());
        }
        let origin = origin.map_or_else(|| "there".to_owned(), |origin| origin.to_string());
        let bound_to = account.origins.iter().map(ToString::to_string).collect();
        // The only origins that are asked about are those of the settings.
        Err(Error::Unbound { account: account.name.clone(), origin, bound_to, moved: true })
    }
}

/// Whether the account is no more what it was, because somebody wanted that: the old token is not to be used either.
fn is_somebodys_wish(error: &Error) -> bool {
    matches!(error, Error::NeedsLogin { .. } | Error::AnotherApp { .. } | Error::AnotherLogin { .. } | Error::NoAccount { .. })
}

/// There is nothing to refresh with, and no need to.
fn without_refresh_token() -> Error {
    Misuse::new("an account with a refresh token", "one without, whose access token has not ended")
        .of("RFC 6749 §6")
        .with_hint("it can be used until it ends; then a person has to log in again")
        .into()
}

/// There is nothing to refresh with.
pub(crate) fn ended(account: &Account) -> Error {
    account.needs_login("the access token has ended, and there is no refresh token to get another with")
}

//! The right to refresh: of all processes and machines on one store, one has it. The kernel or the database server watches over it, so a
//! holder that dies frees it at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::flight::Flight;
use crate::account::Account;
use crate::entropy;
use crate::error::Error;
use crate::id_token::KEYS;
use crate::keyfob::Keyfob;
use crate::limit::Permit;
use crate::policy::Policy;
use crate::session::{Known, Shared};
use crate::store::Hold;
use crate::transport::DEADLINE;

/// The first wait for somebody else; each further one is half as long again, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(5);

const LONGEST: Duration = Duration::from_millis(100);

/// How long a request can be under way, with one more after an answer that was lost, and the keys that the second one's ID token is verified with.
const UNDER_WAY: Duration = Duration::from_secs(2 * DEADLINE.as_secs() + KEYS.as_secs() + 5);

/// Whoever ends with a program waits for a request that has begun until it is over.
const _: () = assert!(UNDER_WAY.as_secs() < Policy::SETTLING.as_secs());

/// Whose turn it is.
pub(super) enum Turn {
    /// Ours.
    Ours(Hold, Permit),
    /// Nobody's any more: somebody wrote other tokens in the meantime.
    Over(Arc<Known>),
}

impl Shared {
    /// Takes the right to refresh, or waits for what whoever has it writes.
    pub(super) async fn take_turn(&self, used: &Known, flight: &Flight) -> Result<Turn, Error> {
        let (begun, mut queued, mut wait) = (Instant::now(), Duration::ZERO, FIRST);
        loop {
            // A place among those who ask this provider comes first: whoever queues for one must not keep others from the account.
            let asked = Instant::now();
            let permit = self.permit().await;
            queued += asked.elapsed();
            if let Some(hold) = self.keyfob.store().try_hold(&used.account().id).await? {
                // Asked here so that a flight that has to wait can still be called off; asked once more where the note is written.
                let is_free = !hold.may_lapse() || {
                    let known = self.read().await?;
                    !self.keyfob.is_being_spent(known.account(), &hold)
                };
                if is_free {
                    flight.begin()?;
                    return Ok(Turn::Ours(hold, permit));
                }
                drop(hold);
            }
            drop(permit);
            flight.queue();
            tokio::time::sleep(entropy::about(wait)).await;
            wait = (wait * 3 / 2).min(LONGEST);
            let known = self.read().await?;
            if !known.is_same_issue(used.tokens()) || known.usable().is_err() {
                return Ok(Turn::Over(known));
            }
            // Whoever waited for its place among many has not waited for the holder.
            if begun.elapsed() - queued >= self.keyfob.policy().patience {
                return Err(Error::held(known.account()));
            }
        }
    }
}

impl Keyfob {
    /// Whether somebody who lost the right without knowing may be spending the token at this moment: a database server that was started
    /// again has forgotten whose turn it was, and two who spend one token end the login. Until its request cannot be under way any more.
    ///
    /// How old the note is tells the clock that both have read, the server's. Its writer's own may be an hour from ours, which would make a note of this
    /// moment look old, and the token be spent twice. Only an older version's note has no other time than that.
    pub(crate) fn is_being_spent(&self, account: &Account, hold: &Hold) -> bool {
        let Some(note) = account.spending.as_ref().filter(|note| !note.over) else { return false };
        let age = match (hold.server_time(), note.since_at_server) {
            (Some(now), Some(since)) => now.since(since),
            _ => self.now().since(note.since),
        };
        hold.may_lapse() && age.unsigned_abs() < UNDER_WAY.as_secs() && note.by != *self.actor() && note.by.may_live()
    }
}

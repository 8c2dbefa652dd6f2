//! One expiry of all tokens, and what it may cost: a refresh for each.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use super::Report;
use crate::peers::{Counts, Peer};

/// How long access tokens last that end by the clock, in seconds: longer than a round takes on any machine but a very busy one.
pub const LIFETIME: u32 = 20;

/// How often all tokens end: twice, so that new ones can be told from old ones, and those that ended by what the provider said from those that ended by the
/// clock; ten times where `cargo xtask torture fleet` asks for it.
///
/// # Panics
/// If that is less than twice, or no number.
pub fn rounds() -> u64 {
    let asked = std::env::var("KEYFOB_TEST_FLEET_ROUNDS").ok().map(|text| text.parse().expect("a number of rounds"));
    let rounds = asked.unwrap_or(2);
    assert!(rounds >= 2, "one round tells no new token from an old one");
    rounds
}

/// A round under way: all tokens have ended, and everybody wants all of them.
pub struct Round {
    begun: Instant,
    before: Counts,
}

impl Round {
    /// Waits until every token that there is has ended, for the server and for each process.
    pub fn begin(peer: &Peer) -> Self {
        thread::sleep(Duration::from_secs(LIFETIME.into()) + Duration::from_millis(50));
        Self { begun: Instant::now(), before: peer.counts() }
    }

    /// Each task came to a good end, with the one new token of its account; nobody spent a refresh token twice. Gives the tokens.
    ///
    /// On a machine so busy that the first new tokens end before everybody has come, only that no refresh token was spent twice is certain: there are more
    /// refreshes, and calls whose token ended on the way.
    ///
    /// # Panics
    /// If not.
    pub fn end(self, peer: &Peer, report: Report, accounts: usize, tasks: usize) -> BTreeSet<String> {
        let Self { begun, before } = self;
        let took = begun.elapsed();
        let now = peer.counts();
        assert_eq!(
            (now.refused, now.requests - before.requests),
            (0, now.refreshed - before.refreshed),
            "a token was spent twice: {now:?}"
        );
        if took < Duration::from_secs(LIFETIME.into()) * 7 / 10 {
            assert!(report.errors.is_empty(), "{report:#?}");
            assert_eq!(report.good, tasks, "{report:#?}");
            assert_eq!(now.refreshed - before.refreshed, accounts as u64, "one refresh an expiry: {report:#?}");
            assert_eq!(report.tokens.len(), accounts, "one new token an account: {report:#?}");
        } else {
            println!("a round took {took:?}: tokens ended in it");
        }
        report.tokens
    }
}

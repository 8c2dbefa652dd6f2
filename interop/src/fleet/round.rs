//! One expiry of all tokens, and what it may cost: a refresh for each.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use super::Report;
use crate::peers::{Counts, Peer};

/// How long access tokens last that end by the clock, in seconds: longer than a round takes on any machine but a very busy one.
pub const LIFETIME: u32 = 15;

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
    /// On a machine so busy that the first new tokens end before everybody has come, there are more of them, each by a refresh of its own.
    ///
    /// # Panics
    /// If not.
    pub fn end(self, peer: &Peer, report: Report, accounts: usize, tasks: usize) -> BTreeSet<String> {
        let Self { begun, before } = self;
        let is_quick = begun.elapsed() < Duration::from_secs(LIFETIME.into()) * 7 / 10;
        let now = peer.counts();
        let refreshed = usize::try_from(now.refreshed - before.refreshed).expect("some");
        assert!(report.errors.is_empty(), "{report:#?}");
        assert_eq!(report.good, tasks, "{report:#?}");
        assert_eq!(
            (now.refused, now.requests - before.requests),
            (0, now.refreshed - before.refreshed),
            "no token is spent twice: {now:?}"
        );
        if is_quick {
            assert_eq!((refreshed, report.tokens.len()), (accounts, accounts), "one refresh an expiry: {report:#?}");
        } else {
            println!("a round took {:?}: some tokens ended once more in it", begun.elapsed());
            assert!((accounts..=refreshed).contains(&report.tokens.len()), "{refreshed} refreshes: {report:#?}");
        }
        report.tokens
    }
}

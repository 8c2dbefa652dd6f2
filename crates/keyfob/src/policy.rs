//! How patient, and how considerate.

use std::time::Duration;

use crate::transport::DEADLINE;

/// How patient, and how considerate a [`Keyfob`](crate::Keyfob) is.
///
/// ```
/// use std::time::Duration;
///
/// let mut policy = keyfob::Policy::default();
/// policy.at_once = 2;
/// policy.patience = Duration::from_secs(10);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// How many refreshes are under way at one provider (one origin of token endpoints) at once; 8.
    pub at_once: usize,
    /// How long somebody else's refresh of the same account is waited for; 75 s. A request is given up after 30 s and may be sent twice, so
    /// with less than a minute a refresh that goes well may be missed.
    pub patience: Duration,
    /// How long a whole back-channel request (to an authorization server) may take: connecting, head and body; 30 s. Shorter ones are kept to, longer ones
    /// are not: other processes count on a refresh to have ended by then. A connection that is not there in nine tenths of it fails as one: the request has not left.
    pub deadline: Duration,
    /// How long reading the whole answer of an API call may take; 300 s. An answer that is read as it streams has none: then only silence ends it.
    pub reading: Duration,
}

impl Policy {
    /// A refresh is not repeated within this time, if it brought nothing better (D8). It is nobody's to choose: processes count on each other to keep to it.
    pub const JUST_NOW: Duration = Duration::from_secs(60);

    /// How long a program that ends best gives [`Keyfob::settle`](crate::Keyfob::settle), which takes no time where there is nothing to wait for. A refresh
    /// that has begun is over after some 70 s, however slow the provider is. The rest is for a store that is busy or away: a vault that is sealed anew or
    /// imported into, a database that is restarted or fails over. New tokens that it takes in the end are a login that is not lost.
    pub const SETTLING: Duration = Duration::from_secs(300);

    /// The deadline that is kept to.
    pub(crate) fn back_channel(&self) -> Duration {
        self.deadline.min(DEADLINE)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self { at_once: 8, patience: Duration::from_secs(75), deadline: DEADLINE, reading: Duration::from_secs(300) }
    }
}

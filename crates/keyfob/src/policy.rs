//! How patient, and how considerate.

use std::time::Duration;

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
}

impl Default for Policy {
    fn default() -> Self {
        Self { at_once: 8, patience: Duration::from_secs(75) }
    }
}

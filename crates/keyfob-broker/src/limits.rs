//! How much is too much: what one peer may ask for, and how many are served at once.

use std::time::Duration;

use crate::rate::Rate;

/// What is refused for being too much. The usual values are far above what a household or a team does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once. When there are more, those that ask for nothing make room; where all are at work, new ones wait.
    pub connections: usize,
    /// Connections at once from one address; proxies of ours have no such limit.
    pub connections_per_peer: usize,
    /// A request's head has to be here in this time; an idle connection is closed after it.
    pub head_time: Duration,
    /// A body that brings nothing for so long is at its end, and so is a client that takes nothing of its answer.
    pub pause: Duration,
    /// Signing in, and links that count once, from one address.
    pub sign_in: Rate,
    /// Logins that one address begins.
    pub connect: Rate,
    /// Providers' answers that one address brings.
    pub callback: Rate,
    /// Requests with a key that is none: what guesses costs, what is right does not.
    pub refused: Rate,
    /// Requests to the API from one address, keys good or bad.
    pub api: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_peer: 256,
            head_time: Duration::from_secs(10),
            pause: Duration::from_secs(30),
            sign_in: Rate::a_minute(120),
            connect: Rate::a_minute(60),
            callback: Rate::a_minute(120),
            refused: Rate::a_minute(120),
            api: Rate::UNLIMITED,
        }
    }
}

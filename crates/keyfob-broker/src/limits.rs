//! How much is too much: what one peer may ask for, and how many are served at once.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use keyfob::proto::Misuse;

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

/// So many in so long (`10/min`), all at once or spread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub(crate) most: u32,
    pub(crate) within: Duration,
}

impl Rate {
    /// As many as there are.
    pub const UNLIMITED: Self = Self { most: 0, within: Duration::ZERO };

    /// So many a minute.
    #[must_use]
    pub const fn a_minute(most: u32) -> Self {
        Self { most, within: Duration::from_secs(60) }
    }

    pub(crate) fn is_unlimited(self) -> bool {
        self.most == 0
    }
}

/// With the names of the units that are written, the longest first.
const UNITS: [(&str, u64); 4] = [("day", 86_400), ("h", 3600), ("min", 60), ("s", 1)];

impl FromStr for Rate {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        if text == "off" {
            return Ok(Self::UNLIMITED);
        }
        let rate = text.split_once('/').and_then(|(most, unit)| {
            let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
            let most: u32 = most.trim().parse().ok().filter(|most| (1..=1_000_000).contains(most))?;
            Some(Self { most, within: Duration::from_secs(*seconds) })
        });
        let wanted = "a rate such as 10/s, 60/min, 1000/h, 5000/day, or off";
        rate.ok_or_else(|| Misuse::new(wanted, format!("\"{}\"", keyfob::proto::scrub::printable(text))))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, seconds)| *seconds == self.within.as_secs()) {
            Some((unit, _)) if !self.is_unlimited() => write!(f, "{}/{unit}", self.most),
            _ => f.write_str("off"),
        }
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for text in ["10/s", "60/min", "1000/h", "5/day", "off"] {
            assert_eq!(text.parse::<Rate>().expect(text).to_string(), text);
        }
        for wrong in ["", "10", "0/s", "-1/s", "10/week", "10 per minute", "99999999/s", "/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}

//! How long an account's token is good, as a line and a bar.

use keyfob::proto::{Timestamp, TokenSet};
use keyfob::{Account, Health};

use super::moment;

/// What is known about the end of a token.
pub(crate) struct Life {
    pub(crate) label: &'static str,
    pub(crate) value: String,
    /// How much of its time is left, in percent, where it ends.
    pub(crate) left: Option<i64>,
    /// The bar's colour.
    pub(crate) tone: &'static str,
}

impl Life {
    pub(crate) fn of(account: &Account, now: Timestamp) -> Self {
        let plain = |label, value: &str| Self { label, value: value.to_owned(), left: None, tone: "" };
        if let Health::NeedsLogin { since, .. } = &account.health {
            return plain("Login needed since", &moment::distance(*since, now));
        }
        let Some(end) = account.tokens.expires_at() else { return plain("Token", "good until it is revoked") };
        let begin = match &account.tokens {
            TokenSet::OAuth2(tokens) => tokens.received_at,
            _ => account.logged_in_at,
        };
        let left = (end.since(now).max(0) * 100 / end.since(begin).max(1)).clamp(0, 100);
        match (account.renews(), end > now) {
            (true, true) => Self { label: "Token renews itself", value: moment::distance(end, now), left: Some(left), tone: "" },
            // Nothing is wrong: the next call, or the background, gets a new one.
            (true, false) => plain("Token", "renewed when it is used next"),
            (false, true) => Self {
                label: "Token ends for good",
                value: moment::distance(end, now),
                left: Some(left),
                tone: if left < 20 { "bad" } else { "warn" },
            },
            (false, false) => Self { label: "Token ended", value: moment::distance(end, now), left: Some(0), tone: "bad" },
        }
    }
}

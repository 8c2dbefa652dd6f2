//! What is told, and in which words.

use keyfob::history::{Entry, Event as Happened};
use keyfob::store::EntryNumber;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Moment;
use crate::seat::whose;

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EventName")]
pub(crate) enum Name {
    /// A person connected it, for the first time or again.
    #[serde(rename = "account.connected")]
    Connected,
    /// New tokens took the place of the old ones.
    #[serde(rename = "account.refreshed")]
    Refreshed,
    /// The provider refused the refresh token, or, where there is none, its API the token itself: a person has to log in again.
    #[serde(rename = "account.needs_login")]
    NeedsLogin,
    /// It was forgotten here.
    #[serde(rename = "account.disconnected")]
    Disconnected,
}

impl Name {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Connected, Self::Refreshed, Self::NeedsLogin, Self::Disconnected];

    /// What an entry of the history tells, if it is anything for others.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        match entry.event {
            Happened::LoggedIn { .. } => Some(Self::Connected),
            Happened::Refreshed { .. } => Some(Self::Refreshed),
            Happened::NeedsLogin { .. } => Some(Self::NeedsLogin),
            Happened::LoggedOut { .. } => Some(Self::Disconnected),
            _ => None,
        }
    }
}

/// The message about an entry. It holds no token, and no fingerprint of one.
pub(super) fn message(name: Name, number: EntryNumber, entry: &Entry) -> Value {
    let (_, shown) = whose(&entry.account);
    let mut data = json!({"account": shown, "account_id": entry.id, "provider": entry.provider, "sequence": number.0});
    if let Happened::NeedsLogin { reason, .. } = &entry.event {
        data["reason"] = reason.as_str().into();
    }
    json!({"type": name, "timestamp": Moment(entry.at), "data": data})
}

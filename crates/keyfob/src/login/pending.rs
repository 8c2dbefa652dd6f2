//! A login under way, of either protocol.

use keyfob_proto::{Secret, SecretRef, Timestamp, oauth1, oauth2};
use serde::{Deserialize, Serialize};

/// A login under way, of either protocol. Made to be stored; the store seals it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Pending {
    /// OAuth 1.0a: temporary credentials.
    OAuth1(oauth1::Pending),
    /// OAuth 2: a state and perhaps a proof key.
    OAuth2(oauth2::Pending),
    /// OpenID Connect's hybrid flow: the same, and tokens to come through the browser.
    Hybrid(oauth2::HybridPending),
}

impl Pending {
    /// What names this login in a callback (`oauth_token`, or `state`).
    pub fn key(&self) -> SecretRef<'_> {
        match self {
            Self::OAuth1(pending) => pending.key().into(),
            Self::OAuth2(pending) => pending.key(),
            Self::Hybrid(pending) => pending.key(),
        }
    }

    /// Where the provider sends the person back to; `None` where a PIN will be typed.
    pub fn redirect_uri(&self) -> Option<&str> {
        match self {
            Self::OAuth1(pending) => pending.redirect_uri(),
            Self::OAuth2(pending) => Some(pending.redirect_uri()),
            Self::Hybrid(pending) => Some(pending.redirect_uri()),
        }
    }

    /// When the login began.
    pub fn began_at(&self) -> Timestamp {
        match self {
            Self::OAuth1(pending) => pending.began_at(),
            Self::OAuth2(pending) => pending.began_at(),
            Self::Hybrid(pending) => pending.began_at(),
        }
    }

    /// When the login ends unanswered.
    pub fn expires_at(&self) -> Timestamp {
        match self {
            Self::OAuth1(pending) => pending.expires_at(),
            Self::OAuth2(pending) => pending.expires_at(),
            Self::Hybrid(pending) => pending.expires_at(),
        }
    }

    /// The key that the tokens will be bound to (RFC 9449), where they will.
    pub(crate) fn proof_key(&self) -> Option<&Secret> {
        match self {
            Self::OAuth1(_) => None,
            Self::OAuth2(pending) => pending.proof_key(),
            Self::Hybrid(pending) => pending.proof_key(),
        }
    }
}

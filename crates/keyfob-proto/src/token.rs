//! What an account holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::deviation::Tolerated;
use crate::oauth2::AuthorizationDetail;
use crate::scrub::printable;
use crate::secret::{Secret, stored};
use crate::time::Timestamp;

/// What an account holds. Made to be stored; the store seals it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", try_from = "Flat")]
#[non_exhaustive]
pub enum TokenSet {
    /// OAuth 1 token credentials (RFC 5849 §2.3). They do not expire by themselves.
    OAuth1(OAuth1Tokens),
    /// OAuth 2 tokens (RFC 6749 §5.1).
    OAuth2(OAuth2Tokens),
}

/// As it rests: the members of every kind side by side. Read as a tagged enum, every token would be copied once on the way, and nobody would
/// wipe the copy.
#[derive(Deserialize)]
struct Flat {
    kind: Kind,
    #[serde(default, with = "stored::option")]
    token: Option<Secret>,
    #[serde(default, with = "stored::option")]
    secret: Option<Secret>,
    #[serde(default, with = "stored::option")]
    access: Option<Secret>,
    #[serde(default, with = "stored::option")]
    refresh: Option<Secret>,
    received_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    refresh_expires_at: Option<Timestamp>,
    #[serde(default)]
    scopes: Vec<String>,
    identity: Option<Box<Identity>>,
    #[serde(default, with = "stored::option")]
    id_token: Option<Secret>,
    #[serde(default)]
    authorization_details: Vec<AuthorizationDetail>,
    #[serde(default, with = "stored::option")]
    proof_key: Option<Secret>,
    #[serde(default)]
    resources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    OAuth1,
    OAuth2,
}

impl TryFrom<Flat> for TokenSet {
    type Error = &'static str;

    fn try_from(flat: Flat) -> Result<Self, Self::Error> {
        let Flat {
            kind,
            token,
            secret,
            access,
            refresh,
            received_at,
            expires_at,
            refresh_expires_at,
            scopes,
            identity,
            id_token,
            authorization_details,
            proof_key,
            resources,
        } = flat;
        Ok(match kind {
            Kind::OAuth1 => Self::OAuth1(OAuth1Tokens {
                token: token.ok_or("missing member `token`")?,
                secret: secret.ok_or("missing member `secret`")?,
            }),
            Kind::OAuth2 => Self::OAuth2(OAuth2Tokens {
                access: access.ok_or("missing member `access`")?,
                refresh,
                received_at: received_at.ok_or("missing member `received_at`")?,
                expires_at,
                refresh_expires_at,
                scopes,
                identity,
                id_token,
                authorization_details,
                proof_key,
                resources,
            }),
        })
    }
}

/// OAuth 1 token credentials (RFC 5849 §2.3). Made to be stored; the store seals them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth1Tokens {
    /// `oauth_token`.
    #[serde(with = "stored")]
    pub token: Secret,
    /// `oauth_token_secret`.
    #[serde(with = "stored")]
    pub secret: Secret,
}

/// OAuth 2 tokens (RFC 6749 §5.1). Made to be stored; the store seals them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2Tokens {
    /// `access_token`.
    #[serde(with = "stored")]
    pub access: Secret,
    /// `refresh_token`, where the server gave one.
    #[serde(default, with = "stored::option", skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Secret>,
    /// When the tokens were received.
    pub received_at: Timestamp,
    /// When the access token ends, where the server or the provider file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When the refresh token ends, where the server says (draft-ietf-oauth-refresh-token-expiration). Good for telling a person when a login is due; the
    /// server alone knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_expires_at: Option<Timestamp>,
    /// The granted scopes; equal to the requested ones where the answer names none (RFC 6749 §5.1).
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whom the ID token of the login names, where there was one. Good for telling that a refresh stays the same person's; for more only where it is
    /// [`verified`](Identity::verified). In a box: most APIs bring none, and there is room for it in each account in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Box<Identity>>,
    /// The last `id_token`, as it came: for `id_token_hint`, and for verification. Nobody has verified it here.
    #[serde(default, with = "stored::option", skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Secret>,
    /// What was granted of the authorization details that were asked for (RFC 9396 §7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<AuthorizationDetail>,
    /// The key that the tokens are bound to (RFC 9449), as PEM or as whoever holds it calls it: [`ProofKey::stored`](crate::oauth2::dpop::ProofKey::stored).
    #[serde(default, with = "stored::option", skip_serializing_if = "Option::is_none")]
    pub proof_key: Option<Secret>,
    /// The resource servers they were asked for (RFC 8707 §2): asked for again at every refresh, or the next token would be for whatever the server takes
    /// for granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
}

/// Whom an ID token names (OpenID Connect Core §2). Made to be stored, with the tokens; no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `aud`, in alphabetical order.
    pub audience: Vec<String>,
    /// Whether an ID token that says so was verified when it came. Nothing here does that: whoever has done it, sets it. Records that do not say count as not
    /// verified.
    #[serde(default, skip_serializing_if = "is_not")]
    pub verified: bool,
}

fn is_not(verified: &bool) -> bool {
    !verified
}

impl TokenSet {
    /// Everything in it that must not be shown.
    pub fn secrets(&self) -> Vec<&Secret> {
        match self {
            Self::OAuth1(tokens) => vec![&tokens.token, &tokens.secret],
            Self::OAuth2(tokens) => {
                std::iter::once(&tokens.access).chain(&tokens.refresh).chain(&tokens.id_token).chain(&tokens.proof_key).collect()
            }
        }
    }

    /// When the access token ends, where that is known.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::OAuth1(_) => None,
            Self::OAuth2(tokens) => tokens.expires_at,
        }
    }

    /// The refresh token, where there is one.
    pub fn refresh_token(&self) -> Option<&Secret> {
        match self {
            Self::OAuth1(_) => None,
            Self::OAuth2(tokens) => tokens.refresh.as_ref(),
        }
    }
}

impl OAuth2Tokens {
    /// Whether the access token renews itself ([`Renewal`](crate::oauth2::Renewal)), which it does while it is good and no longer.
    pub fn renew_themselves(&self) -> bool {
        self.refresh.as_ref().is_some_and(|refresh| refresh.same_as(self.access.expose()))
    }
}

/// A token answer that was accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// The tokens.
    pub tokens: TokenSet,
    /// Values of the answer (or callback) that the provider file asks to keep, such as `user_id`.
    pub kept: BTreeMap<String, String>,
    /// The deviations that were needed to accept it.
    pub tolerated: Tolerated,
    /// What the answer's members are called, where it lacks a value that the provider file asks to keep: what that is called here instead may be among them.
    pub members: Vec<String>,
}

/// Names of a server's making, as many as somebody may look through.
pub(crate) fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<String> {
    const SHOWN: usize = 20;
    const LONGEST: usize = 40;
    all.filter(|name| name.len() <= LONGEST).take(SHOWN).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_is_read_again_and_what_lacks_something_is_not() {
        for text in [
            r#"{"kind":"oauth1","token":"t","secret":"s"}"#,
            r#"{"kind":"oauth2","access":"a","refresh":"r","received_at":1,"expires_at":2,"scopes":["read"]}"#,
            r#"{"kind":"oauth2","access":"a","received_at":1,"scopes":[]}"#,
            r#"{"kind":"oauth2","access":"a","refresh":"r","received_at":1,"refresh_expires_at":9,"scopes":[]}"#,
        ] {
            let read: TokenSet = serde_json::from_str(text).expect("as it rests");
            assert_eq!(serde_json::to_string(&read).expect("it is made to be stored"), text);
        }
        for text in [
            r#"{"token":"t","secret":"s"}"#,
            r#"{"kind":"oauth3","token":"t","secret":"s"}"#,
            r#"{"kind":"oauth1","token":"t"}"#,
            r#"{"kind":"oauth1","secret":"s"}"#,
            r#"{"kind":"oauth2","access":"a","scopes":[]}"#,
            r#"{"kind":"oauth2","refresh":"r","received_at":1}"#,
        ] {
            assert!(serde_json::from_str::<TokenSet>(text).is_err(), "{text}");
        }
    }
}

//! What an ID token has to answer to (OpenID Connect Core §3.1.3.7): kept from the authorization request until there is one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::authorize::AuthorizeRequest;
use crate::jose::Algorithms;
use crate::oidc::{Expected, Hashes};
use crate::secret::{Secret, stored};
use crate::time::Timestamp;

/// What the ID token of a login has to say. Made to be stored, with the [`Pending`](super::Pending) it is a part of; the nonce is in it in
/// clear.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct IdTokenTerms {
    #[serde(default, with = "stored::option", skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_age: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) acr_values: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) claims: Option<String>,
}

impl IdTokenTerms {
    /// Those of a login that asked for none.
    pub(super) const NONE: Self = Self { nonce: None, max_age: None, acr_values: Vec::new(), claims: None };

    pub(super) fn is_none(&self) -> bool {
        let Self { nonce, max_age, acr_values, claims } = self;
        nonce.is_none() && max_age.is_none() && acr_values.is_empty() && claims.is_none()
    }

    /// What the ID token that came with this access token is held against (OpenID Connect Core §3.1.3.7): every rule, and what was asked for.
    pub fn expected<'a>(
        &'a self,
        issuer: &'a str,
        client_id: &'a str,
        algorithms: &'a Algorithms,
        access_token: &'a Secret,
        now: Timestamp,
    ) -> Expected<'a> {
        Expected {
            nonce: self.nonce.as_ref(),
            max_age: self.max_age,
            acr_values: &self.acr_values,
            claims: self.claims.as_deref(),
            hashes: Hashes { access_token: Some(access_token), ..Hashes::default() },
            ..Expected::new(issuer, client_id, algorithms, now)
        }
    }

    /// `nonce`: drawn whenever `openid` is among the scopes. An ID token without it, or with another one, is not this login's.
    pub fn nonce(&self) -> Option<&Secret> {
        self.nonce.as_ref()
    }

    /// `max_age`, in seconds: `auth_time` must be there, and not older.
    pub fn max_age(&self) -> Option<u32> {
        self.max_age
    }

    /// `acr_values`, in order of preference: one of them has to be in `acr`.
    pub fn acr_values(&self) -> &[String] {
        &self.acr_values
    }

    /// The `claims` parameter (§5.5), as it was sent.
    pub fn claims(&self) -> Option<&str> {
        self.claims.as_deref()
    }

    /// The parameter of the request that only an ID token can answer: whoever sent one takes no login without.
    pub fn asked(&self) -> Option<&'static str> {
        asked(self.max_age, &self.acr_values, self.claims.as_deref())
    }
}

impl AuthorizeRequest {
    /// The parameter of the request that only an ID token can answer, if there is one: `max_age`, `acr_values`, or `claims` where that asks something of it.
    pub fn asks_of_id_token(&self) -> Option<&'static str> {
        asked(self.max_age, &self.acr_values, self.claims.as_deref())
    }
}

fn asked(max_age: Option<u32>, acr_values: &[String], claims: Option<&str>) -> Option<&'static str> {
    // What is no JSON is refused by whoever sends it.
    let claims = || serde_json::from_str::<Map<String, Value>>(claims?).ok();
    if max_age.is_some() {
        Some("max_age")
    } else if !acr_values.is_empty() {
        Some("acr_values")
    } else {
        claims()?.get("id_token").is_some_and(|asked| !asked.is_null()).then_some("claims")
    }
}

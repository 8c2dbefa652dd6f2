//! What a client says about itself (RFC 7591 §2, OpenID Connect Registration §2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Origin;
use crate::endpoint::is_private_use;
use crate::error::{Misbehaved, Misuse};
use crate::oauth2::document::Document;
use crate::scrub::printable;

/// What a client says about itself: to a server that registers it, or to the world in a [document of its own](crate::oauth2::client_id_document).
/// Fields have the names of the registry. What is empty or `None` is not sent. Made to be stored; nothing in it is secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "where the name is the registry's, and says it all")]
pub struct ClientMetadata {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// `client_secret_basic` where nothing is said (§2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<String>,
    /// `authorization_code` where nothing is said (§2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grant_types: Vec<String>,
    /// `code` where nothing is said (§2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_types: Vec<String>,
    /// `native` or `web`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// The scopes of `scope`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Where the client's public keys are; not together with `jwks` (§2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// The client's public keys themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// The same once more, signed by somebody the server trusts (§2.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_statement: Option<String>,
    /// RFC 9449 §5.2: whether every token is to be bound to a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpop_bound_access_tokens: Option<bool>,
    /// Whatever else there is to say, by its registered name; a name that has a field here is left out.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub more: Map<String, Value>,
}

/// Something that a server registered otherwise than it was asked to, in words that can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// The member's name.
    pub name: &'static str,
    /// What was asked for.
    pub asked: String,
    /// What was registered.
    pub registered: String,
}

impl ClientMetadata {
    /// A program on somebody's machine: no secret, which it could not keep (RFC 8252 §8.5), the code grant and its refresh tokens.
    pub fn native<U: Into<String>>(client_name: impl Into<String>, redirect_uris: impl IntoIterator<Item = U>) -> Self {
        Self {
            redirect_uris: redirect_uris.into_iter().map(Into::into).collect(),
            token_endpoint_auth_method: Some("none".to_owned()),
            grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            response_types: vec!["code".to_owned()],
            application_type: Some("native".to_owned()),
            client_name: Some(client_name.into()),
            ..Self::default()
        }
    }

    /// That a login could use what is asked for.
    pub(crate) fn check(&self) -> Result<(), Misuse> {
        for uri in &self.redirect_uris {
            let loopback_or_tls = Origin::parse(uri).is_some_and(|origin| origin.as_str().starts_with("https://") || origin.is_loopback());
            if !(loopback_or_tls || is_private_use(uri)) || uri.contains('#') {
                let found = format!("\"{}\"", printable(uri.split(['?', '#']).next().unwrap_or("")));
                return Err(Misuse::new(
                    "redirect URIs with https (http only on loopback) or a private-use scheme (with a dot), without fragment",
                    found,
                )
                .of("RFC 6749 §3.1.2")
                .with_hint("give each as it is served, from https:// on"));
            }
        }
        let code = self.grant_types.is_empty() || self.grant_types.iter().any(|grant| grant == "authorization_code");
        if code && self.redirect_uris.is_empty() {
            return Err(Misuse::new("a redirect URI, for the code grant", "none")
                .of("RFC 7591 §2")
                .with_hint("give one, or another grant"));
        }
        if self.jwks.is_some() && self.jwks_uri.is_some() {
            return Err(Misuse::new("jwks or jwks_uri", "both").of("RFC 7591 §2").with_hint("leave one of them away"));
        }
        Ok(())
    }

    /// As it is sent.
    pub(crate) fn to_members(&self) -> Map<String, Value> {
        let mut members = self.more.clone();
        let mut put = |name: &str, value: Option<Value>| {
            members.remove(name);
            members.extend(value.map(|value| (name.to_owned(), value)));
        };
        for (name, list) in [
            ("redirect_uris", &self.redirect_uris),
            ("grant_types", &self.grant_types),
            ("response_types", &self.response_types),
            ("contacts", &self.contacts),
        ] {
            put(name, Some(list).filter(|list| !list.is_empty()).map(|list| list.clone().into()));
        }
        for (name, text) in [
            ("token_endpoint_auth_method", &self.token_endpoint_auth_method),
            ("application_type", &self.application_type),
            ("client_name", &self.client_name),
            ("client_uri", &self.client_uri),
            ("logo_uri", &self.logo_uri),
            ("tos_uri", &self.tos_uri),
            ("policy_uri", &self.policy_uri),
            ("jwks_uri", &self.jwks_uri),
            ("software_id", &self.software_id),
            ("software_version", &self.software_version),
            ("software_statement", &self.software_statement),
        ] {
            put(name, text.clone().map(Value::from));
        }
        put("scope", Some(self.scopes.join(" ")).filter(|scope| !scope.is_empty()).map(Value::from));
        put("jwks", self.jwks.clone());
        put("dpop_bound_access_tokens", self.dpop_bound_access_tokens.map(Value::from));
        members
    }

    /// What a server registered: §3.2.1 has it say all of it, and many say what differs only, so the rest is as asked.
    pub(crate) fn read(d: &Document<'_>, asked: &Self) -> Result<Self, Misbehaved> {
        Ok(Self {
            redirect_uris: d.list("redirect_uris")?.unwrap_or_else(|| asked.redirect_uris.clone()),
            token_endpoint_auth_method: d
                .text("token_endpoint_auth_method")?
                .map(str::to_owned)
                .or_else(|| asked.token_endpoint_auth_method.clone()),
            grant_types: d.list("grant_types")?.unwrap_or_else(|| asked.grant_types.clone()),
            response_types: d.list("response_types")?.unwrap_or_else(|| asked.response_types.clone()),
            scopes: d.scopes("scope")?.unwrap_or_else(|| asked.scopes.clone()),
            dpop_bound_access_tokens: d.flag("dpop_bound_access_tokens")?.or(asked.dpop_bound_access_tokens),
            ..asked.clone()
        })
    }

    /// What differs in a way that a login would notice.
    pub(crate) fn changed(&self, registered: &Self) -> Vec<Changed> {
        let one = |text: &Option<String>, default: &str| vec![text.clone().unwrap_or_else(|| default.to_owned())];
        let or = |list: &[String], default: &str| if list.is_empty() { vec![default.to_owned()] } else { list.to_vec() };
        let dpop = |client: &Self| vec![client.dpop_bound_access_tokens.unwrap_or(false).to_string()];
        let method = |client: &Self| one(&client.token_endpoint_auth_method, "client_secret_basic");
        let pairs = [
            ("redirect_uris", self.redirect_uris.clone(), registered.redirect_uris.clone()),
            ("token_endpoint_auth_method", method(self), method(registered)),
            ("grant_types", or(&self.grant_types, "authorization_code"), or(&registered.grant_types, "authorization_code")),
            ("response_types", or(&self.response_types, "code"), or(&registered.response_types, "code")),
            // Nothing asked for is whatever the server gives (§2).
            ("scope", if self.scopes.is_empty() { registered.scopes.clone() } else { self.scopes.clone() }, registered.scopes.clone()),
            ("dpop_bound_access_tokens", dpop(self), dpop(registered)),
        ];
        let words = |mut list: Vec<String>| {
            list.sort();
            printable(&list.join(" "))
        };
        let pairs = pairs.into_iter().map(|(name, asked, registered)| Changed { name, asked: words(asked), registered: words(registered) });
        pairs.filter(|pair| pair.asked != pair.registered).collect()
    }
}

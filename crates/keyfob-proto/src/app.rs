//! The app: our registration with a provider.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::secret::{Secret, stored};

/// Our registration with a provider: what the developer site handed out. Made to be stored; the store seals it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct App {
    /// OAuth 2 `client_id`, or OAuth 1 consumer key.
    pub client_id: String,
    /// OAuth 2 `client_secret`, or OAuth 1 consumer secret; absent for public clients.
    #[serde(default, with = "stored::option", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// The redirect URI that was registered, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Further fields that the provider file asks for (an API key, a shop's name), by name.
    #[serde(default, with = "stored::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Secret>,
}

impl App {
    /// A registration without a secret (a public client).
    pub fn public(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), ..Self::default() }
    }

    /// A registration with a secret.
    pub fn confidential(client_id: impl Into<String>, client_secret: impl Into<Secret>) -> Self {
        Self { client_id: client_id.into(), client_secret: Some(client_secret.into()), ..Self::default() }
    }

    /// The value of a field by the name that provider files use: `client_id`, `client_secret`, `redirect_uri`, or a further field.
    pub fn field(&self, name: &str) -> Option<&str> {
        match name {
            "client_id" => Some(self.client_id.as_str()).filter(|id| !id.is_empty()),
            "client_secret" => self.client_secret.as_ref().map(Secret::expose),
            "redirect_uri" => self.redirect_uri.as_deref(),
            other => self.fields.get(other).map(Secret::expose),
        }
    }

    /// Everything about the app that must not be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.client_secret.iter().chain(self.fields.values())
    }
}

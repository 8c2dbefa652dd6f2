//! What to ask for in a grant that shows no authorization page of ours.

use super::authorize::{check_resource, spaced};
use super::client::Client;
use super::rar::{self, AuthorizationDetail};
use super::token_response::Context;
use crate::error::Misuse;

/// What to ask for. Empty: what the provider file has; of client credentials no scopes at all.
#[derive(Clone, Debug, Default)]
pub struct AccessRequest {
    /// The scopes (RFC 6749 §3.3); empty: the provider file's, but for client credentials.
    pub scopes: Vec<String>,
    /// The resource servers the token is for (RFC 8707 §2): absolute URIs without fragment.
    pub resources: Vec<String>,
    /// Rich authorization requests (RFC 9396). The answer must say which of them were granted.
    pub authorization_details: Vec<AuthorizationDetail>,
}

impl AccessRequest {
    /// These scopes, and nothing else.
    pub fn scopes<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Judges it, and writes it out as parameters.
    pub(crate) fn parameters(&self, client: &Client) -> Result<Asked, Misuse> {
        let scopes = if self.scopes.is_empty() { client.shared.settings.scopes.clone() } else { self.scopes.clone() };
        spaced("scopes", &scopes)?;
        for resource in &self.resources {
            check_resource(resource)?;
        }
        let scope = Some(scopes.join(&client.shared.settings.scope_separator)).filter(|scope| !scope.is_empty());
        let details = self.authorization_details.clone();
        Ok(Asked { scope, resources: self.resources.clone(), parameter: rar::parameter(&details), scopes, details })
    }
}

/// The same, ready to be sent.
pub(crate) struct Asked {
    scope: Option<String>,
    pub(crate) resources: Vec<String>,
    parameter: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) details: Vec<AuthorizationDetail>,
}

impl Asked {
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let scope = self.scope.iter().map(|scope| ("scope", scope.as_str()));
        let resources = self.resources.iter().map(|resource| ("resource", resource.as_str()));
        scope.chain(resources).chain(self.parameter.iter().map(|details| ("authorization_details", details.as_str())))
    }

    /// Names no scopes, not even the provider file's.
    pub(crate) fn without_scopes(&mut self) {
        (self.scope, self.scopes) = (None, Vec::new());
    }

    /// What the answer has to be held against.
    pub(crate) fn context(&self) -> Context {
        Context { scopes: self.scopes.clone(), details: self.details.clone(), resources: self.resources.clone(), ..Context::default() }
    }
}

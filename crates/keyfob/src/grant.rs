//! What an account's tokens come of, and so how it gets new ones.

use keyfob_proto::oauth2::{AccessRequest, AuthorizationDetail, Client, Exchange};
use keyfob_proto::{Error as ProtoError, OAuth2Tokens, Received, TokenSet};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::keyfob::Keyfob;

/// What an account's tokens come of, and so how it gets new ones. Made to be stored, with the account; no secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Grant {
    /// Somebody's approval, in whatever way it was given. New tokens come of the refresh token, where there is one (RFC 6749 §6).
    #[default]
    Approval,
    /// The app's own credentials (RFC 6749 §4.4). There is no refresh token (§4.4.3): the same is asked again.
    ClientCredentials {
        /// The resource servers that the tokens are for (RFC 8707).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        resources: Vec<String>,
        /// What was asked for in detail (RFC 9396).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        authorization_details: Vec<AuthorizationDetail>,
    },
    /// The app's own word about somebody, signed with its key (RFC 7523 §2.1): good for a minute, so the same is said again.
    JwtBearer {
        /// Whom the tokens are about (`sub`).
        subject: String,
        /// The resource servers that the tokens are for (RFC 8707).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        resources: Vec<String>,
        /// What was asked for in detail (RFC 9396).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        authorization_details: Vec<AuthorizationDetail>,
    },
    /// None: the provider has no tokens, and the app's own keys sign (OAuth 1, "one-legged"). There is nothing to renew.
    OneLegged,
}

impl Grant {
    /// The app's own credentials, for this.
    pub(crate) fn client_credentials(request: &AccessRequest) -> Self {
        let AccessRequest { resources, authorization_details, .. } = request.clone();
        Self::ClientCredentials { resources, authorization_details }
    }

    /// The app's own word about somebody, for this.
    pub(crate) fn jwt_bearer(subject: &str, request: &AccessRequest) -> Self {
        let AccessRequest { resources, authorization_details, .. } = request.clone();
        Self::JwtBearer { subject: subject.to_owned(), resources, authorization_details }
    }

    /// Asks, for the first time or once more. Without scopes the provider's own; for the app itself, none.
    pub(crate) fn ask(&self, keyfob: &Keyfob, client: &Client, scopes: &[String]) -> Result<Option<Exchange>, Error> {
        let access = |resources: &Vec<String>, authorization_details: &Vec<AuthorizationDetail>| AccessRequest {
            scopes: scopes.to_vec(),
            resources: resources.clone(),
            authorization_details: authorization_details.clone(),
        };
        Ok(match self {
            Self::Approval | Self::OneLegged => None,
            Self::ClientCredentials { resources, authorization_details } => {
                Some(client.client_credentials(&access(resources, authorization_details))?)
            }
            Self::JwtBearer { subject, resources, authorization_details } => {
                let access = access(resources, authorization_details);
                Some(client.jwt_bearer_for(subject, &access, keyfob.now(), keyfob.entropy())?)
            }
        })
    }

    /// Asks once more, for tokens in place of these. Without scopes the provider's own; for the app itself, none.
    pub(crate) fn ask_again(
        &self,
        keyfob: &Keyfob,
        client: &Client,
        scopes: &[String],
        before: &OAuth2Tokens,
    ) -> Result<Option<Exchange>, Error> {
        let asked = self.ask(keyfob, client, scopes)?;
        Ok(if self.is_about_somebody() { asked.map(|exchange| exchange.in_place_of(before)) } else { asked })
    }

    /// What is kept of an answer. The app's own tokens are nobody's: an ID token among them answers no question that was asked, and is not kept, lest it
    /// passes for a person.
    pub(crate) fn keeps(&self, mut received: Received) -> Received {
        if let (false, TokenSet::OAuth2(tokens)) = (self.is_about_somebody(), &mut received.tokens) {
            (tokens.id_token, tokens.identity) = (None, None);
        }
        received
    }

    /// Not the app's own: by the app's keys or credentials alone it is known whose an account is.
    pub(crate) fn is_about_somebody(&self) -> bool {
        !matches!(self, Self::ClientCredentials { .. } | Self::OneLegged)
    }

    /// The `grant_type` by which the same is asked again; `None` where that takes a refresh token, or somebody's approval.
    pub fn asked_again_as(&self) -> Option<&'static str> {
        match self {
            Self::Approval | Self::OneLegged => None,
            Self::ClientCredentials { .. } => Some("client_credentials"),
            Self::JwtBearer { .. } => Some("urn:ietf:params:oauth:grant-type:jwt-bearer"),
        }
    }

    /// `invalid_grant` in answer to the grant itself is about no code and no refresh token, but about what the app says of itself: an assertion that has ended or
    /// has not begun by the server's clock, a key that was taken back (RFC 7523 §3.1). No person's login mends that.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let Error::Protocol(ProtoError::Refused(refused)) = error else { return error };
        let refused = match self {
            Self::ClientCredentials { .. } => refused.of_client_credentials(),
            Self::JwtBearer { .. } => refused.of_own_assertion(),
            Self::Approval | Self::OneLegged => refused,
        };
        ProtoError::from(refused).into()
    }

    pub(crate) fn is_approval(&self) -> bool {
        *self == Self::Approval
    }
}

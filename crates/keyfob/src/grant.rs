//! What an account's tokens come of, and so how it gets new ones.

use keyfob_proto::oauth2::{AccessRequest, AuthorizationDetail, Client, Exchange};
use keyfob_proto::{Error as ProtoError, OAuth2Tokens, Received, TokenSet};
use serde::{Deserialize, Serialize};

use crate::account::{Account, AccountId};
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
    ClientCredentials(Box<OwnRequest>),
    /// The app's own word about somebody, signed with its key (RFC 7523 §2.1): good for a minute, so the same is said again.
    JwtBearer(Box<Said>),
    /// Another account's token, exchanged for this one's (RFC 8693). New tokens come of a refresh token, where there is one, or of the same exchange once more,
    /// which a person begins: what was approved there may have been taken back.
    Exchanged(Box<MadeOf>),
    /// None: the provider has no tokens, and the app's own keys sign (OAuth 1, "one-legged"). There is nothing to renew.
    OneLegged,
}

/// What the app asked for in its own name. In a box, as [`Said`] is: nearly every account is of somebody's approval, and has room for neither.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnRequest {
    /// The resource servers that the tokens are for (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// What was asked for in detail (RFC 9396).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<AuthorizationDetail>,
}

/// What the app said about somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Whom the tokens are about (`sub`).
    pub subject: String,
    /// What was asked for.
    #[serde(flatten)]
    pub asked: OwnRequest,
}

/// Whose token was exchanged, and for what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MadeOf {
    /// What that account was called then.
    pub account: String,
    /// Which one it was.
    pub id: AccountId,
    /// What was asked for.
    #[serde(flatten)]
    pub asked: OwnRequest,
}

impl OwnRequest {
    fn of(request: &AccessRequest) -> Self {
        let AccessRequest { resources, authorization_details, .. } = request.clone();
        Self { resources, authorization_details }
    }

    fn with(&self, scopes: &[String]) -> AccessRequest {
        let Self { resources, authorization_details } = self.clone();
        AccessRequest { scopes: scopes.to_vec(), resources, authorization_details }
    }
}

impl Grant {
    /// The app's own credentials, for this.
    pub(crate) fn client_credentials(request: &AccessRequest) -> Self {
        Self::ClientCredentials(Box::new(OwnRequest::of(request)))
    }

    /// The app's own word about somebody, for this.
    pub(crate) fn jwt_bearer(subject: &str, request: &AccessRequest) -> Self {
        Self::JwtBearer(Box::new(Said { subject: subject.to_owned(), asked: OwnRequest::of(request) }))
    }

    /// The token of that account, for this.
    pub(crate) fn exchanged(from: &Account, request: &AccessRequest) -> Self {
        Self::Exchanged(Box::new(MadeOf { account: from.name.clone(), id: from.id.clone(), asked: OwnRequest::of(request) }))
    }

    /// Asks, for the first time or once more. Without scopes the provider's own; for the app itself, none.
    pub(crate) fn ask(&self, keyfob: &Keyfob, client: &Client, scopes: &[String]) -> Result<Option<Exchange>, Error> {
        Ok(match self {
            Self::Approval | Self::Exchanged(_) | Self::OneLegged => None,
            Self::ClientCredentials(asked) => Some(client.client_credentials(&asked.with(scopes))?),
            Self::JwtBearer(said) => {
                Some(client.jwt_bearer_for(&said.subject, &said.asked.with(scopes), keyfob.now(), keyfob.entropy())?)
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
        !matches!(self, Self::ClientCredentials(_) | Self::OneLegged)
    }

    /// The `grant_type` by which the same is asked again; `None` where that takes a refresh token, or somebody's approval.
    pub fn asked_again_as(&self) -> Option<&'static str> {
        match self {
            Self::Approval | Self::Exchanged(_) | Self::OneLegged => None,
            Self::ClientCredentials(_) => Some("client_credentials"),
            Self::JwtBearer(_) => Some("urn:ietf:params:oauth:grant-type:jwt-bearer"),
        }
    }

    /// `invalid_grant` in answer to the grant itself is about no code and no refresh token, but about what the app says of itself: an assertion that has ended or
    /// has not begun by the server's clock, a key that was taken back (RFC 7523 §3.1). No person's login mends that.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let Error::Protocol(ProtoError::Refused(refused)) = error else { return error };
        let refused = match self {
            Self::ClientCredentials(_) => refused.of_client_credentials(),
            Self::JwtBearer(_) => refused.of_own_assertion(),
            Self::Approval | Self::Exchanged(_) | Self::OneLegged => refused,
        };
        ProtoError::from(refused).into()
    }

    /// Whether it is the token of that account, exchanged.
    pub(crate) fn is_made_of(&self, account: &Account) -> bool {
        matches!(self, Self::Exchanged(made) if made.id == account.id || made.account == account.name)
    }

    /// Whether somebody approved, of this or of what it was made of.
    pub(crate) fn was_approved(&self) -> bool {
        matches!(self, Self::Approval | Self::Exchanged(_))
    }

    pub(crate) fn is_approval(&self) -> bool {
        *self == Self::Approval
    }

    /// How a login for the same is asked for on the command line, beside the account's name. Scopes and resources of before need not be said again.
    pub fn login_options(&self) -> String {
        match self {
            Self::ClientCredentials(_) => " --client-credentials".to_owned(),
            Self::Exchanged(made) => format!(" --exchange {}", made.account),
            Self::Approval | Self::JwtBearer(_) | Self::OneLegged => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_is_read_again_as_it_was_written() {
        for text in [
            r#"{"type":"approval"}"#,
            r#"{"type":"client-credentials"}"#,
            r#"{"type":"client-credentials","resources":["https://api.example"],"authorization_details":[{"amount":1.5,"type":"pay"}]}"#,
            r#"{"type":"jwt-bearer","subject":"robin"}"#,
            r#"{"type":"jwt-bearer","subject":"robin","resources":["https://api.example"],"authorization_details":[{"amount":1.5,"type":"pay"}]}"#,
            r#"{"type":"exchanged","account":"hub","id":"0123456789abcdef0123456789abcdef"}"#,
            r#"{"type":"exchanged","account":"hub","id":"0123456789abcdef0123456789abcdef","resources":["https://api.example"]}"#,
            r#"{"type":"one-legged"}"#,
        ] {
            let read: Grant = serde_json::from_str(text).expect("as it rests");
            assert_eq!(serde_json::to_string(&read).expect("it is made to be stored"), text);
        }
        assert!(serde_json::from_str::<Grant>(r#"{"type":"jwt-bearer"}"#).is_err());
    }
}

//! Implicit grant (RFC 6749 §4.2): the access token comes through the browser.

use serde::{Deserialize, Serialize};

use crate::callback::Answer;
use crate::entropy::Entropy;
use crate::error::{Error, Misbehaved, Misuse};
use crate::oauth2::authorize::{AuthorizeRequest, ResponseType};
use crate::oauth2::client::Client;
use crate::oauth2::hybrid::front_channel_tokens;
use crate::oauth2::json_answer::Members;
use crate::oauth2::par::PushedRequest;
use crate::oauth2::pending::Pending;
use crate::secret::SecretRef;
use crate::time::Timestamp;
use crate::token::{Received, TokenSet};

const SECTION: &str = "RFC 6749 §4.2.2";

/// The URL the person has to go to (§4.2.1), and what to keep until they are back. `state` is all that binds the answer to the request; no
/// proof key can.
///
/// # Errors
///
/// `Misuse` as for [`Client::authorize`], and if the answer is asked for in a query.
pub fn authorize_implicit(
    client: &Client,
    request: &AuthorizeRequest,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(String, ImplicitPending), Error> {
    client.may_use_the_browser()?;
    let asked = client.ask(request, ResponseType::Token, now, entropy)?;
    let (url, pending) = (asked.url(now, entropy)?, asked.pending);
    Ok((url, ImplicitPending(pending)))
}

/// The same by a request that is pushed (RFC 9126 §2.1), for a server that takes them.
///
/// # Errors
///
/// As [`authorize_implicit`] and [`Client::push`].
pub fn push_implicit(
    client: &Client,
    request: &AuthorizeRequest,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<PushedRequest<ImplicitPending>, Error> {
    client.pushed(request, ResponseType::Token, ImplicitPending, now, entropy)
}

/// An implicit login under way. Made to be stored, as [`Pending`] is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImplicitPending(Pending);

impl ImplicitPending {
    /// What names this login in a callback: `state`.
    pub fn key(&self) -> SecretRef<'_> {
        self.0.key()
    }

    /// The redirect URI that was sent.
    pub fn redirect_uri(&self) -> &str {
        self.0.redirect_uri()
    }

    /// When the login began.
    pub fn began_at(&self) -> Timestamp {
        self.0.began_at()
    }

    /// When the login ends unanswered.
    pub fn expires_at(&self) -> Timestamp {
        self.0.expires_at()
    }

    /// Judges what came back (§4.2.2): as [`Pending::verify`] does, and the token as one of the token endpoint. It may have been issued to
    /// another app and planted here (RFC 9700 §4.6): nothing in it can tell.
    ///
    /// # Errors
    ///
    /// As [`Pending::verify`], and `Misbehaved` for a refresh token, a code or an ID token in the answer.
    pub fn receive(&self, client: &Client, answer: Answer<'_>, now: Timestamp) -> Result<Received, Error> {
        if self.0.response_type() != ResponseType::Token || !self.0.begun().is_of(client) {
            return Err(Misuse::new("an implicit login that this app began at this provider", "another one")
                .of("RFC 6749 §4.2")
                .with_hint("finish the login with the app and the provider that it was begun with")
                .into());
        }
        let (parameters, mut tolerated) = self.0.parameters(answer, now)?;
        if let Some(name) = ["code", "id_token"].into_iter().find(|name| parameters.get(name).is_some()) {
            return Err(Misbehaved::new(SECTION, "an access token alone", format!("{name}, too")).into());
        }
        let object = parameters.members();
        let allowed = &client.shared.deviations;
        let mut members = Members { object: &object, section: SECTION, status: None, allowed, tolerated: &mut tolerated };
        let tokens = front_channel_tokens(&self.0, &mut members, client, now)?;
        let kept = parameters.keep(&client.shared.keep);
        Ok(Received { tokens: TokenSet::OAuth2(tokens), kept, tolerated, members: Vec::new() })
    }
}

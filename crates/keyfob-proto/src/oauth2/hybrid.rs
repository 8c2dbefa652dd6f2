//! Hybrid answers (OpenID Connect Core §3.3): tokens that come through the browser beside the code.
//!
//! What comes through a browser may have been planted there. So a hybrid answer does not give its code away until the ID token in it has been
//! verified, and holds the code (`c_hash`), the access token (`at_hash`) and the nonce.

use serde::{Deserialize, Serialize};

use super::authorize::{AuthorizeRequest, ResponseType};
use super::client::Client;
use super::id_token_terms::IdTokenTerms;
use super::json_answer::Members;
use super::pending::{Pending, Verified};
use super::token_response::{self, Context};
use crate::callback::Answer;
use crate::entropy::Entropy;
use crate::error::{Error, Misbehaved, Misuse};
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::OAuth2Tokens;

const SECTION: &str = "OpenID Connect Core §3.3.2.5";

/// What comes through the browser beside the code (OAuth 2.0 Multiple Response Type Encoding Practices §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hybrid {
    /// `code id_token`.
    IdToken,
    /// `code token`: nothing says that code and token belong together. For servers that know nothing better.
    Token,
    /// `code id_token token`.
    IdTokenAndToken,
}

impl Client {
    /// Step 1 of a hybrid login (OpenID Connect Core §3.3.2.1): as [`authorize`](Self::authorize), with tokens in the answer.
    ///
    /// # Errors
    ///
    /// `Misuse` as for `authorize`, and if an ID token is asked for without the scope `openid`, or the answer in a query.
    pub fn authorize_hybrid(
        &self,
        request: &AuthorizeRequest,
        hybrid: Hybrid,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(String, HybridPending), Error> {
        let response_type = match hybrid {
            Hybrid::IdToken => ResponseType::CodeIdToken,
            Hybrid::Token => ResponseType::CodeToken,
            Hybrid::IdTokenAndToken => ResponseType::CodeIdTokenToken,
        };
        let (query, pending) = self.authorization_request(request, response_type, now, entropy)?;
        Ok((self.settings.authorize.with_form(&query), HybridPending(pending)))
    }
}

/// A hybrid login under way. Made to be stored, as [`Pending`] is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HybridPending(Pending);

impl HybridPending {
    /// What names this login in a callback: `state`.
    pub fn key(&self) -> &Secret {
        self.0.key()
    }

    /// The redirect URI that was sent.
    pub fn redirect_uri(&self) -> &str {
        self.0.redirect_uri()
    }

    /// When the login ends unanswered.
    pub fn expires_at(&self) -> Timestamp {
        self.0.expires_at()
    }

    /// Reads what came back: everything that [`Pending::verify`] judges, and that the tokens that were asked for are there, and no others. Not
    /// judged is what needs keys: that is why it gives no [`Verified`].
    ///
    /// # Errors
    ///
    /// As [`Pending::verify`]. A bare code is never taken: the tokens are missing.
    pub fn read(&self, client: &Client, answer: Answer<'_>, now: Timestamp) -> Result<HybridAnswer, Error> {
        let (pending, response_type) = (&self.0, self.0.response_type());
        if matches!(response_type, ResponseType::Code | ResponseType::Token) || !pending.is_of(client) {
            return Err(Misuse::new("a hybrid login that this app began at this provider", "another one").into());
        }
        let (parameters, mut tolerated) = pending.parameters(answer, now)?;
        for (name, asked) in [("id_token", response_type.has_id_token()), ("access_token", response_type.has_access_token())] {
            match (parameters.get(name), asked) {
                (None, true) => return Err(Misbehaved::new(SECTION, name, "an answer without it").into()),
                (Some(_), false) => return Err(Misbehaved::new("RFC 9700 §2.1.2", "what was asked for", format!("an {name}, too")).into()),
                _ => {}
            }
        }
        let code = pending.code(&parameters)?.to_owned();
        let object = parameters.members();
        let allowed = &client.deviations;
        let mut members = Members { object: &object, section: SECTION, status: None, allowed, tolerated: &mut tolerated };
        let id_token = if response_type.has_id_token() { members.id_token()? } else { None };
        let tokens = if response_type.has_access_token() { Some(front_channel_tokens(pending, &mut members, client, now)?) } else { None };
        let verified = pending.verified(&code, parameters.keep(&client.keep), tolerated);
        Ok(HybridAnswer { id_token, tokens, state: pending.key().clone(), verified })
    }
}

/// Tokens that came through a browser, read as those of the token endpoint are. A refresh token must never be among them (RFC 6749 §4.2.2),
/// nor are authorization details told there.
pub(crate) fn front_channel_tokens(
    pending: &Pending,
    members: &mut Members<'_>,
    client: &Client,
    now: Timestamp,
) -> Result<OAuth2Tokens, Misbehaved> {
    if members.object.contains_key("refresh_token") {
        return Err(Misbehaved::new("RFC 6749 §4.2.2", "no refresh token", "one that came through a browser"));
    }
    let context = Context { scopes: pending.scopes().to_vec(), ..Context::default() };
    let tokens = token_response::tokens(members, client, &context, now)?;
    // Whom an ID token names counts once it is verified, which is for whoever holds the keys.
    Ok(OAuth2Tokens { identity: None, id_token: None, authorization_details: Vec::new(), ..tokens })
}

/// A hybrid answer to *our* request, whose ID token nobody has verified yet. The code in it is not to be had from outside of this crate but
/// through that check (OpenID Connect Core §3.3.2.8 to §3.3.2.10):
///
/// ```compile_fail,E0624
/// # use keyfob_proto::oauth2::{HybridAnswer, Verified};
/// fn skips_the_check(answer: HybridAnswer) -> Verified {
///     answer.into_verified().0
/// }
/// ```
#[must_use = "a hybrid answer is verified, then exchanged"]
#[derive(Debug)]
pub struct HybridAnswer {
    id_token: Option<Secret>,
    tokens: Option<OAuth2Tokens>,
    state: Secret,
    verified: Verified,
}

impl HybridAnswer {
    /// The ID token, as it came.
    pub fn id_token(&self) -> Option<&Secret> {
        self.id_token.as_ref()
    }

    /// What it has to say.
    pub fn expected(&self) -> &IdTokenTerms {
        &self.verified.expected
    }

    /// Of an answer to `code token`: the code, and the access token that came beside it. Nothing binds the second to this login (RFC 9700
    /// §2.1.2): whoever can, exchanges the code and leaves the token alone.
    ///
    /// # Errors
    ///
    /// `Misuse` if there is an ID token to verify.
    pub fn without_id_token(self) -> Result<(Verified, Option<OAuth2Tokens>), Misuse> {
        match self.id_token {
            None => Ok((self.verified, self.tokens)),
            Some(_) => Err(Misuse::new("an answer without ID token", "one with an ID token, which has to be verified")),
        }
    }

    /// What the ID token must be the hash of: the code (`c_hash`), the access token (`at_hash`), the state (`s_hash`).
    #[cfg_attr(not(test), expect(dead_code, reason = "the verification of ID tokens is the caller"))]
    pub(crate) fn hashed(&self) -> (&Secret, Option<&Secret>, &Secret) {
        (&self.verified.code, self.tokens.as_ref().map(|tokens| &tokens.access), &self.state)
    }

    /// The code, and the access token where one came along. For the verification of ID tokens alone, once it has been through.
    #[cfg_attr(not(test), expect(dead_code, reason = "the verification of ID tokens is the caller"))]
    pub(crate) fn into_verified(self) -> (Verified, Option<OAuth2Tokens>) {
        (self.verified, self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{App, Endpoint, Flow, Settings, oauth2};

    /// What the verification of ID tokens stands on: the three values it hashes, and the code it lets go.
    #[test]
    fn the_check_has_what_it_hashes_and_gives_the_code() {
        let endpoint = |url| Endpoint::parse(url).expect("an endpoint");
        let flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
        let provider = Settings::new("example", Flow::OAuth2(flow), endpoint("https://api.example"));
        let client = Client::new(&provider, App::public("id")).expect("a client");
        let request = AuthorizeRequest {
            redirect_uri: "https://app.example/cb".to_owned(),
            scopes: vec!["openid".to_owned()],
            ..AuthorizeRequest::default()
        };
        let now = Timestamp::from_unix(0);
        let entropy = |buffer: &mut [u8]| buffer.fill(7);
        let (_, pending) = client.authorize_hybrid(&request, Hybrid::IdTokenAndToken, now, &entropy).expect("a URL");
        let text = format!("state={}&code=c-1&id_token=a.b.c&access_token=t-1&token_type=Bearer", pending.key().expose());
        let answer = pending.read(&client, Answer::Fragment(&text), now).expect("an answer");
        let (code, token, state) = answer.hashed();
        assert_eq!((code.expose(), token.map(Secret::expose), state.expose()), ("c-1", Some("t-1"), pending.key().expose()));
        let (verified, tokens) = answer.into_verified();
        assert!(tokens.is_some_and(|tokens| tokens.access.expose() == "t-1") && client.exchange(verified).is_ok());
    }
}

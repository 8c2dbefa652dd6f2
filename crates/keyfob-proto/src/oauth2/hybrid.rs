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
use super::settings::Settings;
use super::token_response::{self, Context};
use crate::callback::Answer;
use crate::entropy::Entropy;
use crate::error::{Error, Misbehaved, Misuse};
use crate::jose::{Algorithms, Keys};
use crate::oidc::{self, Hashes, IdToken};
use crate::secret::{Secret, SecretRef};
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

impl Hybrid {
    pub(super) const fn response_type(self) -> ResponseType {
        match self {
            Self::IdToken => ResponseType::CodeIdToken,
            Self::Token => ResponseType::CodeToken,
            Self::IdTokenAndToken => ResponseType::CodeIdTokenToken,
        }
    }
}

impl Client {
    /// Step 1 of a hybrid login (OpenID Connect Core §3.3.2.1): as [`authorize`](Self::authorize), with tokens in the answer.
    ///
    /// # Errors
    ///
    /// `Misuse` as for `authorize` (where requests must be pushed there is [`push_hybrid`](Self::push_hybrid)), and if an ID token is asked for without the scope `openid`, or the answer in a query.
    pub fn authorize_hybrid(
        &self,
        request: &AuthorizeRequest,
        hybrid: Hybrid,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(String, HybridPending), Error> {
        self.may_use_the_browser()?;
        let asked = self.ask(request, hybrid.response_type(), now, entropy)?;
        let (url, pending) = (asked.url(now, entropy)?, asked.pending);
        Ok((url, HybridPending(pending)))
    }
}

/// A hybrid login under way. Made to be stored, as [`Pending`] is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HybridPending(pub(super) Pending);

impl HybridPending {
    /// What names this login in a callback: `state`.
    pub fn key(&self) -> SecretRef<'_> {
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

    /// When the login began.
    pub fn began_at(&self) -> Timestamp {
        self.0.began_at()
    }

    /// The key that the code will be bound to: see [`Pending::proof_key`].
    pub fn proof_key(&self) -> Option<&Secret> {
        self.0.proof_key()
    }

    /// Reads what came back: everything that [`Pending::verify`] judges, and that the tokens that were asked for are there, and no others. Not
    /// judged is what needs keys: that is why it gives no [`Verified`].
    ///
    /// # Errors
    ///
    /// As [`Pending::verify`]. A bare code is never taken: the tokens are missing.
    pub fn read(&self, client: &Client, answer: Answer<'_>, now: Timestamp) -> Result<HybridAnswer, Error> {
        let (pending, response_type) = (&self.0, self.0.response_type());
        if matches!(response_type, ResponseType::Code | ResponseType::Token) || !pending.begun().is_of(client) {
            return Err(Misuse::new("a hybrid login that this app began at this provider", "another one")
                .of("OpenID Connect Core §3.3")
                .with_hint("finish the login with the app and the provider that it was begun with")
                .into());
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
        let allowed = &client.shared.deviations;
        let mut members = Members { object: &object, section: SECTION, status: None, allowed, tolerated: &mut tolerated };
        let id_token = if response_type.has_id_token() { members.id_token()? } else { None };
        let tokens = if response_type.has_access_token() { Some(front_channel_tokens(pending, &mut members, client, now)?) } else { None };
        let verified = pending.verified(&code, parameters.keep(&client.shared.keep), tolerated);
        let Settings { state_hash, trusted_audiences, .. } = &client.shared.settings;
        let (state_hash, trusted_audiences) = (*state_hash, trusted_audiences.clone());
        Ok(HybridAnswer { id_token, tokens, state: pending.key().to_secret(), state_hash, trusted_audiences, verified })
    }
}

/// Tokens that came through a browser, read as those of the token endpoint are. A refresh token must never be among them (RFC 6749 §4.2.2),
/// and authorization details are not read there.
pub(crate) fn front_channel_tokens(
    pending: &Pending,
    members: &mut Members<'_>,
    client: &Client,
    now: Timestamp,
) -> Result<OAuth2Tokens, Misbehaved> {
    if members.object.contains_key("refresh_token") {
        return Err(Misbehaved::new("RFC 6749 §4.2.2", "no refresh token", "one that came through a browser"));
    }
    let context = Context { scopes: pending.begun().scopes.clone(), ..Context::default() };
    let tokens = token_response::tokens(members, client, context, now)?;
    // Whom an ID token names counts once it is verified, which is for whoever holds the keys.
    Ok(OAuth2Tokens { identity: None, id_token: None, ..tokens })
}

/// A hybrid answer to *our* request, whose ID token nobody has verified yet. Its code is not to be had but through that check
/// ([`verify`](Self::verify)):
///
/// ```compile_fail,E0616
/// # use keyfob_proto::oauth2::{HybridAnswer, Verified};
/// fn skips_the_check(answer: HybridAnswer) -> Verified {
///     answer.verified
/// }
/// ```
///
/// ```compile_fail,E0308
/// # use keyfob_proto::oauth2::{Client, HybridAnswer};
/// fn exchanges_it_all_the_same(client: &Client, answer: HybridAnswer) {
///     client.exchange(answer);
/// }
/// ```
#[must_use = "a hybrid answer is verified, then exchanged"]
#[derive(Debug)]
pub struct HybridAnswer {
    id_token: Option<Secret>,
    tokens: Option<OAuth2Tokens>,
    state: Secret,
    state_hash: bool,
    trusted_audiences: Vec<String>,
    verified: Verified,
}

impl HybridAnswer {
    /// The ID token, as it came.
    pub fn id_token(&self) -> Option<&Secret> {
        self.id_token.as_ref()
    }

    /// What it has to say.
    pub fn expected(&self) -> &IdTokenTerms {
        &self.verified.special.expected
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
            Some(_) => Err(Misuse::new("an answer without ID token", "one with an ID token, which has to be verified")
                .of("OpenID Connect Core §3.3.2.12")
                .with_hint("judge it with verify, which takes the server's keys")),
        }
    }

    /// Verifies the ID token (§3.3.2.11): every rule of §3.1.3.7, the nonce, and the hashes of the code (`c_hash`) and of the access token
    /// (`at_hash`), which must be there. Gives the code, for the exchange; whom the token names; and the access token, where one came along.
    ///
    /// # Errors
    ///
    /// `Misuse` if there is no ID token, or the provider's settings name no issuer. `Misbehaved` if a rule does not hold; where it
    /// [is an unknown key](Misbehaved::is_unknown_key), fetch the keys again and [read](HybridPending::read) the same answer once more.
    pub fn verify(
        self,
        keys: &Keys<'_>,
        algorithms: &Algorithms,
        now: Timestamp,
    ) -> Result<(Verified, IdToken, Option<OAuth2Tokens>), Error> {
        let Self { id_token, tokens, state, state_hash, trusted_audiences, verified } = self;
        let id_token = id_token.ok_or_else(|| {
            Misuse::new("an answer with an ID token", "one to \"code token\", which has none")
                .of("OpenID Connect Core §3.3.2.11")
                .with_hint("ask for \"code id_token\", or take the answer without judging one")
        })?;
        let issuer = verified.begun.issuer.as_deref().ok_or_else(|| Misuse::no_issuer("OpenID Connect Core §3.1.3.7"))?;
        let terms = &verified.special.expected;
        let access_token = tokens.as_ref().map(|tokens| &tokens.access);
        let expected = oidc::Expected {
            trusted_audiences: &trusted_audiences,
            nonce: terms.nonce.as_ref(),
            max_age: terms.max_age,
            acr_values: &terms.acr_values,
            claims: terms.claims(),
            hashes: Hashes { access_token, code: Some(&verified.code), state: Some(&state), required: true, state_required: state_hash },
            ..oidc::Expected::new(issuer, &verified.begun.client_id, algorithms, now)
        };
        let id_token = expected.judge(id_token.expose(), keys)?;
        Ok((verified, id_token, tokens))
    }
}

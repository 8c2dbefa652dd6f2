//! Token exchange (RFC 8693): one token for another, for another audience, or in somebody's name.

use std::collections::BTreeMap;
use std::fmt;

use crate::deviation::{Deviation, Tolerated};
use crate::error::{Error, Misbehaved, Misuse};
use crate::message::{Incoming, Outgoing, is_vschar};
use crate::oauth2::access_request::{AccessRequest, Asked};
use crate::oauth2::client::Client;
use crate::oauth2::json::Json;
use crate::oauth2::json_answer::{Members, kind};
use crate::oauth2::rar;
use crate::oauth2::token_response::{self, Found};
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::{OAuth2Tokens, Received, TokenSet};

const SECTION: &str = "RFC 8693 §2.2.1";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// What kind a token is, by its URI (§3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType {
    /// An access token of this server.
    AccessToken,
    /// A refresh token of this server.
    RefreshToken,
    /// An ID token.
    IdToken,
    /// A SAML 1.1 assertion, in base64url.
    Saml1,
    /// A SAML 2.0 assertion, in base64url.
    Saml2,
    /// A JWT.
    Jwt,
    /// Another URI.
    Other(String),
}

impl TokenType {
    const NAMED: &[(&str, Self)] = &[
        ("urn:ietf:params:oauth:token-type:access_token", Self::AccessToken),
        ("urn:ietf:params:oauth:token-type:refresh_token", Self::RefreshToken),
        ("urn:ietf:params:oauth:token-type:id_token", Self::IdToken),
        ("urn:ietf:params:oauth:token-type:saml1", Self::Saml1),
        ("urn:ietf:params:oauth:token-type:saml2", Self::Saml2),
        ("urn:ietf:params:oauth:token-type:jwt", Self::Jwt),
    ];

    /// The URI.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(uri) => uri,
            named => Self::NAMED.iter().find(|(_, kind)| kind == named).map_or("", |(uri, _)| uri),
        }
    }

    fn read(uri: &str) -> Self {
        let known = Self::NAMED.iter().find(|(known, _)| *known == uri);
        known.map_or_else(|| Self::Other(crate::scrub::printable(uri)), |(_, kind)| kind.clone())
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A token and what kind it is.
#[derive(Clone, Debug)]
pub struct SubjectToken {
    /// The token.
    pub token: Secret,
    /// `subject_token_type` or `actor_token_type`.
    pub token_type: TokenType,
}

/// What to exchange, and for what (§2.1).
#[derive(Clone, Debug)]
pub struct TokenExchangeRequest {
    /// In whose name.
    pub subject: SubjectToken,
    /// Who acts for them, where somebody does.
    pub actor: Option<SubjectToken>,
    /// What kind of token to ask for; `None`: whatever the server gives.
    pub requested: Option<TokenType>,
    /// The names of the services the token is for.
    pub audiences: Vec<String>,
    /// Scopes, resources, authorization details. Without scopes the provider file's are *not* asked for: the subject token has its own.
    pub access: AccessRequest,
}

impl TokenExchangeRequest {
    /// Exchanges this token, and asks for nothing in particular.
    pub fn new(token: Secret, token_type: TokenType) -> Self {
        let subject = SubjectToken { token, token_type };
        Self { subject, actor: None, requested: None, audiences: Vec::new(), access: AccessRequest::default() }
    }
}

impl Client {
    /// Exchanges a token (§2.1).
    ///
    /// # Errors
    ///
    /// `Misuse` if a token has spaces or control characters, a type is no URI, or a resource is none.
    pub fn token_exchange(&self, request: &TokenExchangeRequest) -> Result<TokenExchange, Error> {
        let mut asked = request.access.parameters(self)?;
        if request.access.scopes.is_empty() {
            asked.without_scopes();
        }
        let mut body = vec![("grant_type", GRANT_TYPE)];
        let mut scrubber = self.scrubber();
        let tokens =
            [("subject_token", "subject_token_type", Some(&request.subject)), ("actor_token", "actor_token_type", request.actor.as_ref())];
        for (name, type_name, token) in tokens {
            let Some(token) = token else { continue };
            if !is_vschar(token.token.expose()) {
                return Err(Misuse::new(format!("a {name} of visible ASCII"), "nothing, or other characters")
                    .of("RFC 8693 §2.1")
                    .with_hint("give the token as its server gave it")
                    .into());
            }
            check_uri(&token.token_type)?;
            body.extend([(name, token.token.expose()), (type_name, token.token_type.as_str())]);
            scrubber = scrubber.knowing(&token.token);
        }
        if let Some(requested) = &request.requested {
            check_uri(requested)?;
            body.push(("requested_token_type", requested.as_str()));
        }
        body.extend(request.audiences.iter().map(|audience| ("audience", audience.as_str())));
        body.extend(asked.pairs());
        let outgoing = self.token_request(&self.shared.settings.token, body)?;
        Ok(TokenExchange { client: self.clone(), request: outgoing, requested: request.requested.clone(), asked, scrubber })
    }
}

fn check_uri(token_type: &TokenType) -> Result<(), Misuse> {
    let uri = token_type.as_str();
    if is_vschar(uri) && uri.contains(':') {
        return Ok(());
    }
    Err(Misuse::new("a token type as a URI", format!("\"{}\"", crate::scrub::printable(uri)))
        .of("RFC 8693 §3")
        .with_hint("such as urn:ietf:params:oauth:token-type:access_token"))
}

/// A token exchange, under way.
pub struct TokenExchange {
    client: Client,
    request: Outgoing,
    requested: Option<TokenType>,
    asked: Asked,
    scrubber: Scrubber,
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange").field("request", &self.request).field("requested", &self.requested).finish_non_exhaustive()
    }
}

impl TokenExchange {
    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer (§2.2.1).
    ///
    /// # Errors
    ///
    /// As for every token answer, and `Misbehaved` if it does not say what kind of token it is, or is another kind than was asked for.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>, now: Timestamp) -> Result<Exchanged, Error> {
        let (answer, mut tolerated) = (answer.into(), Tolerated::new());
        let allowed = &self.client.shared.deviations;
        let found = Found::read(answer, SECTION, &self.client, &self.scrubber, &mut tolerated)?;
        let status = Some(answer.status);
        let mut members = Members { object: &found.members, section: SECTION, status, allowed, tolerated: &mut tolerated };
        let token = members.required_token("access_token")?;
        let refresh = members.token("refresh_token")?;
        let issued = issued(&members, self.requested.as_ref())?;
        let key = self.client.proof_key.as_ref();
        let bearer = bearer(&mut members, &issued, key.is_some())?;
        let expires_at = token_response::expires_at(&mut members, &self.client, now)?;
        let scopes = token_response::scopes(&mut members, &self.client.shared.settings.scope_separator, self.asked.scopes)?;
        let authorization_details = rar::granted(&members, &self.asked.details, false)?;
        let kept = found.kept(&self.client);
        let tokens = OAuth2Tokens {
            access: token,
            refresh,
            received_at: now,
            expires_at,
            refresh_expires_at: None,
            scopes,
            identity: None,
            id_token: None,
            proof_key: key.filter(|_| bearer).map(|key| key.stored().clone()),
            authorization_details,
            resources: self.asked.resources,
        };
        Ok(Exchanged { tokens, issued, bearer, kept, tolerated })
    }
}

/// `issued_token_type` is required, and what was asked for: a refresh token where an access token was expected would be sent to an API.
fn issued(members: &Members<'_>, requested: Option<&TokenType>) -> Result<TokenType, Misbehaved> {
    let issued = match members.text("issued_token_type")? {
        Some(uri) if is_vschar(uri) && uri.contains(':') => TokenType::read(uri),
        Some(_) => return Err(members.broke("issued_token_type", "a URI", "something else")),
        None => return Err(members.missing("issued_token_type")),
    };
    match requested {
        Some(requested) if requested.as_str() != issued.as_str() => {
            Err(members.broke("issued_token_type", &format!("{requested}, which was asked for"), issued.as_str()))
        }
        _ => Ok(issued),
    }
}

/// Whether it can be used for calls: as a bearer token, or, where the request came with a proof, as one that is bound to its key, and never the other way
/// round (RFC 9449 §5). `N_A` says that it is no access token at all (§2.2.1).
fn bearer(members: &mut Members<'_>, issued: &TokenType, bound: bool) -> Result<bool, Misbehaved> {
    let wanted = if bound { "DPoP" } else { "Bearer" };
    match members.object.get("token_type") {
        Some(Json::Text(text)) if text.eq_ignore_ascii_case(wanted) => Ok(true),
        Some(Json::Text(text)) if text.eq_ignore_ascii_case("n_a") && *issued != TokenType::AccessToken => Ok(false),
        Some(Json::Text(_)) => Err(members.broke("token_type", &format!("{wanted}, or N_A for what is no access token"), "another type")),
        Some(other) => Err(members.broke("token_type", &format!("{wanted} or N_A"), kind(other))),
        None if bound => Err(members.missing("token_type")),
        None => {
            members.tolerate(Deviation::MissingTokenType, "token_type", "an answer without it")?;
            Ok(*issued == TokenType::AccessToken)
        }
    }
}

/// What an exchange gave. It is no [`TokenSet`], and does not become one by itself: the grant it was made from is still the account's, and must
/// not be written over with something narrower, for another audience, or another kind of token.
///
/// ```compile_fail,E0308
/// # use keyfob_proto::{TokenSet, oauth2::Exchanged};
/// fn stored_in_its_place(exchanged: Exchanged) -> TokenSet {
///     exchanged
/// }
/// ```
///
/// ```compile_fail,E0277
/// # use keyfob_proto::oauth2::Exchanged;
/// fn stored<T: serde::Serialize>() {}
/// stored::<Exchanged>();
/// ```
#[derive(Debug)]
pub struct Exchanged {
    tokens: OAuth2Tokens,
    issued: TokenType,
    bearer: bool,
    kept: BTreeMap<String, String>,
    tolerated: Tolerated,
}

impl Exchanged {
    /// The token that was issued (`access_token`, whatever kind it is).
    pub fn token(&self) -> &Secret {
        &self.tokens.access
    }

    /// What kind it is (`issued_token_type`).
    pub fn issued_token_type(&self) -> &TokenType {
        &self.issued
    }

    /// Whether it is used for calls (`token_type`): as a bearer token, or bound to the key that the request proved.
    pub fn is_bearer(&self) -> bool {
        self.bearer
    }

    /// When it ends, where the answer says.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.tokens.expires_at
    }

    /// The scopes it has: those asked for, where the answer names none.
    pub fn scopes(&self) -> &[String] {
        &self.tokens.scopes
    }

    /// The deviations that were needed to accept the answer.
    pub fn tolerated(&self) -> &Tolerated {
        &self.tolerated
    }

    /// The same as tokens for one call, where it is for that: what [`attach`](crate::oauth2::attach) takes, or
    /// [`attach_bound`](crate::oauth2::attach_bound).
    pub fn for_a_call(&self) -> Option<&OAuth2Tokens> {
        self.bearer.then_some(&self.tokens)
    }

    /// The same as the tokens of an account *of its own*, beside the one whose token was exchanged. `None` if it is no bearer token.
    pub fn into_account_of_its_own(self) -> Option<Received> {
        let Self { tokens, bearer, kept, tolerated, .. } = self;
        bearer.then(|| Received { tokens: TokenSet::OAuth2(tokens), kept, tolerated, members: Vec::new() })
    }
}

//! The authorization request (RFC 6749 §4.1.1; OpenID Connect Core §3.1.2.1): where the person is sent, and with which parameters.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::id_token_terms::IdTokenTerms;
use super::jar;
use super::json;
use super::pending::Pending;
use super::pkce::s256_challenge;
use super::rar::{self, AuthorizationDetail};
use super::settings::Pkce;
use crate::encode;
use crate::endpoint::Origin;
use crate::entropy::{Entropy, token256};
use crate::error::{Error, Misuse};
use crate::message::is_vschar;
use crate::secret::Secret;
use crate::time::Timestamp;

/// What to ask the person for. Everything but the redirect URI may stay empty.
///
/// ```
/// use keyfob_proto::oauth2::{AuthorizeRequest, Prompt};
///
/// let request = AuthorizeRequest {
///     redirect_uri: "http://127.0.0.1:8123/callback".to_owned(),
///     scopes: vec!["openid".to_owned(), "read".to_owned()],
///     prompt: vec![Prompt::Consent],
///     max_age: Some(3600),
///     ..AuthorizeRequest::default()
/// };
/// # assert_eq!(request.prompt[0].as_str(), "consent");
/// ```
#[derive(Clone, Debug, Default)]
pub struct AuthorizeRequest {
    /// Where the provider sends the person back to; must equal a registered one byte for byte.
    pub redirect_uri: String,
    /// The scopes to ask for; empty: the provider file's. `openid` makes it an OpenID Connect request, with a `nonce`.
    pub scopes: Vec<String>,
    /// How the answer travels back; `None`: as the response type has it (query for a code, fragment for a hybrid answer).
    pub response_mode: Option<ResponseMode>,
    /// Which pages the server has to show, or must not (OpenID Connect Core §3.1.2.1).
    pub prompt: Vec<Prompt>,
    /// The person must have signed in within this many seconds. Checked against `auth_time` of the ID token.
    pub max_age: Option<u32>,
    /// Authentication contexts, in order of preference.
    pub acr_values: Vec<String>,
    /// The `claims` parameter (OpenID Connect Core §5.5): a JSON object.
    pub claims: Option<String>,
    /// Who is probably signing in.
    pub login_hint: Option<String>,
    /// An ID token of an earlier login: who should be signing in.
    pub id_token_hint: Option<Secret>,
    /// Languages of the page (BCP 47), in order of preference.
    pub ui_locales: Vec<String>,
    /// What kind of page.
    pub display: Option<Display>,
    /// The resource servers the token is for (RFC 8707 §2): absolute URIs without fragment. The code is exchanged for them, too.
    pub resources: Vec<String>,
    /// Rich authorization requests (RFC 9396). The answer must say which of them were granted.
    pub authorization_details: Vec<AuthorizationDetail>,
    /// Further parameters. Those of the protocol have fields of their own, and cannot be said here.
    pub parameters: Vec<(String, String)>,
}

/// How an authorization answer travels (OAuth 2.0 Multiple Response Type Encoding Practices §2.1; Form Post Response Mode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect.
    #[default]
    Query,
    /// In its fragment, which browsers keep to themselves.
    Fragment,
    /// As a form that the browser posts.
    FormPost,
    /// Signed (JARM), in the query of the redirect.
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// Signed (JARM), in its fragment.
    #[serde(rename = "fragment.jwt")]
    FragmentJwt,
    /// Signed (JARM), as a form that the browser posts.
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
}

impl ResponseMode {
    /// The parameter's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::QueryJwt => "query.jwt",
            Self::FragmentJwt => "fragment.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// Whether the answer is signed (JARM §2.3).
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt)
    }

    /// Where the answer is, signed or not.
    pub(crate) const fn place(self) -> Self {
        match self {
            Self::Query | Self::QueryJwt => Self::Query,
            Self::Fragment | Self::FragmentJwt => Self::Fragment,
            Self::FormPost | Self::FormPostJwt => Self::FormPost,
        }
    }

    const ALL: [Self; 6] = [Self::Query, Self::Fragment, Self::FormPost, Self::QueryJwt, Self::FragmentJwt, Self::FormPostJwt];
}

/// Pages to show (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prompt {
    /// None at all: an error if one would be needed. Stands alone.
    None,
    /// Sign in again.
    Login,
    /// Consent again.
    Consent,
    /// Choose the account.
    SelectAccount,
    /// Make an account (Initiating User Registration via OpenID Connect).
    Create,
}

impl Prompt {
    /// The parameter's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
            Self::Create => "create",
        }
    }
}

/// What kind of page (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Display {
    /// The whole window.
    Page,
    /// A window of its own.
    Popup,
    /// For fingers.
    Touch,
    /// For feature phones.
    Wap,
}

impl Display {
    /// The parameter's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Popup => "popup",
            Self::Touch => "touch",
            Self::Wap => "wap",
        }
    }
}

/// What comes back (RFC 6749 §3.1.1; OAuth 2.0 Multiple Response Type Encoding Practices §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ResponseType {
    #[default]
    #[serde(rename = "code")]
    Code,
    #[serde(rename = "code id_token")]
    CodeIdToken,
    #[serde(rename = "code token")]
    CodeToken,
    #[serde(rename = "code id_token token")]
    CodeIdTokenToken,
    #[serde(rename = "token")]
    Token,
}

impl ResponseType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::CodeIdToken => "code id_token",
            Self::CodeToken => "code token",
            Self::CodeIdTokenToken => "code id_token token",
            Self::Token => "token",
        }
    }

    pub(crate) const fn has_id_token(self) -> bool {
        matches!(self, Self::CodeIdToken | Self::CodeIdTokenToken)
    }

    pub(crate) const fn has_access_token(self) -> bool {
        matches!(self, Self::CodeToken | Self::CodeIdTokenToken | Self::Token)
    }

    /// Tokens never travel in a query, which ends up in logs and histories (Multiple Response Types §3, §5).
    const fn default_mode(self) -> ResponseMode {
        match self {
            Self::Code => ResponseMode::Query,
            _ => ResponseMode::Fragment,
        }
    }
}

/// What belongs to the protocol, or to an extension that this core speaks: never said by a further parameter.
const PROTOCOL: &[&str] = &[
    "acr_values",
    "authorization_details",
    "claims",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "display",
    "dpop_jkt",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "ui_locales",
];

impl Client {
    /// The parameters of an authorization request, form-encoded (for the query of a URL, or the body of a pushed request), and what
    /// waits for the answer. Draws 32 bytes of entropy each for `state`, the proof key and the nonce, in this order.
    pub(crate) fn authorization_request(
        &self,
        request: &AuthorizeRequest,
        response_type: ResponseType,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(String, Pending), Misuse> {
        let redirects = Origin::is_of(&request.redirect_uri) && !request.redirect_uri.contains('#');
        if !redirects {
            return Err(Misuse::new("an absolute redirect URI without fragment", format!("\"{}\"", request.redirect_uri)));
        }
        let settings = &self.shared.settings;
        let scopes = if request.scopes.is_empty() { &settings.scopes } else { &request.scopes };
        let scope = scopes.join(&settings.scope_separator);
        let mode = self.response_mode(request, response_type)?;
        let state = token256(entropy);
        // No code, no proof key: the implicit grant has nothing to hold against it.
        let verifier = (settings.pkce == Pkce::S256 && response_type != ResponseType::Token).then(|| token256(entropy));
        let challenge = verifier.as_deref().map(s256_challenge);
        // RFC 9700 §4.5.3.2 counts on it, and a hybrid answer cannot do without it (OpenID Connect Core §3.3.2.11).
        let nonce = scopes.iter().any(|scope| scope == "openid").then(|| token256(entropy));
        if response_type.has_id_token() && nonce.is_none() {
            return Err(Misuse::new("the scope openid, which an ID token needs (OpenID Connect Core §3.1.2.1)", "other scopes"));
        }
        let more = more(request)?;

        let mut query = Vec::with_capacity(16);
        if settings.response_type || response_type != ResponseType::Code {
            query.push(("response_type", response_type.as_str()));
        }
        query.extend([("client_id", self.shared.app.client_id.as_str()), ("redirect_uri", &request.redirect_uri)]);
        if !scope.is_empty() {
            query.push(("scope", &scope));
        }
        query.push(("state", &state));
        if let Some(challenge) = &challenge {
            query.extend([("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]);
        }
        query.extend(nonce.iter().map(|nonce| ("nonce", nonce.as_str())));
        query.extend(more.iter().map(|(name, value)| (*name, &**value)));
        for (name, value) in &request.parameters {
            let is_protocol = PROTOCOL.iter().any(|known| known == name || settings.name_of(known) == name);
            if is_protocol || query.iter().any(|(known, _)| known == name) {
                let found = format!("\"{}\", which is set elsewhere", crate::scrub::printable(name));
                return Err(Misuse::new("further parameters that are not the protocol's, each once", found));
            }
            query.push((name, value));
        }
        // The provider file's come last and never twice: a parameter that is there twice is refused by servers (RFC 6749 §3.1), or read
        // in the wrong place.
        let own = query.len();
        for (name, value) in &settings.authorize_params {
            if query[..own].iter().all(|(known, _)| known != name && settings.name_of(known) != name) {
                query.push((name, value));
            }
        }
        // §10 of RFC 9449: the code, too, is good only for whoever holds the key.
        if let Some(key) = &self.proof_key {
            query.push(("dpop_jkt", key.thumbprint()));
        }
        let query: Vec<_> = query.into_iter().map(|(name, value)| (settings.name_of(name), value)).collect();
        let query = if settings.request_object { self.signed(&query, now, entropy)? } else { encode::form_pairs(query) };
        let expected = IdTokenTerms {
            nonce: nonce.map(Secret::new),
            max_age: request.max_age,
            acr_values: request.acr_values.clone(),
            claims: request.claims.clone(),
        };
        let pending = Pending::new(self, request, response_type, mode, scopes.clone(), state, verifier, expected, now);
        Ok((query, pending))
    }

    /// The same request as signed text (RFC 9101 §5): beside it goes the client's id, and nothing else.
    fn signed(&self, query: &[(&str, &str)], now: Timestamp, entropy: &dyn Entropy) -> Result<String, Misuse> {
        let signer = self.signer.as_deref().ok_or_else(|| no_key("requests"))?;
        let issuer = self.shared.settings.issuer.as_deref().ok_or_else(|| Misuse::new("an issuer in the provider's settings", "none"))?;
        let client_id = self.shared.app.client_id.as_str();
        let object = jar::request_object(signer, client_id, issuer, query.iter().copied(), now, entropy)?;
        Ok(encode::form_pairs([("client_id", client_id), ("request", &object)]))
    }

    /// The mode that was asked for, or that the provider file always asks for, or the response type's own.
    fn response_mode(&self, request: &AuthorizeRequest, response_type: ResponseType) -> Result<ResponseMode, Misuse> {
        let by_file = || {
            let (_, value) = self.shared.settings.authorize_params.iter().find(|(name, _)| name == "response_mode")?;
            // JARM §2.3.4: the response type's own place, signed.
            let is_meant = |mode: &ResponseMode| match value.as_str() {
                "jwt" => mode.is_signed() && mode.place() == response_type.default_mode(),
                name => mode.as_str() == name,
            };
            ResponseMode::ALL.into_iter().find(is_meant)
        };
        let mode = request.response_mode.or_else(by_file).unwrap_or(response_type.default_mode());
        if mode.is_signed() && self.shared.settings.issuer.is_none() {
            return Err(Misuse::new("an issuer in the provider's settings, which a signed answer is held against", "none"));
        }
        if mode == ResponseMode::Query && response_type != ResponseType::Code {
            return Err(Misuse::new("a fragment or a form post for an answer with tokens", "response_mode=query")
                .with_hint("queries end up in logs and histories (OAuth 2.0 Multiple Response Type Encoding Practices §5)"));
        }
        Ok(mode)
    }
}

/// What is told where a key of the app's own is wanted, and there is none.
pub(in crate::oauth2) fn no_key(for_what: &str) -> Misuse {
    Misuse::new(format!("a private key of the app's own, to sign {for_what} with"), "none")
        .with_hint("give the app one (private_key), or hand over whatever holds it (Client::with_key; in a session Keyfob::with_signer)")
}

/// The parameters that most requests do not have.
fn more(request: &AuthorizeRequest) -> Result<Vec<(&'static str, Cow<'_, str>)>, Misuse> {
    let mut more: Vec<(&'static str, Cow<'_, str>)> = Vec::new();
    if let Some(mode) = request.response_mode {
        more.push(("response_mode", mode.as_str().into()));
    }
    if request.prompt.contains(&Prompt::None) && request.prompt.len() > 1 {
        return Err(Misuse::new("prompt=none alone (OpenID Connect Core §3.1.2.1)", "others beside it"));
    }
    if !request.prompt.is_empty() {
        let names: Vec<_> = request.prompt.iter().map(|prompt| prompt.as_str()).collect();
        more.push(("prompt", names.join(" ").into()));
    }
    if let Some(seconds) = request.max_age {
        more.push(("max_age", seconds.to_string().into()));
    }
    for (name, words) in [("acr_values", &request.acr_values), ("ui_locales", &request.ui_locales)] {
        more.extend(spaced(name, words)?.map(|text| (name, text.into())));
    }
    if let Some(claims) = &request.claims {
        json::object(claims.as_bytes()).map_err(|found| Misuse::new("claims as a JSON object (OpenID Connect Core §5.5)", found))?;
        more.push(("claims", claims.into()));
    }
    more.extend(request.login_hint.iter().map(|hint| ("login_hint", hint.into())));
    if let Some(hint) = &request.id_token_hint {
        if !is_vschar(hint.expose()) {
            return Err(Misuse::new("an ID token as id_token_hint", "nothing, or text with spaces or control characters"));
        }
        more.push(("id_token_hint", hint.expose().into()));
    }
    more.extend(request.display.iter().map(|display| ("display", display.as_str().into())));
    for resource in &request.resources {
        check_resource(resource)?;
        more.push(("resource", resource.into()));
    }
    more.extend(rar::parameter(&request.authorization_details).map(|details| ("authorization_details", details.into())));
    Ok(more)
}

/// Words joined by spaces; none of them empty or with a space inside, which would make two of it.
pub(crate) fn spaced(name: &str, words: &[String]) -> Result<Option<String>, Misuse> {
    if words.iter().any(|word| word.is_empty() || word.contains(char::is_whitespace)) {
        return Err(Misuse::new(format!("{name} as words without spaces"), "an empty one, or one with a space"));
    }
    Ok((!words.is_empty()).then(|| words.join(" ")))
}

/// RFC 8707 §2: an absolute URI, without fragment.
pub(crate) fn check_resource(resource: &str) -> Result<(), Misuse> {
    let scheme = resource.split_once(':').map_or("", |(scheme, _)| scheme);
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if named && is_vschar(resource) && !resource.contains('#') && resource.len() > scheme.len() + 1 {
        return Ok(());
    }
    let found = format!("\"{}\"", crate::scrub::printable(resource));
    Err(Misuse::new("a resource as an absolute URI without fragment (RFC 8707 §2)", found))
}

impl Client {
    /// Step 1 (RFC 6749 §4.1.1): the URL the person has to go to, and what to keep until they are back. `state` is always sent;
    /// a proof key too, unless the provider file says that the server cannot take one; a `nonce` if `openid` is among the scopes. Draws 32
    /// bytes of entropy for each.
    ///
    /// # Errors
    ///
    /// `Misuse` if the redirect URI is not absolute, not `http` or `https`, or has a fragment (§3.1.2), if another field cannot be what
    /// its documentation says, or if the server requires that requests are [pushed](Self::push).
    pub fn authorize(&self, request: &AuthorizeRequest, now: Timestamp, entropy: &dyn Entropy) -> Result<(String, Pending), Error> {
        self.may_use_the_browser()?;
        let (query, pending) = self.authorization_request(request, ResponseType::Code, now, entropy)?;
        Ok((self.shared.settings.authorize.with_form(&query), pending))
    }

    /// A22: whoever can make pushing fail must not thereby get the request into the browser.
    pub(crate) fn may_use_the_browser(&self) -> Result<(), Misuse> {
        if self.shared.settings.pushed_required {
            return Err(Misuse::new("a pushed authorization request, which this server requires (RFC 9126 §5)", "one through the browser")
                .with_hint("use Client::push"));
        }
        Ok(())
    }
}

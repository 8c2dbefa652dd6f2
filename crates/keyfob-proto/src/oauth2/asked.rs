//! An authorization request, put together: what it holds, what is drawn for it, and how it leaves (in a URL, a form, or signed).

use std::borrow::Cow;
use std::sync::Arc;

use super::authorize::{AuthorizeRequest, Prompt, ResponseMode, ResponseType, check_resource, no_key, spaced};
use super::client::{Client, REDIRECT_URI, Shared};
use super::drawn::Drawn;
use super::id_token_terms::IdTokenTerms;
use super::jar;
use super::pending::{Begun, Pending};
use super::pkce::Challenge;
use super::rar;
use super::redirect_uri::RedirectUri;
use super::settings::{Pkce, Settings};
use super::special::{Special, Wanted};
use crate::entropy::{Draw, Entropy};
use crate::error::Misuse;
use crate::form::{Form, Known, Value};
use crate::message::is_vschar;
use crate::oidc::RequestedClaims;
use crate::time::Timestamp;

const STATE: Value<'_> = Value::Known(&Known::new("state="));
const CODE_CHALLENGE: Value<'_> = Value::Known(&Known::new("code_challenge="));
const NONCE: Value<'_> = Value::Known(&Known::new("nonce="));

/// An authorization request, and what waits for its answer.
pub(crate) struct Asked<'a> {
    client: &'a Client,
    request: &'a AuthorizeRequest,
    response_type: ResponseType,
    /// Where it is not the client's own.
    scope: Option<String>,
    /// What its URL begins with, where that is there already.
    front: Option<&'a Form>,
    challenge: Option<Challenge>,
    more: Vec<(&'static str, Cow<'a, str>)>,
    pub(crate) pending: Pending,
}

impl Client {
    /// Judges what is asked for, and draws 32 bytes of entropy each for `state`, the proof key and the nonce, in this order.
    // In line, because what it gives is large, and would be moved twice on the way.
    #[inline(always)]
    pub(crate) fn ask<'a>(
        &'a self,
        request: &'a AuthorizeRequest,
        response_type: ResponseType,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Asked<'a>, Misuse> {
        request.redirect_uri.check()?;
        let shared = &self.shared;
        shared.settings.page()?;
        let redirect_uri = &request.redirect_uri;
        let (begun, scope, front) = if request.scopes.is_empty() {
            match shared.usual(redirect_uri) {
                Some(usual) => (usual.begun.clone(), None, (response_type == ResponseType::Code).then_some(&usual.front)),
                None => (shared.begun.back_to(redirect_uri, &shared.begun.scopes), None, None),
            }
        } else {
            (shared.begun.back_to(redirect_uri, &request.scopes), Some(request.scopes.join(&shared.settings.scope_separator)), None)
        };
        let mode = self.response_mode(request, response_type)?;
        // RFC 9700 §4.5.3.2 counts on it, and a hybrid answer cannot do without it (OpenID Connect Core §3.3.2.11).
        let with_nonce = begun.scopes.iter().any(|scope| scope == "openid");
        if response_type.has_id_token() && !with_nonce {
            return Err(Misuse::new("the scope openid, which an ID token needs", "other scopes")
                .of("OpenID Connect Core §3.1.2.1")
                .with_hint("ask for openid, too"));
        }
        shared.settings.check_id_tokens(&begun.scopes)?;
        check_further(&shared.settings, &request.parameters)?;
        let with_verifier = has_verifier(&shared.settings, response_type);
        let mut draw = Draw::new(entropy, 1 + usize::from(with_verifier) + usize::from(with_nonce));
        // Everything is made where it is to stay: what has just been written in small pieces is slow to read in large ones.
        let mut asked = Asked {
            client: self,
            request,
            response_type,
            scope,
            front,
            challenge: None,
            more: Vec::new(),
            pending: Pending {
                drawn: Drawn::new(&mut draw, with_verifier),
                begun,
                response_type,
                mode,
                created_at: now,
                special: Special::default(),
            },
        };
        asked.challenge = asked.pending.drawn.verifier().map(|verifier| Challenge::of(verifier.expose()));
        if with_nonce || self.proof_key.is_some() || request.has_more() {
            asked.pending.special = Special::from(Wanted {
                resources: request.resources.clone(),
                authorization_details: request.authorization_details.clone(),
                expected: IdTokenTerms {
                    nonce: with_nonce.then(|| draw.tokens(1)),
                    max_age: request.max_age,
                    acr_values: request.acr_values.clone(),
                    claims: request.claims.clone(),
                },
                proof_key: self.proof_key.as_ref().map(|key| key.stored().clone()),
            });
            asked.more = more(request)?;
        }
        Ok(asked)
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
            return Err(Misuse::no_issuer("JARM §4.4"));
        }
        if mode == ResponseMode::Query && response_type != ResponseType::Code {
            return Err(Misuse::new("a fragment or a form post for an answer with tokens", "response_mode=query")
                .with_hint("queries end up in logs and histories (OAuth 2.0 Multiple Response Type Encoding Practices §5)"));
        }
        Ok(mode)
    }
}

impl<'a> Asked<'a> {
    /// The URL that the person has to go to. Draws 16 bytes for a signed request.
    pub(crate) fn url(&self, now: Timestamp, entropy: &dyn Entropy) -> Result<String, Misuse> {
        let settings = &self.client.shared.settings;
        if settings.request_object {
            let object = self.signed(now, entropy)?;
            let pairs = self.beside("request", &object).map(|(name, value)| (settings.name_of(name), value));
            return Ok(settings.ended(settings.page()?.with_query(pairs)));
        }
        let mut url = self.front.cloned().unwrap_or_else(|| front(settings, self.first()));
        self.own(|name, value| url.pair(settings.value_of(name), value));
        self.further(|name, value| url.pair(settings.name_of(name), value));
        Ok(settings.ended(url.into_text()))
    }

    /// The same request as signed text (RFC 9101 §5), where the settings want that; beside it goes the client's id, and nothing else. Draws 16 bytes.
    pub(crate) fn signed(&self, now: Timestamp, entropy: &dyn Entropy) -> Result<String, Misuse> {
        let signer = self.client.signer.as_deref().ok_or_else(|| no_key("requests"))?;
        self.object(now)?.signed(signer, entropy)
    }

    /// What stands in a request object.
    pub(crate) fn object(&self, now: Timestamp) -> Result<jar::Object<'_>, Misuse> {
        let settings = &self.client.shared.settings;
        let issuer = settings.issuer.as_deref().ok_or_else(|| Misuse::no_issuer("RFC 9101 §4"))?;
        let client_id = self.client.shared.app.client_id.as_str();
        Ok(jar::Object { client_id, issuer, parameters: self.pairs(), settings, now })
    }

    /// What goes beside a request that is elsewhere: in signed text, or at a place that has a name.
    pub(crate) fn beside<'s>(&'s self, name: &'s str, value: &'s str) -> [(&'s str, &'s str); 2] {
        [("client_id", &self.client.shared.app.client_id), (name, value)]
    }

    /// Its parameters, by the names of the RFCs.
    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        let mut pairs = Vec::with_capacity(16);
        pairs.extend(self.first().map(|(name, value)| (name.text(), value.text())));
        self.own(|name, value| pairs.push((name.text(), value.text())));
        self.further(|name, value| pairs.push((name, value)));
        pairs
    }

    /// What is asked for, as one parameter.
    fn scope(&self) -> &str {
        self.scope.as_deref().unwrap_or(&self.client.shared.scope)
    }

    /// Those that are not the protocol's.
    fn further<'s>(&'s self, mut write: impl FnMut(&'s str, &'s str)) {
        self.request.parameters.iter().for_each(|(name, value)| write(name, value));
        // The provider file's come last and never twice: a parameter that is there twice is refused by servers (RFC 6749 §3.1), or read
        // in the wrong place.
        let settings = &self.client.shared.settings;
        if !settings.authorize_params.is_empty() {
            let mut known: Vec<_> = self.first().map(|(name, _)| name.text()).collect();
            self.own(|name, _| known.push(name.text()));
            known.extend(self.request.parameters.iter().map(|(name, _)| name.as_str()));
            for (name, value) in &settings.authorize_params {
                if known.iter().all(|known| known != name && settings.name_of(known) != name) {
                    write(name, value);
                }
            }
        }
        // §10 of RFC 9449: the code, too, is good only for whoever holds the key.
        if let Some(key) = &self.client.proof_key {
            write("dpop_jkt", key.thumbprint());
        }
    }

    /// Those of the protocol that are the same for every login like this one.
    fn first(&self) -> impl Iterator<Item = (Value<'static>, Value<'_>)> {
        first(&self.client.shared, self.response_type, self.scope(), &self.request.redirect_uri)
    }

    /// Those of the protocol, behind the [first](Self::first) ones.
    fn own<'s>(&'s self, mut write: impl FnMut(Value<'static>, Value<'s>)) {
        write(STATE, Value::Plain(self.pending.key().expose()));
        if let Some(challenge) = &self.challenge {
            write(CODE_CHALLENGE, challenge.as_value());
        }
        if let Some(nonce) = self.pending.expected().nonce() {
            write(NONCE, Value::Plain(nonce.expose()));
        }
        self.more.iter().for_each(|(name, value)| write(Value::Plain(name), Value::Any(value)));
    }
}

/// What nearly all logins of a client share: those that come back to where its first one did, and name no scopes of their own. Making it costs more than
/// the rest of a URL.
#[derive(Clone, Debug)]
pub(super) struct Usual {
    begun: Arc<Begun>,
    front: Form,
}

impl Shared {
    /// It, if this is where they come back to.
    fn usual(&self, redirect_uri: &RedirectUri) -> Option<&Usual> {
        let usual = self.usual.get_or_init(|| Usual {
            begun: self.begun.back_to(redirect_uri, &self.begun.scopes),
            front: front(&self.settings, first(self, ResponseType::Code, &self.scope, redirect_uri)),
        });
        (usual.begun.redirect_uri == *redirect_uri).then_some(usual)
    }
}

impl Begun {
    fn back_to(&self, redirect_uri: &RedirectUri, scopes: &[String]) -> Arc<Self> {
        Arc::new(Self { redirect_uri: redirect_uri.clone(), scopes: scopes.to_vec(), ..self.clone() })
    }
}

/// What a URL begins with.
fn front<'a>(settings: &'a Settings, first: impl Iterator<Item = (Value<'static>, Value<'a>)>) -> Form {
    // A client that sends nobody anywhere has none.
    let mut url = settings.authorize.as_ref().map_or_else(Form::new, Form::behind);
    first.for_each(|(name, value)| url.pair(settings.value_of(name), value));
    url
}

/// What does not depend on what is drawn.
fn first<'a>(
    shared: &'a Shared,
    response_type: ResponseType,
    scope: &'a str,
    redirect_uri: &'a RedirectUri,
) -> impl Iterator<Item = (Value<'static>, Value<'a>)> + use<'a> {
    let settings = &shared.settings;
    let named = settings.response_type || response_type != ResponseType::Code;
    let response_type_is = named.then_some((Value::Plain("response_type"), response_type.as_str().into()));
    let client_id = (Value::Plain("client_id"), shared.app.client_id.as_str().into());
    let scope = (!scope.is_empty()).then_some((Value::Plain("scope"), scope.into()));
    let method = has_verifier(settings, response_type).then_some((Value::Plain("code_challenge_method"), "S256".into()));
    let redirect_uri = (REDIRECT_URI, settings.redirect_of(redirect_uri));
    response_type_is.into_iter().chain([client_id]).chain(scope).chain(method).chain([redirect_uri])
}

/// Whether a proof key is made. No code, no proof key: the implicit grant has nothing to hold against it.
fn has_verifier(settings: &Settings, response_type: ResponseType) -> bool {
    settings.pkce == Pkce::S256 && response_type != ResponseType::Token
}

/// The parameters that most requests do not have.
fn more(request: &AuthorizeRequest) -> Result<Vec<(&'static str, Cow<'_, str>)>, Misuse> {
    let mut more: Vec<(&'static str, Cow<'_, str>)> = Vec::new();
    if let Some(mode) = request.response_mode {
        more.push(("response_mode", mode.as_str().into()));
    }
    if request.prompt.contains(&Prompt::None) && request.prompt.len() > 1 {
        return Err(Misuse::new("prompt=none alone", "others beside it")
            .of("OpenID Connect Core §3.1.2.1")
            .with_hint("leave the others away"));
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
        RequestedClaims::read(claims)?;
        more.push(("claims", claims.into()));
    }
    more.extend(request.login_hint.iter().map(|hint| ("login_hint", hint.into())));
    if let Some(hint) = &request.id_token_hint {
        if !is_vschar(hint.expose()) {
            return Err(Misuse::new("an ID token as id_token_hint", "nothing, or text with spaces or control characters")
                .of("OpenID Connect Core §3.1.2.1")
                .with_hint("give the ID token as it came"));
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

/// Further parameters are not the protocol's, and each is there once.
fn check_further(settings: &Settings, further: &[(String, String)]) -> Result<(), Misuse> {
    for (nth, (name, _)) in further.iter().enumerate() {
        let is_protocol = PROTOCOL.iter().any(|known| known == name || settings.name_of(known) == name);
        if is_protocol || further[..nth].iter().any(|(known, _)| known == name) {
            let found = format!("\"{}\", which is set elsewhere", crate::scrub::printable(name));
            return Err(Misuse::new("further parameters that are not the protocol's, each once", found)
                .of("RFC 6749 §3.1")
                .with_hint("leave it away: what the protocol says has options of its own"));
        }
    }
    Ok(())
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

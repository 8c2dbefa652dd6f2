//! The client: an app at an OAuth 2 provider, and the requests it makes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};

use super::asked::Usual;
use super::authorize::no_key;
use super::document;
use super::dpop::ProofKey;
use super::error_response;
use super::id_token_terms::IdTokenTerms;
use super::pending::{Begun, Verified};
use super::redirect_uri::RedirectUri;
use super::settings::{ClientAuth, RevocationBody, Settings, TokenBody};
use super::special::Special;
use super::token_response::{self, Context, RefreshToken};
use crate::app::App;
use crate::deviation::{Deviation, Deviations, Tolerated};
use crate::encode;
use crate::endpoint::Endpoint;
use crate::error::{Code, Error, Misuse};
use crate::form::{Form, Known, Value};
use crate::jose::Sign;
use crate::message::{Head, Incoming, Outgoing, basic, basic_raw, basic_secret, secret_header_value};
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::{OAuth2Tokens, Received};

pub(super) const REDIRECT_URI: Value<'_> = Value::Known(&Known::new("redirect_uri="));
const GRANT_TYPE: Value<'_> = Value::Known(&Known::new("grant_type="));
const CODE: Value<'_> = Value::Known(&Known::new("code="));
const CODE_VERIFIER: Value<'_> = Value::Known(&Known::new("code_verifier="));

/// An app at an OAuth 2 provider. Cheap to clone: each request under way has one.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    /// What signs for the client: assertions about it, request objects.
    pub(crate) signer: Option<Arc<dyn Sign>>,
    /// What its tokens are bound to.
    pub(crate) proof_key: Option<ProofKey>,
}

/// What all clones of a client share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) deviations: Arc<Deviations>,
    pub(crate) keep: Vec<String>,
    /// Where this provider's errors have their sentence, wherever they come from.
    pub(super) message: Vec<String>,
    pub(crate) app: App,
    /// What its logins have in common, unless they name scopes of their own, but for where they come back to; and the scopes, as they are sent.
    pub(super) begun: Begun,
    pub(super) scope: String,
    /// The same with the place that its first login came back to.
    pub(super) usual: OnceLock<Usual>,
    /// Whether `Authorization: Basic` says who it is.
    basic: bool,
    /// In which way it says so otherwise than RFC 6749 §2.3.1 has it.
    pub(super) departs: Option<Deviation>,
    /// The head of its token requests, with that one where there is one.
    head: Arc<Head>,
    /// Knows this app's secrets, also as a header carries them.
    scrubber: Arc<Scrubber>,
}

impl Client {
    /// An app with its client id.
    ///
    /// # Errors
    ///
    /// `Misuse` if the provider speaks another protocol, if the app has no client id, or if a credential is to be kept
    /// ([`Settings::is_never_kept`](crate::Settings::is_never_kept)).
    pub fn new(provider: &crate::Settings, app: App) -> Result<Self, Misuse> {
        let crate::settings::Flow::OAuth2(settings) = &provider.flow else {
            return Err(Misuse::new("a provider that speaks OAuth 2", format!("{}, which does not", provider.provider))
                .with_hint("use oauth1::Client for this provider"));
        };
        if app.client_id.is_empty() {
            return Err(Misuse::new("a client id", "none")
                .of("RFC 6749 §2.2")
                .with_hint("register an app with the provider, and give its client id"));
        }
        provider.check_keep()?;
        // Who has no secret has an empty one there (RFC 6749 §2.3.1 lets it be left out of a body in the same way).
        let empty = (settings.client_auth == ClientAuth::BasicEmpty).then(|| Secret::new(String::new()));
        let credentials = app.client_secret.as_ref().or(empty.as_ref()).and_then(|secret| match settings.client_auth {
            ClientAuth::Basic | ClientAuth::BasicEmpty => Some(basic(&app.client_id, secret)),
            ClientAuth::BasicRaw => Some(basic_raw(&app.client_id, secret)),
            ClientAuth::BasicSecret => Some(basic_secret(secret)),
            _ => None,
        });
        let by_rfc = app.client_secret.as_ref().filter(|_| settings.client_auth == ClientAuth::BasicRaw);
        let by_rfc = by_rfc.map(|secret| basic(&app.client_id, secret));
        let is_raw = by_rfc.zip(credentials.as_ref()).is_some_and(|(encoded, raw)| !encoded.same_as(raw.expose()));
        let is_alone = settings.client_auth == ClientAuth::BasicSecret && credentials.is_some();
        let scrubber = app.secrets().chain(&credentials).fold(Scrubber::new(), Scrubber::knowing);
        let header = |credentials: Secret| secret_header_value(&AUTHORIZATION, &format!("Basic {}", credentials.expose()));
        let basic = credentials.map(header).transpose()?;
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let begun = Begun {
            redirect_uri: RedirectUri::default(),
            scopes: settings.scopes.clone(),
            client_id: app.client_id.clone(),
            token_endpoint: settings.token.as_str().to_owned(),
            issuer: settings.issuer.clone(),
            iss_required: settings.iss_required,
            redirect_fragment: provider.deviations.contains(&Deviation::RedirectFragment),
            keep: provider.keep.clone(),
        };
        headers.extend(basic.iter().map(|basic| (AUTHORIZATION, basic.clone())));
        let scope = settings.scopes.join(&settings.scope_separator);
        let shared = Shared {
            settings: settings.clone(),
            begun,
            scope,
            usual: OnceLock::new(),
            deviations: Arc::new(provider.deviations.clone()),
            keep: provider.keep.clone(),
            message: provider.api.message.clone(),
            basic: basic.is_some(),
            departs: if is_alone { Some(Deviation::BasicSecret) } else { is_raw.then_some(Deviation::BasicRaw) },
            head: Arc::new(Head::post(&settings.token, headers)),
            app,
            scrubber: Arc::new(scrubber),
        };
        Ok(Self { shared: Arc::new(shared), signer: None, proof_key: None })
    }

    /// With a key of the app's own, which is registered with the provider: for `private_key_jwt` (RFC 7523 §2.2), and for request objects
    /// (RFC 9101).
    #[must_use]
    pub fn with_key(mut self, signer: Arc<dyn Sign>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// With a key that tokens are bound to (DPoP, RFC 9449): whoever steals one cannot use it. Tokens that are not bound are refused from then
    /// on (§5).
    #[must_use]
    pub fn with_proof_key(mut self, key: ProofKey) -> Self {
        self.proof_key = Some(key);
        self
    }

    /// What it knows of its provider.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Step 3 (RFC 6749 §4.1.3): exchanges a verified code for tokens. Only a [`Verified`] of this client and this token endpoint
    /// can be exchanged, so that a code never goes to another server than the one that issued it (mix-up, RFC 9700 §4.4).
    ///
    /// # Errors
    ///
    /// `Misuse` if the login was begun by another app, at another token endpoint or issuer, or if credentials cannot be a header.
    pub fn exchange(&self, verified: Verified) -> Result<Exchange, Error> {
        if !verified.begun.is_of(self) {
            return Err(Misuse::another_clients("RFC 6749 §4.1.3").into());
        }
        // RFC 9449 §10: the code is good with the key that it was asked for with, and tokens bound to another one would be another login's.
        let same_key = match (&verified.special.proof_key, &self.proof_key) {
            (Some(begun), Some(key)) => begun.same_as(key.stored().expose()),
            (begun, key) => begun.is_none() && key.is_none(),
        };
        if !same_key {
            return Err(Misuse::new("the key that the login was begun with", "another one, or none")
                .of("RFC 9449 §10")
                .with_hint("finish it with the client that began it: with_proof_key of the same key")
                .into());
        }
        let settings = &self.shared.settings;
        let redirect_uri = settings.redirect_uri_at_token.then(|| (REDIRECT_URI, settings.redirect_of(&verified.begun.redirect_uri)));
        let verifier = verified.verifier.as_ref().map(|verifier| (CODE_VERIFIER, verifier.expose().into()));
        // RFC 8707 §2.2: without them the token would be for whatever the server takes for granted.
        let resources = verified.special.resources.iter().map(|resource| (Value::Plain("resource"), resource.as_str().into()));
        let body = [(GRANT_TYPE, Value::Plain("authorization_code")), (CODE, verified.code.expose().into())];
        let body = body.into_iter().chain(redirect_uri).chain(verifier).chain(resources);
        let request = self.token_request(&settings.token, body)?;
        let scrubber = self.scrubber().keeping([verified.code].into_iter().chain(verified.verifier));
        let context = Context {
            scopes: verified.scopes,
            details: verified.special.authorization_details.clone(),
            resources: verified.special.resources.clone(),
            scrubber,
            ..Context::default()
        };
        let exchange = Exchange::new(self, request, context);
        Ok(Exchange { special: Some(verified.special), kept: verified.kept, tolerated: verified.tolerated, ..exchange })
    }

    /// Asks for new tokens (RFC 6749 §6). Where the answer brings no new refresh token, the old one stays; where it names no scopes, the
    /// old ones stay.
    ///
    /// # Errors
    ///
    /// `Misuse` if there is no refresh token, or if the tokens are bound to another key than this client has.
    pub fn refresh(&self, tokens: &OAuth2Tokens) -> Result<Exchange, Error> {
        let refresh = tokens.refresh.as_ref().ok_or_else(|| {
            Misuse::new("a refresh token", "none: the provider gave none at login").of("RFC 6749 §6").with_hint("log in again")
        })?;
        // What was bound stays so, to the same key (RFC 9449 §5); without this check a client without key would take what is not bound for it.
        if let Some(bound) = &tokens.proof_key
            && !self.proof_key.as_ref().is_some_and(|key| bound.same_as(key.stored().expose()))
        {
            return Err(Misuse::new("the key that the tokens are bound to", "another one, or none")
                .of("RFC 9449 §5")
                .with_hint("use the client with that key (with_proof_key), or log in again")
                .into());
        }
        let endpoint = self.shared.settings.refresh.as_ref().unwrap_or(&self.shared.settings.token);
        let request = if let Some(renewal) = &self.shared.settings.renewal {
            self.by_access_token(endpoint, &renewal.grant_type, None, refresh)?
        } else {
            let mut body = vec![("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
            body.extend(tokens.resources.iter().map(|resource| ("resource", resource.as_str())));
            self.token_request(endpoint, body)?
        };
        let context = Context {
            scopes: tokens.scopes.clone(),
            details: tokens.authorization_details.clone(),
            resources: tokens.resources.clone(),
            refresh: RefreshToken::Spent(refresh.clone()),
            refresh_expires_at: tokens.refresh_expires_at,
            identity: tokens.identity.clone(),
            id_token: tokens.id_token.clone(),
            scrubber: self.scrubber().knowing(refresh).knowing(&tokens.access),
        };
        Ok(Exchange::new(self, request, context))
    }

    /// Asks for a token that lives longer, in place of the login's own. `None` where the provider has no such exchange ([`LongLived`]). What
    /// comes takes the place of the tokens that the login brought; whoever does not ask has tokens that end soon and are not renewed.
    ///
    /// # Errors
    ///
    /// `Misuse` if the URL cannot take it.
    ///
    /// [`LongLived`]: super::LongLived
    pub fn long_lived(&self, tokens: &OAuth2Tokens) -> Result<Option<Exchange>, Error> {
        let Some(longer) = self.shared.settings.renewal.as_ref().and_then(|renewal| renewal.long_lived.as_ref()) else { return Ok(None) };
        let secret = self.shared.app.client_secret.as_ref();
        let request = self.by_access_token(&longer.endpoint, &longer.grant_type, secret, &tokens.access)?;
        let context = Context {
            scopes: tokens.scopes.clone(),
            identity: tokens.identity.clone(),
            id_token: tokens.id_token.clone(),
            scrubber: self.scrubber().knowing(&tokens.access),
            ..Context::default()
        };
        Ok(Some(Exchange::new(self, request, context)))
    }

    /// A GET that an access token authorizes, in its query.
    fn by_access_token(&self, endpoint: &Endpoint, grant_type: &str, secret: Option<&Secret>, token: &Secret) -> Result<Outgoing, Misuse> {
        let name = |name| self.shared.settings.name_of(name);
        let secret = secret.map(|secret| (name("client_secret"), secret.expose()));
        let pairs = [(name("grant_type"), grant_type)].into_iter().chain(secret).chain([("access_token", token.expose())]);
        Outgoing::new(Method::GET, endpoint).accept_json().asking(&encode::form_pairs(pairs))
    }

    /// Asks the provider to forget a token (RFC 7009). `None` where the provider has no revocation endpoint. Revoke the refresh
    /// token first: servers end the access token with it (§2.1).
    ///
    /// # Errors
    ///
    /// `Misuse` where the app cannot say who it is in the way that the settings want.
    pub fn revoke(&self, token: &Secret, hint: TokenKind) -> Result<Option<Revocation>, Error> {
        let Some(endpoint) = &self.shared.settings.revoke else { return Ok(None) };
        let (told, kind) = (token.expose(), hint.as_str());
        let request = match self.shared.settings.revocation_body {
            RevocationBody::Form => self.back_channel(endpoint, [("token", told), ("token_type_hint", kind)], TokenBody::Form)?,
            RevocationBody::Json => self.back_channel(endpoint, [("token", told)], TokenBody::Json)?,
            RevocationBody::ByKind => self.back_channel(endpoint, [(kind, told)], TokenBody::Form)?,
        };
        Ok(Some(Revocation { request, deviations: self.shared.deviations.clone(), scrubber: self.scrubber().knowing(token) }))
    }

    /// How its requests say whose they are: in one way only (RFC 6749 §2.3).
    fn identification(&self) -> Identification<'_> {
        match (self.shared.settings.client_auth, &self.shared.app.client_secret, self.shared.basic) {
            (ClientAuth::Basic | ClientAuth::BasicEmpty | ClientAuth::BasicRaw | ClientAuth::BasicSecret, _, true) => {
                Identification::Header
            }
            (ClientAuth::Post, Some(secret), _) => Identification::IdAndSecret(secret),
            (ClientAuth::SignedSecret, ..) => Identification::IdAndSigned,
            // RFC 7521 §4.2: the assertion says who it is; it is added when the request is sent.
            (ClientAuth::SecretJwt, Some(_), _) | (ClientAuth::PrivateKeyJwt, ..) => Identification::Assertion,
            (ClientAuth::None | ClientAuth::Tls, ..) | (_, None, _) | (_, _, false) => Identification::Id,
        }
    }

    /// That there is a key where the settings want one, for `private_key_jwt`, signed secrets and request objects: for whoever would rather know before the person is
    /// asked than after.
    ///
    /// # Errors
    ///
    /// `Misuse` where there is none.
    pub fn check_key(&self) -> Result<(), Misuse> {
        match (self.shared.settings.client_auth, &self.signer) {
            (ClientAuth::PrivateKeyJwt, None) => Err(no_key("assertions")),
            (ClientAuth::SignedSecret, None) => Err(no_key("its client secret")),
            (_, None) if self.shared.settings.request_object => Err(no_key("requests")),
            _ => Ok(()),
        }
    }

    /// Whether its requests have its id among their parameters.
    pub(crate) fn is_named_in_body(&self) -> bool {
        matches!(self.identification(), Identification::IdAndSecret(_) | Identification::IdAndSigned | Identification::Id)
    }

    /// Whether this app can prove who it is (RFC 6749 §2.1).
    pub(crate) fn is_confidential(&self) -> bool {
        match self.shared.settings.client_auth {
            ClientAuth::Basic
            | ClientAuth::BasicEmpty
            | ClientAuth::BasicRaw
            | ClientAuth::BasicSecret
            | ClientAuth::Post
            | ClientAuth::SecretJwt => self.shared.app.client_secret.is_some(),
            ClientAuth::PrivateKeyJwt | ClientAuth::SignedSecret => self.signer.is_some(),
            ClientAuth::Tls => true,
            ClientAuth::None => false,
        }
    }

    /// Knows this app's secrets, also as a header carries them, to take them out of server text.
    pub(crate) fn scrubber(&self) -> Scrubber {
        Scrubber::over(&self.shared.scrubber)
    }

    /// A request to the token endpoint, with the provider file's further parameters.
    pub(crate) fn token_request<'a, N: Into<Value<'a>>, V: Into<Value<'a>>>(
        &'a self,
        endpoint: &Endpoint,
        body: impl IntoIterator<Item = (N, V), IntoIter: Clone>,
    ) -> Result<Outgoing, Misuse> {
        let settings = &self.shared.settings;
        let body = body.into_iter().map(|(name, value)| {
            let (name, value): (Value<'_>, Value<'_>) = (name.into(), value.into());
            let own = !settings.grant_types.is_empty() && name.text() == "grant_type";
            (name, if own { Value::Any(settings.grant_of(value.text())) } else { value })
        });
        // No parameter twice (RFC 6749 §3.2); what the request says itself counts.
        let own = body.clone();
        let is_new = |name: &String| {
            own.clone().all(|(known, _): (Value<'_>, Value<'_>)| known.text() != name && settings.name_of(known.text()) != name)
        };
        let more = settings.token_params.iter().filter(|(name, _)| is_new(name));
        let more = more.map(|(name, value)| (Value::Any(name), Value::Any(value)));
        self.back_channel(endpoint, body.chain(more), settings.token_body)
    }

    /// The head of a form: nearly all go to the token endpoint.
    fn head(&self, endpoint: &Endpoint) -> Arc<Head> {
        let Shared { settings, head, .. } = &*self.shared;
        if *endpoint == settings.token { head.clone() } else { Arc::new(head.at(endpoint)) }
    }

    /// A request that says who the client is.
    pub(crate) fn back_channel<'a, N: Into<Value<'a>>, V: Into<Value<'a>>>(
        &'a self,
        endpoint: &Endpoint,
        body: impl IntoIterator<Item = (N, V)>,
        kind: TokenBody,
    ) -> Result<Outgoing, Misuse> {
        let Shared { settings, app, .. } = &*self.shared;
        let id = app.client_id.as_str();
        let identification = self.identification();
        let who = match &identification {
            Identification::Header if settings.client_auth == ClientAuth::BasicRaw && id.contains(':') => {
                return Err(Misuse::new("a client id without colon, for Basic without encoding", "one with a colon")
                    .of("RFC 7617 §2")
                    .with_hint("register another client, or have the id encoded (oauth2.client_auth = \"basic\")"));
            }
            Identification::Header
                if settings.client_auth == ClientAuth::BasicSecret
                    && app.client_secret.as_ref().is_some_and(|own| own.expose().contains(':')) =>
            {
                return Err(Misuse::new("a client secret without colon, for Basic with the secret as its name", "one with a colon")
                    .of("RFC 7617 §2")
                    .with_hint("have the provider give the app another secret"));
            }
            Identification::Assertion if kind != TokenBody::Form => {
                return Err(Misuse::new(
                    "token requests as forms, for a client that says who it is by an assertion",
                    if kind == TokenBody::Json { "JSON" } else { "a query" },
                )
                .of("RFC 7521 §4.2")
                .with_hint("say token_body = \"form\" in the provider's file, or give the app a secret"));
            }
            Identification::IdAndSigned if kind != TokenBody::Form => {
                return Err(Misuse::new("token requests as forms, for a client that signs its secret when they are sent", "another body")
                    .with_hint("say token_body = \"form\" in the provider's file"));
            }
            Identification::Header | Identification::Assertion => [None, None],
            Identification::IdAndSecret(secret) => [Some(("client_id", id)), Some(("client_secret", secret.expose()))],
            Identification::Id | Identification::IdAndSigned => [Some(("client_id", id)), None],
        };
        let who = who.into_iter().flatten().map(|(name, value)| (Value::Plain(name), Value::Any(value)));
        let body = body.into_iter().map(|(name, value)| (name.into(), value.into()));
        let pairs = body.chain(who).map(|(name, value)| (settings.value_of(name), value));
        let mut request = match kind {
            TokenBody::Form => {
                let mut form = Form::new();
                pairs.for_each(|(name, value)| form.pair(name, value));
                Outgoing::prepared(self.head(endpoint), form.into_bytes())
            }
            TokenBody::Json => {
                Outgoing::prepared(self.head(endpoint), Vec::new()).json(pairs.map(|(name, value)| (name.text(), value.text())))
            }
            TokenBody::Query | TokenBody::QueryPost => {
                let mut form = Form::new();
                pairs.for_each(|(name, value)| form.pair(name, value));
                let request = Outgoing::prepared(self.head(endpoint), Vec::new());
                if kind == TokenBody::Query { request.asking(&form.into_text())? } else { request.in_query(&form.into_text())? }
            }
        };
        request.wants_assertion = matches!(identification, Identification::Assertion | Identification::IdAndSigned);
        Ok(request)
    }
}

/// How a request says whose it is.
enum Identification<'a> {
    /// `Authorization: Basic`.
    Header,
    /// Id and secret among the parameters.
    IdAndSecret(&'a Secret),
    /// The id among the parameters, and a secret that is signed when the request is sent.
    IdAndSigned,
    /// The id among the parameters, and nothing that proves it there.
    Id,
    /// An assertion.
    Assertion,
}

/// A token request under way: a code exchange, a refresh, or another grant that is answered at once.
#[derive(Debug)]
pub struct Exchange {
    client: Client,
    request: Outgoing,
    context: Context,
    special: Option<Special>,
    kept: BTreeMap<String, String>,
    tolerated: Tolerated,
}

impl Exchange {
    pub(crate) fn new(client: &Client, request: Outgoing, context: Context) -> Self {
        let client = client.clone();
        Self { client, request, context, special: None, kept: BTreeMap::new(), tolerated: Tolerated::new() }
    }

    /// The same for tokens that take the place of these, where a grant is made once more instead of a refresh: as after one, an ID token of another person,
    /// issuer or app is refused, and where none comes the old one stays (OpenID Connect Core §12.2).
    #[must_use]
    pub fn in_place_of(mut self, before: &OAuth2Tokens) -> Self {
        self.context.identity.clone_from(&before.identity);
        self.context.id_token.clone_from(&before.id_token);
        self
    }

    /// What the ID token of the answer has to say, where this is the exchange of a code. Whoever signs people in keeps it, and verifies
    /// (OpenID Connect Core §3.1.3.7): reading the answer does not.
    pub fn expected(&self) -> Option<&IdTokenTerms> {
        self.special.as_ref().map(|special| &special.expected)
    }

    /// What to send, once: neither a code nor a rotating refresh token may be sent again after an answer that was lost.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer: tokens (RFC 6749 §5.1), or an error. `now` is when it came; lifetimes count from there.
    ///
    /// # Errors
    ///
    /// `Refused` for the server's typed `error` (§5.2), also with status 200; `Misbehaved` for a redirect, a body over
    /// [`Outgoing::LARGEST_ANSWER`] bytes, anything that is not one JSON object with every member once, tokens that are not visible
    /// ASCII, another type than Bearer, a lifetime that is no number of seconds, and every deviation that is not allowed.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>, now: Timestamp) -> Result<Received, Error> {
        let mut received = token_response::read(answer.into(), &self.client, self.context, now)?;
        let Self { mut kept, mut tolerated, .. } = self;
        received.tolerated.append(&mut tolerated);
        kept.append(&mut received.kept);
        Ok(Received { kept, ..received })
    }
}

/// Which token (RFC 7009 §2.1, `token_type_hint`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `access_token`.
    Access,
    /// `refresh_token`.
    Refresh,
}

impl TokenKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access_token",
            Self::Refresh => "refresh_token",
        }
    }
}

/// A revocation, under way.
#[derive(Debug)]
pub struct Revocation {
    request: Outgoing,
    deviations: Arc<Deviations>,
    scrubber: Scrubber,
}

impl Revocation {
    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer. Success says that the token is gone, also where the server did not know it (RFC 7009 §2.2); but not one with an `error` in it. Some
    /// servers say `invalid_token` for what is gone, where §2.2 has success.
    ///
    /// # Errors
    ///
    /// `Refused` or `Misbehaved`; after a [transient](Error::is_transient) one the token must be taken for alive (§2.2.1).
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>) -> Result<(), Error> {
        let refusal = |answer| error_response::read(answer, &self.deviations, &self.scrubber, &mut Tolerated::new());
        match document::acknowledged(answer.into(), "RFC 7009 §2.2", &self.scrubber, refusal) {
            Err(Error::Refused(refused)) if refused.code == Code::InvalidToken => Ok(()),
            judged => judged,
        }
    }
}

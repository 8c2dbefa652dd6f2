//! The client: an app at an OAuth 1.0a provider, and the requests it makes.

use std::fmt;
use std::sync::Arc;

use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;

use super::pending::{Issued, Pending, Verified};
use super::rsa::{self, RsaSign};
use super::settings::{CallbackAt, Placement, Settings, SignatureMethod};
use super::sign::{Buffer, Nonce, Once, Signer};
use super::signature::Key;
use super::token::{self, Credentials};
use crate::app::App;
use crate::deviation::Deviations;
use crate::encode;
use crate::endpoint::Endpoint;
use crate::entropy::Entropy;
use crate::error::{Error, Misuse};
use crate::message::{Body, Incoming, Outgoing, with_query};
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::{OAuth1Tokens, Received, TokenSet, names};

/// An app at an OAuth 1.0a provider.
#[derive(Clone, Debug)]
pub struct Client {
    settings: Settings,
    deviations: Deviations,
    keep: Vec<String>,
    app: App,
    rsa: Option<RsaKey>,
}

/// The field of an app that holds its private key in PEM, where the provider's signature method is one of RSA.
const PRIVATE_KEY: &str = "private_key";

/// Where the provider shall send the person back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callback {
    /// This URL.
    Url(String),
    /// Nowhere: the provider shows a PIN that the person types (`oob`, RFC 5849 §2.1).
    OutOfBand,
}

impl Client {
    /// An app with a consumer key; the consumer secret may be empty. For a signature method of RSA the app's field `private_key` is its private
    /// key in PEM, or [`with_rsa_key`](Self::with_rsa_key) brings one; parsing costs more than many signatures, so keep the client.
    ///
    /// # Errors
    ///
    /// `Misuse` if the provider speaks another protocol, the app has no consumer key, its private key cannot be used (see
    /// [`rsa::private_key`]), or a credential is to be kept ([`Settings::is_never_kept`](crate::Settings::is_never_kept)).
    pub fn new(provider: &crate::Settings, app: App) -> Result<Self, Misuse> {
        let crate::settings::Flow::OAuth1(settings) = &provider.flow else {
            return Err(Misuse::new("a provider that speaks OAuth 1.0a", format!("{}, which does not", provider.provider))
                .with_hint("use oauth2::Client for this provider"));
        };
        if app.client_id.is_empty() {
            return Err(Misuse::new("a consumer key", "none")
                .of("RFC 5849 §3.1")
                .with_hint("register an app with the provider, and give its consumer key (client_id)"));
        }
        provider.check_keep()?;
        let key = app.private_key.as_ref().or_else(|| app.fields.get(PRIVATE_KEY));
        let rsa = match key.filter(|_| settings.signature.is_rsa()) {
            Some(pem) => Some(RsaKey(rsa::private_key(pem, settings.signature)?)),
            None => None,
        };
        Ok(Self { settings: settings.clone(), deviations: provider.deviations.clone(), keep: provider.keep.clone(), app, rsa })
    }

    /// The same with a private key that somebody else holds: an HSM, a key service. Used where the signature method is one of RSA.
    #[must_use]
    pub fn with_rsa_key(self, key: Arc<dyn RsaSign>) -> Self {
        Self { rsa: Some(RsaKey(key)), ..self }
    }

    /// Step 1 (RFC 5849 §2.1): asks for temporary credentials. Draws 16 bytes of entropy for the nonce, as every signed request does.
    ///
    /// # Errors
    ///
    /// `Misuse` if the realm cannot be a header, or PLAINTEXT would go in the open.
    pub fn request_token(&self, callback: Callback, now: Timestamp, entropy: &dyn Entropy) -> Result<RequestToken, Error> {
        let told = match (&callback, self.settings.callback) {
            (Callback::OutOfBand, CallbackAt::RequestToken) => Some("oob"),
            (Callback::Url(url), CallbackAt::RequestToken) => Some(url.as_str()),
            (_, CallbackAt::Authorize | CallbackAt::Registered) => None,
        };
        let extra: Vec<_> = told.map(|callback| ("oauth_callback", callback)).into_iter().collect();
        let params = borrowed(&self.settings.request_token_params);
        let request = self.credentials_request(&self.settings.request_token, None, &extra, &params, now, entropy)?;
        Ok(RequestToken { client: self.clone(), callback, request })
    }

    /// Step 3 (RFC 5849 §2.3): exchanges verified temporary credentials for token credentials. Only a [`Verified`] of this
    /// client and this provider can be exchanged.
    ///
    /// # Errors
    ///
    /// `Misuse` if the login was begun by another app or at another token endpoint.
    pub fn exchange(&self, verified: Verified, now: Timestamp, entropy: &dyn Entropy) -> Result<Exchange, Error> {
        if verified.issued.access_token_url != self.settings.access_token.as_str() || verified.issued.consumer_key != self.app.client_id {
            return Err(Misuse::another_clients("RFC 5849 §2.3").into());
        }
        let Verified { issued, verifier, kept, tolerated } = verified;
        // A server that echoes the request shows the verifier as well.
        let scrubber = [&issued.token, &issued.secret].into_iter().chain(&verifier).fold(self.scrubber(), Scrubber::knowing);
        let asked = Asked { token: Some((issued.token, issued.secret)), verifier, form: Vec::new() };
        let request = asked.request(self, now, entropy)?;
        Ok(Exchange { client: self.clone(), asked, kept, tolerated, scrubber, request })
    }

    /// What an account at a server without tokens holds: nothing, for the app's own keys sign its calls ([`Settings::one_legged`]).
    ///
    /// # Errors
    ///
    /// `Misuse` if the server gives tokens: an account without would be one that nobody approved.
    pub fn without_tokens(&self) -> Result<Received, Misuse> {
        if !self.settings.one_legged {
            return Err(Misuse::new("a provider whose calls the app's keys sign alone", "one that gives tokens")
                .of("RFC 5849 §3.1")
                .with_hint("log in, as people do at this provider"));
        }
        let tokens = TokenSet::OAuth1(OAuth1Tokens { token: Secret::new(""), secret: Secret::new("") });
        Ok(Received { tokens, kept: Default::default(), tolerated: Default::default(), members: Vec::new() })
    }

    /// Legacy: token credentials for a person's name and password, without a browser ("xAuth"; `x_auth_mode=client_auth`). No RFC has it, and
    /// it teaches people to type their password anywhere: use it where a provider offers nothing else, and keep the password nowhere. It goes
    /// in the form body, signed with the consumer's credentials alone.
    ///
    /// # Errors
    ///
    /// `Misuse` if the provider's token requests are GETs: a password in a URL ends up in logs.
    pub fn exchange_password_legacy(
        &self,
        username: &str,
        password: &Secret,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Exchange, Error> {
        if self.settings.token_method != Method::POST {
            return Err(Misuse::new("token requests by POST, for a password", "a provider with another method")
                .with_hint("see the provider's documentation: only tokens that are asked for by POST can be asked for with a password")
                .into());
        }
        let form = vec![
            ("x_auth_mode", Secret::new("client_auth")),
            ("x_auth_username", Secret::new(username)),
            ("x_auth_password", password.clone()),
        ];
        let asked = Asked { token: None, verifier: None, form };
        let request = asked.request(self, now, entropy)?;
        let scrubber = self.scrubber().knowing(password);
        Ok(Exchange { client: self.clone(), asked, kept: Default::default(), tolerated: Default::default(), scrubber, request })
    }

    /// Signs an API call (RFC 5849 §3): the protocol parameters go into `parts`, or, where the provider wants them in the form
    /// body, into the body that comes back. A streaming body is [`Body::Opaque`] and is never read.
    ///
    /// What was signed is what must be sent: the URI in `parts`, byte for byte. A retry is signed again, from the request as it was
    /// before (§3.3: a nonce is used once).
    ///
    /// # Errors
    ///
    /// `Misuse` if the URL is relative or has user information, the request carries protocol parameters or an `Authorization` header
    /// already, or PLAINTEXT would go in the open (§3.4.4).
    pub fn sign(
        &self,
        tokens: &OAuth1Tokens,
        parts: &mut Parts,
        body: Body<'_>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.sign_call(Some(tokens), parts, body, now, entropy)
    }

    /// Signs a call that is made for the app itself ("two-legged", or one-legged to some): with an empty token secret, and without
    /// `oauth_token`, or with an empty one where the provider's settings say so (RFC 5849 §3.1, "MAY be omitted").
    ///
    /// # Errors
    ///
    /// As for [`sign`](Self::sign).
    pub fn sign_without_token(
        &self,
        parts: &mut Parts,
        body: Body<'_>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.sign_call(None, parts, body, now, entropy)
    }

    fn sign_call(
        &self,
        tokens: Option<&OAuth1Tokens>,
        parts: &mut Parts,
        body: Body<'_>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Option<Vec<u8>>, Error> {
        let nonce = Nonce::new(entropy);
        let once = Once { nonce: nonce.as_str(), timestamp: now, entropy };
        Ok(self.signer(tokens)?.sign(parts, body, &once, &mut Buffer::new())?)
    }

    /// Who signs calls with these tokens, or for the app itself, with its keys prepared: for many calls. See [`Signer`].
    ///
    /// # Errors
    ///
    /// `Misuse` if the signature method is one of RSA and there is no private key.
    pub fn signer(&self, tokens: Option<&OAuth1Tokens>) -> Result<Signer, Misuse> {
        self.signer_for(tokens.map(|tokens| (&tokens.token, &tokens.secret)))
    }

    /// Knows this app's secrets, to take them out of server text.
    pub(crate) fn scrubber(&self) -> Scrubber {
        self.app.secrets().fold(Scrubber::new(), Scrubber::knowing)
    }

    fn signer_for(&self, token: Option<(&Secret, &Secret)>) -> Result<Signer, Misuse> {
        // There is none: an account that holds one (of an import, say) would sign with what the server does not know.
        let token = token.filter(|_| !self.settings.one_legged);
        let method = self.settings.signature;
        let key = match (method.hash().filter(|_| method.is_rsa()), &self.rsa) {
            (Some(hash), Some(RsaKey(key))) => Key::Rsa(hash, key.clone()),
            (Some(_), None) => {
                return Err(Misuse::new(format!("a private key, for {}", method.name()), "none")
                    .of("RFC 5849 §3.4.3")
                    .with_hint(format!("give it to the app as the field {PRIVATE_KEY}, in PEM")));
            }
            (None, _) => {
                let consumer_secret = self.app.client_secret.as_ref().map_or("", Secret::expose);
                Key::Shared(Key::shared(method, consumer_secret, token.map_or("", |(_, secret)| secret.expose()))?)
            }
        };
        Ok(Signer::new(&self.settings, key, &self.app.client_id, token.map(|(token, _)| token)))
    }

    pub(crate) fn app_secret(&self) -> Option<&Secret> {
        self.app.client_secret.as_ref()
    }

    /// The signature method this provider uses.
    pub fn signature_method(&self) -> SignatureMethod {
        self.settings.signature
    }

    /// A request to a credential endpoint. The parameters that are none of the protocol's travel in the form body of a POST, and else in the query.
    fn credentials_request(
        &self,
        endpoint: &Endpoint,
        token: Option<(&Secret, &Secret)>,
        extra: &[(&'static str, &str)],
        params: &[(&str, &str)],
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Outgoing, Misuse> {
        let settings = &self.settings;
        if settings.one_legged {
            let hint = "nobody approves anything there: the account is made of the app's keys";
            return Err(Misuse::new("a provider that gives tokens", "one whose calls the app's keys sign alone").with_hint(hint));
        }
        if settings.imported {
            return Err(crate::settings::imported());
        }
        let is_post = settings.token_method == Method::POST;
        let mut request = http::Request::new(());
        *request.method_mut() = settings.token_method.clone();
        let params = encode::form_pairs(params.iter().copied());
        *request.uri_mut() = match params.is_empty() || is_post {
            true => endpoint.uri().clone(),
            false => with_query(endpoint.uri(), &params)?,
        };
        if is_post && !params.is_empty() {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        let (mut parts, ()) = request.into_parts();
        let in_body = settings.placement == Placement::Body && is_post;
        let form = if is_post { params } else { String::new() };
        let body = if in_body || !form.is_empty() { Body::Form(form.as_bytes()) } else { Body::Bytes(&[]) };
        let placement = if settings.placement == Placement::Body && !in_body { Placement::Header } else { settings.placement };
        let nonce = Nonce::new(entropy);
        let once = Once { nonce: nonce.as_str(), timestamp: now, entropy };
        let signer = self.signer_for(token)?.without_body_hash();
        let body = signer.sign_with(placement, &mut parts, body, extra, &once, &mut Buffer::new())?;
        Ok(Outgoing::from_parts(parts, body.unwrap_or_else(|| form.into_bytes())))
    }
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// A private key, which shows nothing.
#[derive(Clone)]
struct RsaKey(Arc<dyn RsaSign>);

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaKey(…)")
    }
}

/// A request for temporary credentials, under way.
#[derive(Debug)]
pub struct RequestToken {
    client: Client,
    callback: Callback,
    request: Outgoing,
}

impl RequestToken {
    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// The same, signed anew: after a refusal of the timestamp, with the server's time (see [`ClockOffset`](super::ClockOffset)).
    ///
    /// # Errors
    ///
    /// As for [`Client::request_token`].
    pub fn signed_again(self, now: Timestamp, entropy: &dyn Entropy) -> Result<Self, Error> {
        let Self { client, callback, .. } = self;
        client.request_token(callback, now, entropy)
    }

    /// Step 2 (RFC 5849 §2.2): judges the answer, and says where the person has to go, and what to keep until they are back.
    ///
    /// # Errors
    ///
    /// `Refused` for what OAuth 1 servers say in many ways; `Misbehaved` for a redirect, a body over [`Outgoing::LARGEST_ANSWER`]
    /// bytes, a form without credentials or with a parameter twice, and a callback that is not confirmed.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>, now: Timestamp) -> Result<(String, Pending), Error> {
        let Self { client, callback, .. } = self;
        let mut tolerated = Default::default();
        let credentials: Credentials = token::read(answer.into(), &client.scrubber())?;
        if client.settings.callback == CallbackAt::RequestToken {
            token::check_confirmed(&credentials, &client.deviations, &client.scrubber(), &mut tolerated)?;
        } else if !token::is_confirmed(&credentials) {
            // The provider file chose a callback that is not told here, so nothing is refused for it; but it is reported.
            tolerated.insert(crate::Deviation::CallbackUnconfirmed);
        }
        let authorize = {
            let mut query = vec![("oauth_token", credentials.token.expose())];
            if let (Callback::Url(url), CallbackAt::Authorize) = (&callback, client.settings.callback) {
                query.push(("oauth_callback", url));
            }
            query.extend(client.settings.authorize_params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            client.settings.authorize.with_query(query)
        };
        let issued = Issued {
            token: credentials.token,
            secret: credentials.secret,
            consumer_key: client.app.client_id.clone(),
            access_token_url: client.settings.access_token.as_str().to_owned(),
        };
        Ok((authorize, Pending::new(issued, callback, &client.deviations, client.keep, tolerated, now)))
    }
}

/// An exchange, under way.
#[derive(Debug)]
pub struct Exchange {
    client: Client,
    asked: Asked,
    kept: std::collections::BTreeMap<String, String>,
    tolerated: crate::deviation::Tolerated,
    scrubber: Scrubber,
    request: Outgoing,
}

/// What token credentials are asked for with: temporary ones that were verified, or a password.
#[derive(Debug)]
struct Asked {
    token: Option<(Secret, Secret)>,
    verifier: Option<Secret>,
    form: Vec<(&'static str, Secret)>,
}

impl Asked {
    fn request(&self, client: &Client, now: Timestamp, entropy: &dyn Entropy) -> Result<Outgoing, Misuse> {
        let extra: Vec<_> = self.verifier.iter().map(|verifier| ("oauth_verifier", verifier.expose())).collect();
        let mut params = borrowed(&client.settings.access_token_params);
        params.extend(self.form.iter().map(|(name, value)| (*name, value.expose())));
        let token = self.token.as_ref().map(|(token, secret)| (token, secret));
        client.credentials_request(&client.settings.access_token, token, &extra, &params, now, entropy)
    }
}

impl Exchange {
    /// What to send, once.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// The same, signed anew: after a refusal of the timestamp, with the server's time (see [`ClockOffset`](super::ClockOffset)). A server that
    /// refuses a timestamp has spent nothing.
    ///
    /// # Errors
    ///
    /// As for [`Client::exchange`].
    pub fn signed_again(self, now: Timestamp, entropy: &dyn Entropy) -> Result<Self, Error> {
        let request = self.asked.request(&self.client, now, entropy)?;
        Ok(Self { request, ..self })
    }

    /// Judges the answer: token credentials, or an error. They do not expire by themselves, so the time is not used yet.
    ///
    /// # Errors
    ///
    /// As for [`RequestToken::receive`], but for the callback.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>, _now: Timestamp) -> Result<Received, Error> {
        let credentials = token::read(answer.into(), &self.scrubber)?;
        let mut kept = self.kept;
        let lacks = |name: &String| !kept.contains_key(name) && !credentials.others.contains_key(name);
        let members = match self.client.keep.iter().any(lacks) {
            true => names(credentials.others.keys().map(String::as_str)),
            false => Vec::new(),
        };
        let found = credentials.others.into_iter().filter(|(name, _)| self.client.keep.contains(name));
        kept.extend(found.map(|(name, value)| (name, crate::scrub::printable(&value))));
        let tokens = TokenSet::OAuth1(OAuth1Tokens { token: credentials.token, secret: credentials.secret });
        Ok(Received { tokens, kept, tolerated: self.tolerated, members })
    }
}

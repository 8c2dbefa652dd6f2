//! The client: an app at an OAuth 1.0a provider, and the requests it makes.

use http::Method;
use http::request::Parts;

use super::pending::{Issued, Pending, Verified};
use super::settings::{CallbackAt, Placement, Settings, SignatureMethod};
use super::sign::{Once, Signer};
use super::signature::Key;
use super::token::{self, Credentials};
use crate::app::App;
use crate::deviation::Deviations;
use crate::endpoint::Endpoint;
use crate::entropy::Entropy;
use crate::error::{Error, Misuse};
use crate::message::{Body, Incoming, Outgoing};
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::{OAuth1Tokens, Received, TokenSet};

/// An app at an OAuth 1.0a provider.
#[derive(Clone, Debug)]
pub struct Client {
    settings: Settings,
    deviations: Deviations,
    keep: Vec<String>,
    app: App,
}

/// Where the provider shall send the person back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callback {
    /// This URL.
    Url(String),
    /// Nowhere: the provider shows a PIN that the person types (`oob`, RFC 5849 §2.1).
    OutOfBand,
}

impl Client {
    /// An app with a consumer key; the consumer secret may be empty.
    ///
    /// # Errors
    ///
    /// `Misuse` if the provider speaks another protocol, or the app has no consumer key.
    pub fn new(provider: &crate::Settings, app: App) -> Result<Self, Misuse> {
        let crate::settings::Flow::OAuth1(settings) = &provider.flow else {
            return Err(Misuse::new("a provider that speaks OAuth 1.0a", format!("{}, which does not", provider.provider)));
        };
        if app.client_id.is_empty() {
            return Err(Misuse::new("a consumer key", "none"));
        }
        Ok(Self { settings: settings.clone(), deviations: provider.deviations.clone(), keep: provider.keep.clone(), app })
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
        let request = self.credentials_request(&self.settings.request_token, None, &extra, now, entropy)?;
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
            return Err(Misuse::new("a login that this app began at this provider", "another app's or provider's").into());
        }
        let issued = &verified.issued;
        let extra: Vec<_> = verified.verifier.iter().map(|verifier| ("oauth_verifier", verifier.expose())).collect();
        let request = self.credentials_request(&self.settings.access_token, Some((&issued.token, &issued.secret)), &extra, now, entropy)?;
        let scrubber = self.scrubber().knowing(&issued.token).knowing(&issued.secret);
        Ok(Exchange { keep: self.keep.clone(), kept: verified.kept, tolerated: verified.tolerated, scrubber, request })
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
        self.sign_call(Some((&tokens.token, &tokens.secret)), parts, body, now, entropy)
    }

    /// Signs a call that is made for the app itself: without `oauth_token`, with an empty token secret (RFC 5849 §3.1, "MAY be
    /// omitted"; some APIs call it one-legged).
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
        token: Option<(&Secret, &Secret)>,
        parts: &mut Parts,
        body: Body<'_>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut signer = self.signer(token, self.settings.placement);
        if signer.placement == Placement::Body && !matches!(body, Body::Form(_)) {
            // §3.5.2 needs a form body; the header is what §3.5 prefers anyway.
            signer.placement = Placement::Header;
        }
        Ok(signer.sign(parts, body, &[], &Once::new(now, entropy))?)
    }

    /// Knows this app's secrets, to take them out of server text.
    pub(crate) fn scrubber(&self) -> Scrubber {
        self.app.secrets().fold(Scrubber::new(), Scrubber::knowing)
    }

    pub(crate) fn signer(&self, token: Option<(&Secret, &Secret)>, placement: Placement) -> Signer {
        let consumer_secret = self.app.client_secret.as_ref().map_or("", Secret::expose);
        let token_secret = token.map_or("", |(_, secret)| secret.expose());
        Signer {
            consumer_key: self.app.client_id.clone(),
            token: token.map(|(token, _)| token.clone()),
            method: self.settings.signature,
            key: Key::new(self.settings.signature, consumer_secret, token_secret),
            placement,
            realm: self.settings.realm.clone(),
        }
    }

    pub(crate) fn app_secret(&self) -> Option<&Secret> {
        self.app.client_secret.as_ref()
    }

    /// The signature method this provider uses.
    pub fn signature_method(&self) -> SignatureMethod {
        self.settings.signature
    }

    fn credentials_request(
        &self,
        endpoint: &Endpoint,
        token: Option<(&Secret, &Secret)>,
        extra: &[(&'static str, &str)],
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Outgoing, Misuse> {
        let mut request = http::Request::new(());
        *request.method_mut() = self.settings.token_method.clone();
        *request.uri_mut() = endpoint.uri().clone();
        let (mut parts, ()) = request.into_parts();
        let in_body = self.settings.placement == Placement::Body && self.settings.token_method == Method::POST;
        let body = if in_body { Body::Form(&[]) } else { Body::Opaque };
        let placement = if in_body || self.settings.placement != Placement::Body { self.settings.placement } else { Placement::Header };
        let body = self.signer(token, placement).sign(&mut parts, body, extra, &Once::new(now, entropy))?;
        Ok(Outgoing::from_parts(parts, body.unwrap_or_default()))
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
            token::check_confirmed(&credentials, &client.deviations, &mut tolerated)?;
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
    keep: Vec<String>,
    kept: std::collections::BTreeMap<String, String>,
    tolerated: crate::deviation::Tolerated,
    scrubber: Scrubber,
    request: Outgoing,
}

impl Exchange {
    /// What to send, once.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer: token credentials, or an error. They do not expire by themselves, so the time is not used yet.
    ///
    /// # Errors
    ///
    /// As for [`RequestToken::receive`], but for the callback.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>, _now: Timestamp) -> Result<Received, Error> {
        let credentials = token::read(answer.into(), &self.scrubber)?;
        let mut kept = self.kept;
        let found = credentials.others.into_iter().filter(|(name, _)| self.keep.contains(name));
        kept.extend(found.map(|(name, value)| (name, crate::scrub::printable(&value))));
        let tokens = TokenSet::OAuth1(OAuth1Tokens { token: credentials.token, secret: credentials.secret });
        Ok(Received { tokens, kept, tolerated: self.tolerated })
    }
}

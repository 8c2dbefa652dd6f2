//! An API call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use keyfob_proto::oauth1::{Buffer, ClockOffset, Explanation, Nonce, Once};
use keyfob_proto::oauth2::{self, dpop};
use keyfob_proto::{
    Api, Attach, Body as SignedBody, Endpoint, Flow, Incoming, Misuse, OAuth2Tokens, Origin, TokenSet, Transport as TransportError,
    TransportKind, encode, retry_after,
};

use tokio::time::Instant;

use super::answer::Answer;
use super::said::Said;
use super::{Client, Known, Session, Shared, Wait, Why, target};
use crate::back_channel::Side;
use crate::error::Error;
use crate::transport::{Body, PublicOnly, beginning};

/// How much of an answer is looked at to tell whether it says "expired".
pub(super) const PEEK: usize = 1 << 20;

/// How much of a refusal is looked at to tell whether it is one of the timestamp. More is a page.
pub(super) const REFUSAL: usize = 16 * 1024;

/// The longest a `Retry-After` is waited for.
const PATIENCE: u64 = 30;

/// An API call, being put together.
pub struct Call {
    session: Session,
    method: Method,
    url: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: CallBody,
    waits: bool,
}

/// What a call carries.
#[non_exhaustive]
pub enum CallBody {
    /// Nothing.
    None,
    /// Bytes: can be sent again after a refresh.
    Bytes(Vec<u8>),
    /// A stream: sent once, never buffered, not signed by OAuth 1.
    Stream(Body),
}

impl Session {
    /// A call of this method to a path or absolute URL.
    pub fn call(&self, method: Method, url: impl Into<String>) -> Call {
        Call {
            session: self.clone(),
            method,
            url: url.into(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: CallBody::None,
            waits: true,
        }
    }

    /// A call that is a request already, of a path or absolute URL.
    pub fn request(&self, request: Request<Vec<u8>>) -> Call {
        let (parts, bytes) = request.into_parts();
        let body = if bytes.is_empty() { CallBody::None } else { CallBody::Bytes(bytes) };
        let call = self.call(parts.method, parts.uri.to_string());
        Call { headers: parts.headers, body, ..call }
    }

    /// A GET.
    pub fn get(&self, url: impl Into<String>) -> Call {
        self.call(Method::GET, url)
    }

    /// A POST.
    pub fn post(&self, url: impl Into<String>) -> Call {
        self.call(Method::POST, url)
    }

    /// A PUT.
    pub fn put(&self, url: impl Into<String>) -> Call {
        self.call(Method::PUT, url)
    }

    /// A PATCH.
    pub fn patch(&self, url: impl Into<String>) -> Call {
        self.call(Method::PATCH, url)
    }

    /// A DELETE.
    pub fn delete(&self, url: impl Into<String>) -> Call {
        self.call(Method::DELETE, url)
    }
}

impl Call {
    /// A query parameter more.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// A header more.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// These headers, in place of those that were set before.
    #[must_use]
    pub fn headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// Passes 429 and 503 on as they come, where a call that is safe to repeat would wait as it is told: for a program that stands between the provider and
    /// somebody who can wait as well.
    #[must_use]
    pub fn without_waiting(self) -> Self {
        Self { waits: false, ..self }
    }

    /// What it carries, whose media type is among the headers or needs none.
    #[must_use]
    pub fn carrying(self, body: CallBody) -> Self {
        Self { body, ..self }
    }

    /// Bytes of a media type.
    #[must_use]
    pub fn body(mut self, media_type: HeaderValue, bytes: Vec<u8>) -> Self {
        self.headers.insert(CONTENT_TYPE, media_type);
        self.body = CallBody::Bytes(bytes);
        self
    }

    /// JSON.
    #[must_use]
    pub fn json(self, value: &serde_json::Value) -> Self {
        self.body(HeaderValue::from_static("application/json"), value.to_string().into_bytes())
    }

    /// A form; OAuth 1 signs its parameters.
    #[must_use]
    pub fn form<'a>(self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.body(HeaderValue::from_static("application/x-www-form-urlencoded"), encode::form_pairs(pairs).into_bytes())
    }

    /// A stream. It is sent once: after "expired" there is nothing to send again.
    #[must_use]
    pub fn stream(mut self, body: Body) -> Self {
        self.body = CallBody::Stream(body);
        self
    }

    /// Sends it. Any status comes back as an answer; judge it with [`Answer::read`].
    ///
    /// # Errors
    ///
    /// No status is one. [`NeedsLogin`](Error::NeedsLogin), where a person has to log in first; [`Unbound`](Error::Unbound) for a URL that the account's tokens may not be sent to;
    /// [`Held`](Error::Held), `AskedToWait` and others of a refresh; [`Protocol`](Error::Protocol) with a `Transport` error inside where the request or the head of the answer did not come
    /// through, and with `Misuse` for what is no URL.
    pub async fn send(self) -> Result<Answer, Error> {
        let (uri, origin) = self.target()?;
        let Self { session, method, headers, body, waits, .. } = self;
        let shared = session.shared;
        let mut call = Prepared { shared: &shared, method, uri, origin, headers, to: To::Api, waits, until: None };
        let Sent { answer, used, blamed } = match body {
            CallBody::None => call.send_replayable(&[]).await?,
            CallBody::Bytes(bytes) => call.send_replayable(&bytes).await?,
            CallBody::Stream(body) => {
                let known = shared.fresh(None).await?;
                let offset = call.clock_offset();
                let (parts, _) = call.authorized(&known, None, offset, call.nonce(&known).as_deref())?;
                let answer = call.transmit(&known, parts, body).await?;
                // There is nothing to send again, but the next call knows: the server's nonce, which any answer may tell, and its time.
                let (answer, _) = call.judge_clock(answer, offset).await?;
                let (answer, said) = call.judge(answer, &known).await?;
                let blamed = !matches!(said, Said::Nothing);
                // Whoever sends it once more finds a new token, or that a person has to log in. Here the answer says enough.
                match said {
                    Said::Nothing => {}
                    Said::Ended | Said::NotGood(_) if known.renews() => {
                        drop(Box::pin(shared.refresh(&known, Why::Expired, Wait::ToTheEnd)).await);
                    }
                    Said::NotGood(why) if shared.ends_with(&known) => drop(Box::pin(shared.disowned(&known, &why)).await),
                    Said::Ended | Said::NotGood(_) => {}
                }
                Sent { answer, used: known, blamed }
            }
        };
        Ok(Answer::new(answer, Session::new(shared), used, blamed))
    }

    /// Shows how this call would be signed, instead of sending it. OAuth 1 only.
    ///
    /// # Errors
    ///
    /// `Misuse` for an account that is not OAuth 1, what is no URL, or a form that streams; [`NeedsLogin`](Error::NeedsLogin), and [`Unbound`](Error::Unbound).
    pub fn explain(&self) -> Result<Explanation, Error> {
        let shared = &self.session.shared;
        let known = shared.known();
        known.usable()?;
        let (Client::OAuth1(client), TokenSet::OAuth1(tokens)) = (&shared.setup.client, known.tokens()) else {
            return Err(Misuse::new("an OAuth 1 account", "one whose calls are not signed")
                .of("RFC 5849 §3.4")
                .with_hint("nothing of it is signed: look at the request itself, with --dry-run")
                .into());
        };
        let bytes = match &self.body {
            CallBody::None => Some(&[][..]),
            CallBody::Bytes(bytes) => Some(bytes.as_slice()),
            CallBody::Stream(_) => None,
        };
        let ((uri, origin), method, headers) = (self.target()?, self.method.clone(), self.headers.clone());
        let call = Prepared { shared, method, uri, origin, headers, to: To::Api, waits: false, until: None };
        call.check_bound(&known)?;
        let parts = call.parts(&known)?;
        let body = call.signed_body(&parts, bytes)?;
        let now = call.clock_offset().apply(shared.keyfob.now());
        Ok(client.explain(tokens, &parts, body, now, shared.keyfob.entropy())?)
    }

    fn target(&self) -> Result<(Uri, Option<Origin>), Misuse> {
        let base = &self.session.shared.setup.settings.api.base;
        if self.query.is_empty() {
            return target::resolve(base, &self.url);
        }
        let more = encode::form_pairs(self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let joint = if self.url.contains('?') { "&" } else { "?" };
        target::resolve(base, &format!("{}{joint}{more}", self.url))
    }
}

/// Without query, headers and content: they are the caller's, and may be a door's PIN or another service's key.
impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("Call").field("method", &self.method).field("url", &path).field("body", &self.body).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for CallBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(_) => f.write_str("Stream(…)"),
        }
    }
}

/// A call whose destination is known.
pub(super) struct Prepared<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) method: Method,
    pub(super) uri: Uri,
    /// Where that is; none for what is no place to send anything to.
    pub(super) origin: Option<Origin>,
    pub(super) headers: HeaderMap,
    pub(super) to: To,
    /// Whether it waits as 429 and 503 say.
    pub(super) waits: bool,
    /// When the request that was sent last has to be over, body and all: one to the authorization server has a deadline (C5).
    pub(super) until: Option<Instant>,
}

/// A call that was sent, and answered.
pub(super) struct Sent {
    pub(super) answer: http::Response<Body>,
    /// What it was sent with last.
    pub(super) used: Arc<Known>,
    /// Whether the answer says that this is not good any more.
    pub(super) blamed: bool,
}

/// What a call is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// The provider's API, in its own way.
    Api,
    /// The authorization server's UserInfo endpoint, which has the token in a header, or in a form that is posted, and nothing of the API's habits (OpenID Connect Core §5.3.1).
    UserInfo,
}

impl Prepared<'_> {
    /// Sends a call that can be sent again: once more with a new token after "expired", once with the server's time after a refusal of the
    /// timestamp, once with the nonce that a proof has to repeat (RFC 9449 §9), and, where repeating is safe, after 429, 503 or a connection that
    /// broke before the answer.
    pub(super) async fn send_replayable(&mut self, bytes: &[u8]) -> Result<Sent, Error> {
        let mut known = self.shared.fresh(None).await?;
        let (mut refreshed, mut waits, mut broken, mut timed, mut renonced) = (false, 0, false, false, false);
        loop {
            let offset = self.clock_offset();
            let nonce = self.nonce(&known);
            let (parts, new_body) = self.authorized(&known, Some(bytes), offset, nonce.as_deref())?;
            let body = new_body.unwrap_or_else(|| bytes.to_vec());
            let body = if body.is_empty() { Body::empty() } else { Body::from(body) };
            // However slow the provider's things are: this is its authorization server.
            self.until = (self.to == To::UserInfo).then(|| Instant::now() + self.shared.keyfob.policy().back_channel());
            let answer = match self.transmit(&known, parts, body).await {
                Err(Error::Protocol(keyfob_proto::Error::Transport(error)))
                    if self.is_safe() && !broken && error.kind == keyfob_proto::TransportKind::Broken =>
                {
                    broken = true;
                    continue;
                }
                other => other?,
            };
            // Whatever the method: a server that refuses a proof does nothing else. The nonce that was sent already would bring the same answer.
            if known.is_bound()
                && !renonced
                && let Some(wanted) = dpop::wants_nonce(answer.status(), answer.headers(), None)
                && nonce != Some(wanted)
            {
                renonced = true;
                continue;
            }
            let (answer, off) = self.judge_clock(answer, offset).await?;
            // Whatever the method: a server that refuses a signature does nothing else.
            if off && !timed {
                timed = true;
                continue;
            }
            let (answer, said) = self.judge(answer, &known).await?;
            let blamed = !matches!(said, Said::Nothing);
            match said {
                Said::Ended | Said::NotGood(_) if known.renews() && !refreshed => {
                    refreshed = true;
                    // On the heap, as all that is rare on the way of a call: a call is as large as the largest part of its way.
                    let renewed = Box::pin(self.shared.refresh(&known, Why::Expired, Wait::ToTheEnd)).await?;
                    // The token that was refused, again or still: a refresh just now brought no other. The answer is what it is.
                    if !renewed.has_same_access(&known) {
                        known = renewed;
                        continue;
                    }
                }
                Said::NotGood(why) if self.shared.ends_with(&known) => {
                    // Once for every login that somebody makes in the meantime.
                    known = Box::pin(self.shared.disowned(&known, &why)).await?;
                    continue;
                }
                _ => {}
            }
            match self.wait_wanted(&answer) {
                Some(seconds) if waits < 2 => {
                    waits += 1;
                    tracing::info!(seconds, status = answer.status().as_u16(), "waiting as told");
                    Box::pin(tokio::time::sleep(Duration::from_secs(seconds))).await;
                }
                _ => return Ok(Sent { answer, used: known, blamed }),
            }
        }
    }

    /// Whether an OAuth 1 server's clock turns out to be another than was thought. What was read to find out is put back.
    async fn judge_clock(&self, answer: http::Response<Body>, used: ClockOffset) -> Result<(http::Response<Body>, bool), Error> {
        let refused = matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let origin = self.origin.as_ref().filter(|_| refused && matches!(self.shared.setup.client, Client::OAuth1(_)));
        let Some(origin) = origin else { return Ok((answer, false)) };
        let (parts, mut body) = answer.into_parts();
        let bytes = Box::pin(self.peek(&parts.headers, &mut body, REFUSAL)).await?;
        let off = self.shared.keyfob.learn_clock(origin, used, Incoming::new(parts.status, &parts.headers, &bytes));
        Ok((http::Response::from_parts(parts, body), off))
    }

    /// What the beginning of an answer says, within the time that reading all of it may take: whoever sends a byte a minute is never silent. It is read also
    /// where it is packed; the body stays as it came.
    pub(super) async fn peek(&self, headers: &HeaderMap, body: &mut Body, limit: usize) -> Result<Bytes, TransportError> {
        let read = tokio::time::timeout(self.shared.keyfob.policy().reading, body.peek(limit)).await;
        read.unwrap_or_else(|_| Err(self.timed_out())).map(|bytes| beginning(headers, bytes, limit))
    }

    fn timed_out(&self) -> TransportError {
        TransportError::new(TransportKind::Timeout, self.origin.as_ref().map(Origin::to_string).unwrap_or_default())
    }

    fn clock_offset(&self) -> ClockOffset {
        self.origin.as_ref().map(|origin| self.shared.keyfob.clock_offset(origin)).unwrap_or_default()
    }

    fn wait_wanted(&self, answer: &http::Response<Body>) -> Option<u64> {
        let wanted = matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let now = self.shared.keyfob.now();
        let seconds = match answer.headers().get(RETRY_AFTER) {
            Some(_) => retry_after(answer.headers(), now)?,
            // Who says when the next period begins, and no more, means the same.
            None if answer.status() == StatusCode::TOO_MANY_REQUESTS => {
                let begins = self.shared.setup.settings.api.limits.as_ref()?.read(answer.headers(), now)?.resets_at?;
                u64::try_from(begins.since(now).max(0)).ok()?
            }
            None => return None,
        };
        (wanted && self.waits && self.is_safe() && seconds <= PATIENCE).then_some(seconds)
    }

    fn is_safe(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    fn parts(&self, known: &Known) -> Result<Parts, Error> {
        let mut parts = Request::new(()).into_parts().0;
        parts.method = self.method.clone();
        parts.uri = self.uri.clone();
        parts.headers = self.headers.clone();
        if self.to == To::Api {
            let (api, kept) = (&self.shared.setup.settings.api, &known.account().kept);
            api.set_headers(&self.shared.setup.app, kept, &mut parts)?;
            api.set_query(&self.shared.setup.app, kept, &mut parts)?;
        }
        Ok(parts)
    }

    /// `Unbound` where it does not go to an origin that the account is bound to: a URL from anywhere else must not carry a token away.
    fn check_bound(&self, known: &Known) -> Result<(), Error> {
        let account = known.account();
        let origin = self.origin.as_ref();
        // Where UserInfo is, the settings say, and nobody else.
        let is_known = |origin: &Origin| self.to == To::UserInfo || self.shared.setup.settings.api_origins().any(|own| own == origin);
        let allowed = |origin: &Origin| account.is_bound_to(origin) && is_known(origin);
        if origin.is_some_and(allowed) {
            return Ok(());
        }
        let bound_to = account.origins.iter().map(ToString::to_string).collect();
        let moved = origin.is_some_and(is_known);
        let origin = origin.map_or_else(|| "there".to_owned(), Origin::to_string);
        Err(Error::Unbound { account: account.name.clone(), origin, bound_to, moved })
    }

    /// What of a body is signed, by the content type that will be sent, which the provider's fixed headers may have changed. A body of `None` streams.
    fn signed_body<'b>(&self, parts: &Parts, body: Option<&'b [u8]>) -> Result<SignedBody<'b>, Misuse> {
        let Some(bytes) = body else {
            // RFC 5849 §3.4.1.3.1: a form's parameters belong into the signature, and nobody has them yet.
            let is_signed = matches!(self.shared.setup.client, Client::OAuth1(_));
            if is_signed && matches!(SignedBody::of(&parts.headers, &[]), SignedBody::Form(_)) {
                let expected = "a form of which every byte is there, since OAuth 1 signs its parameters";
                return Err(Misuse::new(expected, "one that streams")
                    .of("RFC 5849 §3.4.1.3")
                    .with_hint("read it whole, and send it as bytes"));
            }
            return Ok(SignedBody::Opaque);
        };
        Ok(SignedBody::of(&parts.headers, bytes))
    }

    /// The request with the account's authorization: signed, or with the token attached. A body of `None` streams.
    fn authorized(
        &self,
        known: &Known,
        body: Option<&[u8]>,
        offset: ClockOffset,
        nonce: Option<&str>,
    ) -> Result<(Parts, Option<Vec<u8>>), Error> {
        self.check_bound(known)?;
        let mut parts = self.parts(known)?;
        let body = self.signed_body(&parts, body)?;
        let (now, entropy) = (self.shared.keyfob.now(), self.shared.keyfob.entropy());
        let new_body = match (&self.shared.setup.client, known.tokens()) {
            (Client::OAuth1(client), TokenSet::OAuth1(tokens)) => {
                let nonce = Nonce::new(entropy);
                let once = Once { nonce: nonce.as_str(), timestamp: offset.apply(now), entropy };
                // Of its own: one that lives on would keep what was signed, a form's password say, until the next call.
                known.signer(client, tokens)?.sign(&mut parts, body, &once, &mut Buffer::new())?
            }
            (Client::OAuth2(_), TokenSet::OAuth2(tokens)) => self.attach(known, tokens, &mut parts, body, nonce)?,
            _ => {
                return Err(Misuse::new("tokens of the provider's own kind", "tokens of another protocol")
                    .with_hint("log in again")
                    .into());
            }
        };
        Ok((parts, new_body))
    }

    /// A token that is bound to a key goes with a proof by it, and in no other way.
    fn attach(
        &self,
        known: &Known,
        tokens: &OAuth2Tokens,
        parts: &mut Parts,
        body: SignedBody<'_>,
        nonce: Option<&str>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let shared = self.shared;
        if let Some(key) = shared.proof_key(tokens)? {
            let (now, entropy) = (shared.keyfob.now(), shared.keyfob.entropy());
            oauth2::attach_bound(tokens, &key, nonce, parts, now, entropy)?;
            return Ok(None);
        }
        let attach = |api: &Api, parts: &mut Parts| oauth2::attach(api, &shared.setup.app, &known.account().kept, tokens, parts, body);
        Ok(match self.to {
            To::Api => attach(&shared.setup.settings.api, parts)?,
            To::UserInfo => {
                let mut there = Api::new(shared.setup.settings.api.base.clone());
                if self.method == Method::POST {
                    there.attach = Attach::Body("access_token".to_owned());
                }
                attach(&there, parts)?
            }
        })
    }

    /// The last nonce of this resource server, for tokens that are bound to a key.
    fn nonce(&self, known: &Known) -> Option<String> {
        let origin = self.origin.as_ref().filter(|_| known.is_bound())?;
        self.shared.keyfob.nonces().of(Side::Resource, origin)
    }

    /// Where the issuer's own metadata says where UserInfo is, that has to be as near as the issuer, or public (F4).
    fn mark(&self) -> Option<PublicOnly> {
        match (&self.shared.setup.settings.flow, self.to) {
            (Flow::OAuth2(oauth2::Settings { discovered: true, issuer: Some(issuer), .. }), To::UserInfo) => {
                let home = Endpoint::parse(issuer).ok().map(|issuer| issuer.origin());
                home.map_or(Some(PublicOnly), |home| PublicOnly::unless_near(&home, self.origin.as_ref()))
            }
            _ => None,
        }
    }

    async fn transmit(&self, known: &Known, parts: Parts, body: Body) -> Result<http::Response<Body>, Error> {
        tracing::debug!(method = %parts.method, host = parts.uri.host(), path = parts.uri.path(), "calling");
        let mut request = Request::from_parts(parts, body);
        if let Some(mark) = self.mark() {
            request.extensions_mut().insert(mark);
        }
        let sending = self.shared.keyfob.transport().send(request);
        let answer = match self.until {
            Some(until) => {
                let sent = Box::pin(tokio::time::timeout_at(until, sending)).await;
                sent.unwrap_or_else(|_| Err(self.timed_out()))?
            }
            None => sending.await?,
        };
        if let Some(origin) = self.origin.as_ref().filter(|_| known.is_bound()) {
            self.shared.keyfob.nonces().learn(Side::Resource, origin, answer.headers());
        }
        tracing::debug!(status = answer.status().as_u16(), "answered");
        Ok(answer)
    }
}

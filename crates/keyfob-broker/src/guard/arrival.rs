//! What is known of a request before anybody answers it: where it came from, who asks, what it is called. What goes past the router has it handed on; what
//! goes through it has it beside the request, as one value: every value there is a piece of memory of its own, made and given back with each request.

use std::convert::Infallible;
use std::time::Instant;

use axum::extract::{FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue};

use super::Alive;
use crate::operations::Operations;
use crate::peer::{Client, Peer};

/// What is known of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrival {
    /// The other end of its connection; none: it came without one, as in a test of the router alone.
    peer: Option<Peer>,
    /// Where there is a program that may end.
    pub(crate) alive: Option<Alive>,
    /// Who asks, once that is found out.
    pub(crate) client: Option<Client>,
    pub(crate) id: RequestId,
    /// When its head was here: where the time that it takes begins, in the log, in figures and in the book.
    pub(crate) began: Option<Instant>,
}

/// What the request is called, in the log and in the book.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestId(Option<HeaderValue>);

impl Arrival {
    pub(crate) fn new(peer: Peer, alive: Alive) -> Self {
        Self { peer: Some(peer), alive: Some(alive), ..Self::default() }
    }

    /// What is known of the request that has these.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Finds out who asks, names the request, and looks at the clock.
    pub(super) fn complete(&mut self, operations: &Operations, request: &Request) -> (Client, Instant) {
        let client = operations.proxies.client(self.peer.unwrap_or(Peer::Socket), request.headers());
        let began = Instant::now();
        (self.client, self.began) = (Some(client), Some(began));
        self.id = RequestId::brought(&client, request.headers()).unwrap_or_else(|| operations.request_id());
        (client, began)
    }
}

impl<S: Sync> FromRequestParts<S> for Arrival {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

impl RequestId {
    /// The header in which it goes from program to program.
    pub(super) const HEADER: http::HeaderName = http::HeaderName::from_static("x-request-id");

    /// Longer names are none that a proxy makes.
    const LONGEST: usize = 128;

    /// One of ours: letters, digits and dashes.
    pub(crate) fn new(name: Vec<u8>) -> Self {
        // In one piece from the beginning, which the log, the book and the answer share.
        Self(HeaderValue::from_maybe_shared(Bytes::from_owner(name)).ok())
    }

    /// The name that a proxy of ours has given it. Others could make two requests look like one.
    fn brought(client: &Client, headers: &HeaderMap) -> Option<Self> {
        let id = headers.get(Self::HEADER).filter(|_| client.by_proxy)?;
        let is_usual = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte);
        let fits = (1..=Self::LONGEST).contains(&id.len()) && id.as_bytes().iter().all(is_usual);
        fits.then(|| Self(Some(id.clone())))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn header(self) -> Option<HeaderValue> {
        self.0
    }
}

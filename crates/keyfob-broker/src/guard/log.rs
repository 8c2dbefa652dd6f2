//! Who asks, under which name the request is known, and a line in the log for each: route, status, time. Never the path or the query: a
//! link's path is a secret, and so is a callback's query.

use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};
use tracing::Span;

use crate::health;
use crate::metrics::{Metrics, UnderWay};
use crate::operations::Operations;
use crate::peer::{Client, Peer};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer names are none that a proxy makes.
const LONGEST_ID: usize = 128;

/// Which route answered, where the router does not know: a provider's answer, which can come to any path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered(pub(crate) &'static str);

/// What the request is called, in the log and in the book.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// A request that is being answered.
pub(super) struct Asked<'a> {
    pub(super) client: Client,
    /// What is logged meanwhile, is logged in it.
    pub(super) span: Span,
    route: &'a str,
    id: String,
    method: Method,
    /// Those of programs are in the book, and many.
    is_program: bool,
    began: Instant,
    metrics: &'a Metrics,
    _under_way: UnderWay<'a>,
}

impl<'a> Asked<'a> {
    /// Finds out who asks, names the request, and counts it.
    pub(super) fn begin(operations: &'a Operations, route: &'a str, request: &mut Request) -> Self {
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::Socket);
        let client = operations.proxies.client(peer, request.headers());
        request.extensions_mut().insert(client);
        let id = brought(&client, request.headers()).unwrap_or_else(|| operations.request_id());
        request.extensions_mut().insert(RequestId(id.clone()));
        let is_program = crate::router::is_program(request.uri().path());
        let span = if is_program { tracing::debug_span!("request", id) } else { tracing::info_span!("request", id) };
        let (method, began, metrics) = (request.method().clone(), Instant::now(), &*operations.metrics);
        Self { client, span, route, id, method, is_program, began, metrics, _under_way: metrics.begin() }
    }

    /// Writes the line, and tells whoever asked under which name.
    pub(super) fn answered(self, response: &mut Response) {
        let Self { client, span, route, id, method, is_program, began, metrics, .. } = self;
        let after = began.elapsed();
        let answered = response.extensions().get::<Answered>().map(|answered| answered.0);
        let route = answered.unwrap_or(if route.is_empty() { "none" } else { route });
        metrics.answered(route, response.status(), after);
        let (status, ms) = (response.status().as_u16(), u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        span.in_scope(|| {
            // A probe comes every few seconds and says nothing.
            if health::is_for_probes(route) || route == health::METRICS {
                tracing::trace!(client = %client.peer, %method, route, status, ms, "answered");
            } else if is_program {
                tracing::debug!(client = %client.peer, %method, route, status, ms, "answered");
            } else {
                tracing::info!(client = %client.peer, %method, route, status, ms, "answered");
            }
        });
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
    }
}

/// The name that a proxy of ours has given it. Others could make two requests look like one.
fn brought(client: &Client, headers: &HeaderMap) -> Option<String> {
    let id = headers.get(X_REQUEST_ID).filter(|_| client.by_proxy)?.to_str().ok()?;
    let fits = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte));
    fits.then(|| id.to_owned())
}

//! Who asks, under which name the request is known, and a line in the log for each: route, status, time. Never the path or the query: a
//! link's path is a secret, and so is a callback's query.

use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use tracing::Instrument;

use crate::health;
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

/// Finds out who asks, names the request, counts it, and writes the line.
pub(super) async fn log<F>(operations: &Operations, route: &str, mut request: Request, next: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::Socket);
    let client = operations.proxies.client(peer, request.headers());
    request.extensions_mut().insert(client);
    let id = brought(&client, request.headers()).unwrap_or_else(|| operations.request_id());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let _under_way = operations.metrics.begin();
    let began = Instant::now();
    // Those of programs are in the book, and many.
    let is_program = crate::router::is_program(request.uri().path());
    let span = if is_program { tracing::debug_span!("request", id) } else { tracing::info_span!("request", id) };
    let mut response = next(request).instrument(span.clone()).await;
    let after = began.elapsed();
    let answered = response.extensions().get::<Answered>().map(|answered| answered.0);
    let route = answered.unwrap_or(if route.is_empty() { "none" } else { route });
    operations.metrics.answered(route, response.status(), after);
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
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

/// The name that a proxy of ours has given it. Others could make two requests look like one.
fn brought(client: &Client, headers: &HeaderMap) -> Option<String> {
    let id = headers.get(X_REQUEST_ID).filter(|_| client.by_proxy)?.to_str().ok()?;
    let fits = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte));
    fits.then(|| id.to_owned())
}

//! DNS rebinding (CVE-2025-66414): a page of another name that is made to resolve to us must not reach us, on loopback least
//! of all. There is one name we answer to.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use keyfob::proto::Origin;

use crate::failure::Failure;
use crate::site::Site;

/// Answers 421 unless the request is for our own name.
pub(crate) async fn host(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let named = named(&site, &request);
    let ours = named.as_ref() == Some(&site.origin);
    // A container's health check comes from inside, where the external name means nothing; it learns nothing.
    let health = request.uri().path() == crate::health::PATH && named.is_some_and(|origin| origin.is_loopback());
    if ours || health { next.run(request).await } else { Failure::misdirected(&site).into_response() }
}

/// The origin that a request names: by its one `Host`, and by its target where that is a whole URL (RFC 9112 §3.2.2), which
/// have to agree.
fn named(site: &Site, request: &Request) -> Option<Origin> {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    let (host, more) = (hosts.next()?, hosts.next());
    if more.is_some() {
        return None;
    }
    let scheme = if site.is_https() { "https" } else { "http" };
    let origin = |authority: &str| Origin::parse(&format!("{scheme}://{authority}"));
    let named = origin(host.to_str().ok()?)?;
    match request.uri().authority() {
        Some(authority) if origin(authority.as_str()).as_ref() != Some(&named) => None,
        _ => Some(named),
    }
}

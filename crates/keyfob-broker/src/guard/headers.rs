//! What every answer says to the browser, whichever route or guard made it.

use axum::extract::Request;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::routes::asset::FOR_GOOD;
use crate::site::Site;

const ALWAYS: [(HeaderName, &str); 7] = [
    // Pages show an account and carry form tokens: no cache, shared or not, keeps them.
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // For browsers that do not know frame-ancestors.
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Sets the headers. A page brings its own content security policy; what has none gets the strictest.
pub(super) async fn headers<F>(site: &Site, request: Request, next: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let mut response = next(request).await;
    set(response.headers_mut(), site.is_https());
    response
}

fn set(headers: &mut HeaderMap, https: bool) {
    // Style and script are nobody's: they alone may be kept.
    let for_good = headers.get(CACHE_CONTROL).filter(|value| **value == FOR_GOOD).cloned();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(for_good) = for_good {
        headers.insert(CACHE_CONTROL, for_good);
    }
    if https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let nothing = "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(nothing));
    }
}

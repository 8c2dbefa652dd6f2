//! What every answer says to the browser, whichever route or guard made it.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::routes::asset::FOR_GOOD;

static ALWAYS: [(HeaderName, HeaderValue); 7] = [
    // Pages show an account and carry form tokens: no cache, shared or not, keeps them.
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // For browsers that do not know frame-ancestors.
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static("camera=(), geolocation=(), microphone=()")),
];

static NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'");

/// So many are set here, and the request's name.
const SET: usize = ALWAYS.len() + 3;

/// Room for the headers of an answer that has one or two of its own.
pub(crate) const USUAL_HEADERS: usize = SET + 2;

/// Sets the headers. A page brings its own content security policy; what has none gets the strictest.
pub(super) fn set(headers: &mut HeaderMap, https: bool) {
    // Style and script are nobody's: they alone may be kept.
    let for_good = headers.get(CACHE_CONTROL).filter(|value| **value == FOR_GOOD).cloned();
    // Once: a map that grows by itself does so again and again.
    headers.reserve(SET);
    for (name, value) in &ALWAYS {
        headers.insert(name.clone(), value.clone());
    }
    if let Some(for_good) = for_good {
        headers.insert(CACHE_CONTROL, for_good);
    }
    if https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, NOTHING.clone());
    }
}

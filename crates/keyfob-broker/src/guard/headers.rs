//! What every answer says to the browser, whichever route or guard made it.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, Entry, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use super::RequestId;
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

const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'");

/// So many are set here, at most.
pub(crate) const SET: usize = ALWAYS.len() + 3;

/// Sets the headers, with the request's name. A page brings its own content security policy; what has none gets the strictest.
pub(super) fn set(headers: &mut HeaderMap, https: bool, request: RequestId) {
    // Once: a map that grows by itself does so again and again.
    headers.reserve(SET);
    for (name, ours) in &ALWAYS {
        match headers.entry(name) {
            // Style and script are nobody's: they alone may be kept.
            Entry::Occupied(own) if *name == CACHE_CONTROL && *own.get() == FOR_GOOD => {}
            Entry::Occupied(mut own) => drop(own.insert(ours.clone())),
            Entry::Vacant(place) => drop(place.insert(ours.clone())),
        }
    }
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    if https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    match request.header() {
        Some(id) => drop(headers.insert(RequestId::HEADER, id)),
        None => drop(headers.remove(RequestId::HEADER)),
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};

    use super::*;

    fn answered(own: &[(HeaderName, &'static str)], https: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in own {
            headers.append(name, HeaderValue::from_static(value));
        }
        set(&mut headers, https, RequestId::new(b"r-1".to_vec()));
        headers
    }

    fn all(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
        headers.get_all(name).iter().map(|value| value.to_str().expect("text").to_owned()).collect()
    }

    #[test]
    fn an_answer_has_what_all_have_and_what_it_brings() {
        let headers = answered(&[(SET_COOKIE, "a=1"), (SET_COOKIE, "b=2"), (CONTENT_TYPE, "text/html"), (LOCATION, "/")], true);
        assert_eq!(headers.len(), SET + 4);
        assert_eq!(all(&headers, &SET_COOKIE), ["a=1", "b=2"]);
        assert_eq!(all(&headers, &CONTENT_TYPE), ["text/html"]);
        assert_eq!(all(&headers, &RequestId::HEADER), ["r-1"]);
        for (name, value) in &ALWAYS {
            assert_eq!(headers.get(name), Some(value));
        }
        let bare = answered(&[], false);
        assert_eq!(bare.len(), ALWAYS.len() + 2, "no type, and no https: {bare:?}");
        assert!(bare.values().all(|value| !value.is_empty()));
    }

    #[test]
    fn only_a_policy_and_what_may_be_kept_for_good_counts_in_place_of_ours() {
        let own = [(CONTENT_SECURITY_POLICY, "default-src 'self'"), (X_FRAME_OPTIONS, "ALLOWALL"), (X_FRAME_OPTIONS, "SAMEORIGIN")];
        let headers = answered(&own, false);
        assert_eq!(all(&headers, &CONTENT_SECURITY_POLICY), ["default-src 'self'"]);
        assert_eq!(all(&headers, &X_FRAME_OPTIONS), ["DENY"]);
        for (own, kept) in [("max-age=60", "no-store"), ("public, max-age=31536000, immutable", "public, max-age=31536000, immutable")] {
            assert_eq!(all(&answered(&[(CACHE_CONTROL, own)], false), &CACHE_CONTROL), [kept]);
        }
    }
}

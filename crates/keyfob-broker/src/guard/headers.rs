//! What every answer says to the browser, whichever route or guard made it.

use std::sync::LazyLock;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, Entry, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
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

/// What every answer has, ready to be copied as a whole: to look for the place of each costs an answer as much as all else it passes. Places are kept in it
/// for what nearly all answers bring; they are empty, and what is empty in the end goes.
static USUAL: LazyLock<[HeaderMap; 2]> = LazyLock::new(|| {
    [false, true].map(|https| {
        let mut all: HeaderMap = ALWAYS.iter().cloned().collect();
        all.insert(CONTENT_SECURITY_POLICY, NOTHING);
        if https {
            all.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        for kept in [CONTENT_TYPE, RequestId::HEADER] {
            all.insert(kept, HeaderValue::from_static(""));
        }
        all
    })
});

const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'");

/// So many of its own has an answer that we made.
const FEW: usize = 3;

/// Sets the headers, with the request's name. A page brings its own content security policy; what has none gets the strictest.
pub(super) fn set(headers: &mut HeaderMap, https: bool, request: RequestId) {
    let usual = &USUAL[usize::from(https)];
    // What has more of its own takes less time if the usual ones are put to them.
    if headers.len() > FEW {
        for (name, ours) in usual.iter().filter(|(_, ours)| !ours.is_empty()) {
            match headers.entry(name) {
                Entry::Occupied(place) if gives_way(name, ours, place.get()) => {}
                Entry::Occupied(mut place) => drop(place.insert(ours.clone())),
                Entry::Vacant(place) => drop(place.insert(ours.clone())),
            }
        }
    } else {
        let own = std::mem::replace(headers, usual.clone());
        put(headers, own);
    }
    if headers.get(CONTENT_TYPE).is_some_and(HeaderValue::is_empty) {
        headers.remove(CONTENT_TYPE);
    }
    match request.header() {
        Some(id) => drop(headers.insert(RequestId::HEADER, id)),
        None => drop(headers.remove(RequestId::HEADER)),
    }
}

/// Puts an answer's own headers to the usual ones.
fn put(headers: &mut HeaderMap, own: HeaderMap) {
    let mut last = None;
    for (name, value) in own {
        // A name comes with the first of its values alone.
        let Some(name) = name else {
            if let Some(last) = &last {
                headers.append(last, value);
            }
            continue;
        };
        last = Some(name.clone());
        match headers.entry(name) {
            Entry::Vacant(place) => drop(place.insert(value)),
            Entry::Occupied(mut place) if gives_way(place.key(), place.get(), &value) => drop(place.insert(value)),
            Entry::Occupied(_) => last = None,
        }
    }
}

/// Whether what an answer says itself counts, and not what all say.
fn gives_way(name: &HeaderName, ours: &HeaderValue, own: &HeaderValue) -> bool {
    // Style and script are nobody's: they alone may be kept.
    ours.is_empty() || *name == CONTENT_SECURITY_POLICY || (*name == CACHE_CONTROL && *own == FOR_GOOD)
}

#[cfg(test)]
mod tests {
    use http::header::{LOCATION, SET_COOKIE};

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
        let own = [(SET_COOKIE, "a=1"), (SET_COOKIE, "b=2"), (CONTENT_TYPE, "text/html"), (LOCATION, "/")];
        for own in [&own[..FEW], &own[..]] {
            let headers = answered(own, true);
            assert_eq!(headers.len(), ALWAYS.len() + 3 + own.len());
            assert_eq!(all(&headers, &SET_COOKIE), ["a=1", "b=2"]);
            assert_eq!(all(&headers, &CONTENT_TYPE), ["text/html"]);
            assert_eq!(all(&headers, &RequestId::HEADER), ["r-1"]);
            for (name, value) in &ALWAYS {
                assert_eq!(headers.get(name), Some(value));
            }
        }
        let bare = answered(&[], false);
        assert_eq!(bare.len(), ALWAYS.len() + 2, "no type, and no https: {bare:?}");
        assert!(bare.values().all(|value| !value.is_empty()));
    }

    #[test]
    fn only_a_policy_and_what_may_be_kept_for_good_counts_in_place_of_ours() {
        let own = [(CONTENT_SECURITY_POLICY, "default-src 'self'"), (X_FRAME_OPTIONS, "ALLOWALL"), (X_FRAME_OPTIONS, "SAMEORIGIN")];
        let more = [(LOCATION, "/"), (CONTENT_TYPE, "text/html")];
        for more in [&more[..0], &more[..]] {
            let headers = answered(&[&own[..], more].concat(), false);
            assert_eq!(all(&headers, &CONTENT_SECURITY_POLICY), ["default-src 'self'"]);
            assert_eq!(all(&headers, &X_FRAME_OPTIONS), ["DENY"]);
            let more = [more, &[(SET_COOKIE, "a=1")], more].concat();
            for (own, kept) in [("max-age=60", "no-store"), ("public, max-age=31536000, immutable", "public, max-age=31536000, immutable")]
            {
                assert_eq!(all(&answered(&[&[(CACHE_CONTROL, own)], &more[..]].concat(), false), &CACHE_CONTROL), [kept]);
            }
        }
    }
}

//! Which headers go on, and which come back.
//!
//! APIs have headers of their own, so both are lists of what is left out: what belongs to one connection (RFC 9110 §7.6.1), credentials, claims
//! about who is asking or for what, and, on the way back, what speaks to browsers about *our* address.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::guard::HEADERS_SET;

/// One connection's.
const HOP: &[&str] = &["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"];

/// Not sent on. Credentials are ours to give; who the client is, the provider hears from nobody; a method or a path in a header is another one than was
/// judged (CVE-2025-64484). The length is that of the body, which says it.
const NOT_ONWARD: &[&str] = &[
    "authorization",
    "cookie",
    "cookie2",
    "dpop",
    "host",
    "content-length",
    "expect",
    "forwarded",
    "via",
    "from",
    "origin",
    "referer",
    "max-forwards",
    "early-data",
    "true-client-ip",
    "cf-connecting-ip",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-remote-user",
    "x-remote-addr",
    "x-host",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Nor is what begins like this.
const NOT_ONWARD_FAMILIES: &[&str] = &["proxy-", "x-forwarded-", "x-keyfob-", "x-auth-request-", "sec-", "access-control-"];

/// Not sent back. Cookies and challenges are between the provider and us; the rest would change what a browser does at our address, or what a proxy in
/// front of us does (X-Accel-Redirect, X-Sendfile: it would send a file of its own).
const NOT_BACK: &[&str] = &[
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
    "authentication-info",
    "dpop-nonce",
    "location",
    "refresh",
    "strict-transport-security",
    "expect-ct",
    "alt-svc",
    // What is answered to whoever has a key is kept by nobody, whatever the provider thinks of it.
    "cache-control",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "permissions-policy",
    "feature-policy",
    "referrer-policy",
    "x-frame-options",
    "x-xss-protection",
    "timing-allow-origin",
    "origin-agent-cluster",
    "service-worker-allowed",
    "sourcemap",
    "x-sourcemap",
    "report-to",
    "reporting-endpoints",
    "nel",
    "x-sendfile",
    "x-lighttpd-send-file",
];

const NOT_BACK_FAMILIES: &[&str] = &["proxy-", "x-keyfob-", "access-control-", "cross-origin-", "public-key-pins", "x-accel-"];

/// Room for what a call is given on its way: the authorization, who asks, where to.
const OURS: usize = 4;

/// Room for what an answer is given: whose it is, a policy, where it leads; and what every answer says.
const OURS_BACK: usize = 3 + HEADERS_SET;

/// A program's headers, as they are sent to the provider, which may have names of its own for what `overrides` the method. What we add comes later and cannot be named away: the program's `Connection` ends here.
pub(super) fn onward(given: &HeaderMap, sees_token: bool, overrides: &[String]) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(given.len() + OURS);
    let named = named_by_connection(given);
    for (name, value) in given {
        let text = name.as_str();
        // `X_Forwarded_For` is `X-Forwarded-For` to servers that make variables of headers (CVE-2025-48865); no API needs one.
        let says_method = overrides.iter().any(|own| own.eq_ignore_ascii_case(text));
        let is_left_out = says_method || text.contains('_') || is_in(text, NOT_ONWARD, NOT_ONWARD_FAMILIES) || named.contains(&text);
        if !is_left_out {
            kept.append(name.clone(), value.clone());
        }
    }
    if !sees_token {
        // What is compressed cannot be searched for a token that the provider echoes.
        kept.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // Nor what comes in pieces as small as the program likes; who is not given a part is given all (RFC 9110 §14.2).
        kept.remove(http::header::RANGE);
        kept.remove(http::header::IF_RANGE);
    }
    kept
}

/// Whether a body is in a form in which nothing can be found.
pub(super) fn is_packed(headers: &HeaderMap) -> bool {
    let plain =
        |value: &HeaderValue| value.as_bytes().trim_ascii().is_empty() || value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    headers.get_all(http::header::CONTENT_ENCODING).into_iter().any(|value| !plain(value))
}

/// A provider's headers, as they are sent back. One whose value `reveals` something is left out.
pub(super) fn back(given: &HeaderMap, reveals: impl Fn(&HeaderValue) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(given.len() + OURS_BACK);
    let named = named_by_connection(given);
    for (name, value) in given {
        let text = name.as_str();
        if !is_in(text, NOT_BACK, NOT_BACK_FAMILIES) && !named.contains(&text) && !reveals(value) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

fn is_in(name: &str, names: &[&str], families: &[&str]) -> bool {
    HOP.contains(&name) || names.contains(&name) || families.iter().any(|family| name.starts_with(family))
}

/// What `Connection` says is one connection's, too. (Header names that came in are in lower case.)
fn named_by_connection(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(http::header::CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    let named = values.flat_map(|value| value.split(',')).map(str::trim);
    // In another case it is still the same name.
    named.filter_map(|named| headers.keys().map(HeaderName::as_str).find(|name| name.eq_ignore_ascii_case(named))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn l10_what_is_the_clients_own_stays_here() {
        let given = map(&[
            ("authorization", "Bearer kfk_1"),
            ("x-keyfob-key", "kfk_1"),
            ("cookie", "keyfob=1"),
            ("proxy-authorization", "Basic x"),
            ("proxy-connection", "keep-alive"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-user", "admin"),
            ("x_forwarded_for", "10.0.0.1"),
            ("x-forwarded_host", "evil.example"),
            ("authorization_", "x"),
            ("forwarded", "for=10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("x-original-url", "/admin"),
            ("x-http-method-override", "DELETE"),
            ("host", "evil.example"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("connection", "close, X-Secret-Hop ,accept"),
            ("x-secret-hop", "1"),
            ("accept", "text/html"),
            ("sec-fetch-site", "none"),
            ("origin", "https://evil.example"),
            ("accept-encoding", "gzip"),
            ("range", "bytes=8-15"),
            ("if-range", "\"1\""),
            ("notion-version", "2022-06-28"),
            ("if-none-match", "\"1\""),
            ("content-type", "application/json"),
        ]);
        let expected = map(&[
            ("accept-encoding", "identity"),
            ("notion-version", "2022-06-28"),
            ("if-none-match", "\"1\""),
            ("content-type", "application/json"),
        ]);
        assert_eq!(onward(&given, false, &[]), expected);
        for (name, value) in [("accept-encoding", "gzip"), ("range", "bytes=8-15"), ("if-range", "\"1\"")] {
            assert_eq!(onward(&given, true, &[]).get(name).map(HeaderValue::as_bytes), Some(value.as_bytes()), "{name}");
        }
    }

    #[test]
    fn l12_what_speaks_about_us_does_not_come_back() {
        let given = map(&[
            ("set-cookie", "session=1"),
            ("www-authenticate", "Bearer"),
            ("access-control-allow-origin", "*"),
            ("strict-transport-security", "max-age=1"),
            ("clear-site-data", "\"*\""),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("x-accel-redirect", "/etc/passwd"),
            ("location", "https://evil.example/"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("x-echo", "the token is t0k3n"),
            ("content-type", "application/json"),
            ("fitbit-rate-limit-remaining", "149"),
            ("etag", "\"1\""),
        ]);
        let kept = back(&given, |value| value.as_bytes().ends_with(b"t0k3n"));
        assert_eq!(kept, map(&[("content-type", "application/json"), ("fitbit-rate-limit-remaining", "149"), ("etag", "\"1\"")]));
    }
}

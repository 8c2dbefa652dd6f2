//! Which headers go on, and which come back.
//!
//! APIs have headers of their own, so both are lists of what is left out: what belongs to one connection (RFC 9110 §7.6.1), credentials, claims
//! about who is asking or for what, and, on the way back, what speaks to browsers about *our* address.

use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{Method, StatusCode};

use super::location;
use crate::guard::HEADERS_SET;
use crate::problem::Problem;

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
    "refresh",
    // Addresses that nobody here has made ones of ours.
    "link-template",
    "strict-transport-security",
    "expect-ct",
    "alt-svc",
    "surrogate-control",
    "edge-control",
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

/// What is answered to whoever has a key is kept by nobody, whatever the provider thinks of it: nor by the one cache that it may name, in front of ours
/// (RFC 9213: `CDN-Cache-Control`).
const NOT_BACK_ENDING: &str = "cache-control";

/// Room for what a call is given on its way: the authorization, who asks, where to.
const OURS: usize = 4;

/// Room for what an answer is given: whose it is, a policy, where it leads; and what every answer says.
const OURS_BACK: usize = 3 + HEADERS_SET;

/// Whether a program wants to speak what is no HTTP. What offers another version of it, or TLS, is an offer alone, which a server may pass over (RFC 9110
/// §7.8): Java's client makes it with every request in clear.
pub(super) fn wants_another_protocol(given: &HeaderMap) -> bool {
    let is_offer = |protocol: &str| {
        let name = protocol.split('/').next().unwrap_or_default().trim();
        ["h2c", "http", "tls"].iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    given.get_all(UPGRADE).iter().any(|value| !value.to_str().is_ok_and(|value| value.split(',').all(is_offer)))
}

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

/// Refuses an answer whose body is in a form in which nothing can be found, for whoever must not see what may be in it; and for everybody one in a form that
/// the way here was to undo.
pub(super) fn judge_coding(method: &Method, status: StatusCode, headers: &HeaderMap, sees_token: bool) -> Result<(), Problem> {
    if has_no_body(method, status, headers) {
        return Ok(());
    }
    let misbehaved = |detail| Problem::new(StatusCode::BAD_GATEWAY, "provider-misbehaved", detail);
    // RFC 9112 §7.4: what is not in `TE` must not be sent. The header ends here, and nothing would say any more what the body is.
    if has_coding(headers, &TRANSFER_ENCODING, &["identity", "chunked"]) {
        let detail =
            "The provider packed its answer for the way (Transfer-Encoding), which it was not asked to: what is in it cannot be read.";
        return Err(misbehaved(detail).hint("tell the provider, or whoever runs the server in front of it"));
    }
    if !sees_token && has_coding(headers, &CONTENT_ENCODING, &["identity"]) {
        let detail = "The provider compressed its answer, though it was asked not to: a token in it could not be masked.";
        return Err(misbehaved(detail).hint("use a key that may see the token, if it may; and tell the provider"));
    }
    Ok(())
}

/// Where it has none, its headers say how it would have come (RFC 9110 §8.6, RFC 9112 §6.3).
fn has_no_body(method: &Method, status: StatusCode, headers: &HeaderMap) -> bool {
    let is_empty = || headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0") && !headers.contains_key(TRANSFER_ENCODING);
    *method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) || is_empty()
}

/// Whether a list of codings has another one than these.
fn has_coding(headers: &HeaderMap, name: &HeaderName, others: &[&str]) -> bool {
    let codings = headers.get_all(name).into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_other = |coding: &[u8]| coding.is_empty() || others.iter().any(|other| coding.eq_ignore_ascii_case(other.as_bytes()));
    codings.map(<[u8]>::trim_ascii).any(|coding| !is_other(coding))
}

/// A provider's headers, as they are sent back. One whose value `reveals` something is left out, and one that [leads](location::leads) somewhere is for others
/// to judge.
pub(super) fn back(given: &HeaderMap, sees_token: bool, reveals: impl Fn(&HeaderValue) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(given.len() + OURS_BACK);
    let named = named_by_connection(given);
    for (name, value) in given {
        let text = name.as_str();
        // RFC 9112 §6.3: where there are chunks, a length says nothing.
        let is_untrue = *name == CONTENT_LENGTH && given.contains_key(TRANSFER_ENCODING);
        // Nor is it true of us that parts can be asked for, where `Range` is not sent on.
        let is_untrue = is_untrue || *name == ACCEPT_RANGES && !sees_token;
        let is_left_out = is_untrue || text.ends_with(NOT_BACK_ENDING) || location::leads(name) || is_in(text, NOT_BACK, NOT_BACK_FAMILIES);
        if !is_left_out && !named.contains(&text) && !reveals(value) {
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
            ("cdn-cache-control", "max-age=600"),
            ("vercel-cdn-cache-control", "max-age=600"),
            ("surrogate-control", "max-age=600"),
            ("edge-control", "max-age=600"),
            ("x-accel-redirect", "/etc/passwd"),
            ("location", "https://evil.example/"),
            ("link", "<https://evil.example/>; rel=next"),
            ("link-template", "\"https://evil.example/{id}\"; rel=item"),
            ("content-location", "https://evil.example/"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("x-echo", "the token is t0k3n"),
            ("content-type", "application/json"),
            ("fitbit-rate-limit-remaining", "149"),
            ("etag", "\"1\""),
        ]);
        let kept = back(&given, false, |value| value.as_bytes().ends_with(b"t0k3n"));
        assert_eq!(kept, map(&[("content-type", "application/json"), ("fitbit-rate-limit-remaining", "149"), ("etag", "\"1\"")]));
    }
}

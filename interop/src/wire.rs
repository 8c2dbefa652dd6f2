//! The core over the plain client: what `keyfob-proto` wants sent is sent byte for byte, and nothing of Keyfob's own transport
//! stands between it and a peer.

use std::time::{SystemTime, UNIX_EPOCH};

use keyfob_proto::{Outgoing, Timestamp};

use crate::http::{self as plain, Answer};

/// Sends what the core wants sent.
///
/// # Panics
/// If nobody answers.
pub fn send(request: &Outgoing) -> http::Response<Vec<u8>> {
    let request = request.clone().into_http();
    let (parts, body) = request.into_parts();
    response(&call(&parts, &body))
}

/// Sends an API call.
///
/// # Panics
/// If nobody answers.
pub fn call(parts: &http::request::Parts, body: &[u8]) -> Answer {
    let headers: Vec<(&str, &str)> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("visible characters"))).collect();
    let url = parts.uri.to_string();
    plain::send(parts.method.as_str(), &url, &headers, body).unwrap_or_else(|problem| panic!("{} {url}: {problem}", parts.method))
}

/// A request to sign, or to attach a token to.
///
/// # Panics
/// If it is none.
pub fn parts(method: &str, url: &str, content_type: Option<&str>) -> http::request::Parts {
    let mut request = http::Request::builder().method(method).uri(url);
    if let Some(kind) = content_type {
        request = request.header("content-type", kind);
    }
    request.body(()).expect("a request").into_parts().0
}

/// What time it is.
///
/// # Panics
/// Before 1970.
pub fn now() -> Timestamp {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    Timestamp::from_unix(i64::try_from(seconds).expect("before the end of time"))
}

/// The operating system's randomness.
///
/// # Panics
/// If it has none.
pub fn entropy(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("entropy");
}

fn response(answer: &Answer) -> http::Response<Vec<u8>> {
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(answer.body.clone()).expect("an answer")
}

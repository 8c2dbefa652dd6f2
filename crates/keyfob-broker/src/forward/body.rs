//! A program's body, ready to be sent on: nothing, a few bytes that can be sent again, or a stream.

use axum::body::Body as Incoming;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use keyfob::Session;
use keyfob::proto::{Attach, Flow};
use keyfob::session::CallBody;

use super::steady::{self, Watch};
use crate::problem::Problem;

/// A body of up to so many bytes is kept until the answer is there: after "expired" it is sent once more.
const KEPT: u64 = 64 * 1024;

/// A form that is signed (RFC 5849 §3.4.1.3), or that the token goes into (RFC 6750 §2.2), has to be here as a whole.
const LARGEST_FORM: u64 = 1 << 20;

/// The longest body.
pub(super) const LARGEST: u64 = 1 << 30;

/// The body, and who watches over it.
pub(super) async fn ready(headers: &HeaderMap, body: Incoming, session: &Session) -> Result<(CallBody, Watch), Problem> {
    let length = body.size_hint().exact();
    if length == Some(0) {
        return Ok((CallBody::None, Watch::default()));
    }
    let settings = session.settings();
    let needs_all = is_form(headers) && (matches!(settings.flow, Flow::OAuth1(_)) || matches!(settings.api.attach, Attach::Body(_)));
    let keeps = length.is_some_and(|length| length <= KEPT);
    if length.is_some_and(|length| length > if needs_all { LARGEST_FORM } else { LARGEST }) {
        return Err(too_large());
    }
    let (body, watch) = steady::request(body, if needs_all { LARGEST_FORM } else { LARGEST });
    if !needs_all && !keeps {
        return Ok((CallBody::Stream(body), watch));
    }
    let most = usize::try_from(LARGEST_FORM).unwrap_or(usize::MAX);
    match body.bytes(most).await {
        Ok(bytes) if bytes.is_empty() => Ok((CallBody::None, watch)),
        Ok(bytes) => Ok((CallBody::Bytes(bytes), watch)),
        Err(_) => Err(watch.problem().unwrap_or_else(|| Problem::bad_request("body", "The body was cut off."))),
    }
}

pub(super) fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is larger than is forwarded.")
}

fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

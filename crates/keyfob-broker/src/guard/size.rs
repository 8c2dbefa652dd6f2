//! How large a request's head may be (L16). What reads requests has a measure of its own, and its answer to what is larger has none of our headers (L6): so
//! it is let have more, and what is over ours is refused here, like everything else.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::failure::Failure;
use crate::problem::Problem;

/// A callback with a long code, and cookies.
pub(crate) const LARGEST_HEAD: usize = 32 * 1024;

/// Headers in it.
pub(crate) const MOST_HEADERS: usize = 64;

/// The answer, 431, to a head that is too large.
pub(super) fn refuses(request: &Request) -> Option<Response> {
    /// Between name and value, and at the end of the line.
    const AROUND: usize = 4;
    let headers = request.headers();
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let size = headers.iter().fold(target, |size, (name, value)| size + name.as_str().len() + value.len() + AROUND);
    if headers.len() <= MOST_HEADERS && size <= LARGEST_HEAD {
        return None;
    }
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let text = "The head of this request is larger than any of ours, or has more headers. Nothing was done.";
    Some(match crate::router::is_read_by_programs(request.uri().path()) {
        true => Problem::new(status, "head-too-large", text).into_response(),
        false => Failure::plain(status, "Too much", text).into_response(),
    })
}

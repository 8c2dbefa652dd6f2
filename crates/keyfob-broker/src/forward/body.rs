//! A program's body, ready to be sent on: nothing, a few bytes that can be sent again, or a stream.

use axum::body::Body as Incoming;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use keyfob::Session;
use keyfob::session::CallBody;

use super::holder::Holder;
use super::steady::{self, Watch};
use super::{batch, fields};
use crate::problem::Problem;

/// A body of up to so many bytes is kept until the answer is there: after "expired" it is sent once more.
const KEPT: u64 = 64 * 1024;

/// A form has to be here as a whole: its fields are judged, some are signed (RFC 5849 §3.4.1.3), and into some the token goes (RFC 6750 §2.2). So has JSON whose
/// members are.
const LARGEST_FORM: u64 = 1 << 20;

/// The longest body.
pub(super) const LARGEST: u64 = 1 << 30;

/// By what a body is judged.
pub(super) struct Judge<'a> {
    pub(super) method: &'a Method,
    /// Those that go with it, and not those that it came with: what is left out on the way says nothing there.
    pub(super) headers: &'a HeaderMap,
    pub(super) session: &'a Session,
    pub(super) overrides: &'a [String],
    /// Fields of these names it must not have.
    pub(super) carriers: &'a [String],
    /// Whoever may use every method may write one into JSON, too; and then JSON streams.
    pub(super) may_all: bool,
}

impl Judge<'_> {
    /// The body, and who watches over it, for as long as this holder may send one.
    pub(super) async fn ready(&self, body: Incoming, holder: impl FnOnce() -> Holder) -> Result<(CallBody, Watch), Problem> {
        let Self { method, headers, session, overrides, carriers, may_all } = *self;
        let length = body.size_hint().exact();
        if length == Some(0) {
            return Ok((CallBody::None, Watch::default()));
        }
        let (form, json) = (is_form(method, headers), !may_all && *method == Method::POST && is_json(headers));
        let carries = !carriers.is_empty() && is_json(headers);
        let needs_all = form || json || carries;
        if needs_all && headers.contains_key(CONTENT_ENCODING) {
            // Some servers unpack it, and read fields that nobody here has seen.
            return Err(Problem::bad_request("body", "A body that is compressed cannot be judged.").hint("send it as it is"));
        }
        let keeps = length.is_some_and(|length| length <= KEPT);
        if length.is_some_and(|length| length > if needs_all { LARGEST_FORM } else { LARGEST }) {
            return Err(too_large());
        }
        let (body, watch) = steady::request(body, if needs_all { LARGEST_FORM } else { LARGEST }, holder());
        if !needs_all && !keeps {
            return Ok((CallBody::Stream(body), watch));
        }
        let most = usize::try_from(LARGEST_FORM).unwrap_or(usize::MAX);
        match body.bytes(most).await {
            Ok(bytes) if bytes.is_empty() => Ok((CallBody::None, watch)),
            Ok(bytes) => {
                if form {
                    fields::judge(&bytes, fields::Place::Body, session, overrides)?;
                    batch::judge_form(&bytes, carriers)?;
                }
                if json {
                    fields::judge_json(&bytes, overrides)?;
                }
                if carries {
                    batch::judge_json(&bytes, carriers)?;
                }
                Ok((CallBody::Bytes(bytes), watch))
            }
            Err(_) => Err(watch.problem().unwrap_or_else(steady::cut_off)),
        }
    }
}

pub(super) fn too_large() -> Problem {
    let detail = "The body is larger than is forwarded: 1 GiB, and 1 MiB of what is read as a whole, a form or JSON that is judged.";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
        .hint("if it is no form, say what it is: Content-Type: application/octet-stream (curl says that it is one unless it is told)")
}

/// Whether a server may take it for a form: Rack does so with a POST that does not say what it is.
fn is_form(method: &Method, headers: &HeaderMap) -> bool {
    let mut types = media_types(headers).peekable();
    (*method == Method::POST && types.peek().is_none()) || types.any(|name| name.is_empty() || name == "application/x-www-form-urlencoded")
}

/// Whether a server may take it for one in parts.
pub(super) fn is_multipart(headers: &HeaderMap) -> bool {
    media_types(headers).any(|name| name.starts_with("multipart/"))
}

/// Whether a server may take it for JSON. Laravel asks no more than this.
fn is_json(headers: &HeaderMap) -> bool {
    media_types(headers).any(|name| name.contains("/json") || name.contains("+json"))
}

/// Refuses a type that servers read differently: with a byte beyond ASCII in it, one sees no type at all, and another all that stands before.
pub(super) fn judge_type(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get_all(CONTENT_TYPE).into_iter().all(|value| value.to_str().is_ok()) {
        return Ok(());
    }
    Err(Problem::bad_request("content-type", "Content-Type has a byte in it that is no ASCII; what the body is cannot be judged.")
        .hint("write the type as RFC 9110 §8.3.1 has it, such as application/json; a parameter beyond ASCII goes without"))
}

/// What the body is said to be. Of several headers a server may take any, and so may it of several types in one; what cannot be read is empty. PHP takes a
/// blank for the end of a type, as it does a semicolon.
fn media_types(headers: &HeaderMap) -> impl Iterator<Item = String> + '_ {
    let values = headers.get_all(CONTENT_TYPE).into_iter().map(|value| value.to_str().unwrap_or_default());
    let types = values.flat_map(|value| value.split(','));
    types.map(|value| value.trim().split([';', ' ', '\t']).next().unwrap_or_default().to_ascii_lowercase())
}

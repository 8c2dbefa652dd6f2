//! What a program gets when something does not work (RFC 9457): a status, a word that programs can look for, a sentence, and what to do next.

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use keyfob::proto::{self, TransportKind};
use keyfob::{Error, StoreError};
use serde_json::json;

use crate::failure::{Failure, IN_CLEAR, Outcome, not_just_now, sentence, without_command};

/// What to do where only a person can.
const LOG_IN: &str = "its owner logs in again, on its page";

/// An answer that says what is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// The same in every version, for programs.
    pub(crate) code: &'static str,
    /// A sentence.
    detail: String,
    hint: Option<Box<str>>,
    /// In seconds.
    retry_after: Option<u64>,
    /// What the header says that its status wants: `WWW-Authenticate` with 401, `Allow` with 405.
    wanted: Option<&'static str>,
    /// What whoever runs this wants to know of it, and nobody else: for the log.
    note: Option<Box<str>>,
    /// Whether the book has it, and under which name; if not, the log has to.
    is_booked: bool,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), hint: None, retry_after: None, wanted: None, note: None, is_booked: false }
    }

    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// There is no such account, or it is somebody else's: whoever asks learns nothing of the difference.
    pub(crate) fn nowhere() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here for this key.")
    }

    /// A program's path that names no account, or goes on behind what there is.
    pub(crate) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing at this path.")
            .hint("calls go to /api/ACCOUNT/PATH, tokens come from /token/ACCOUNT")
    }

    /// For another name than ours.
    pub(crate) fn misdirected(ours: &str) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", "This program answers to one address only.").hint(format!("ask {ours}"))
    }

    /// For a name, where only an address is answered.
    pub(crate) fn named() -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "misdirected",
            "This port answers whoever asks by an address; the Host of this request is a name.",
        )
        .hint("ask by an IP address or localhost, such as Host: 127.0.0.1")
    }

    /// By plain http, as a proxy says, where there is https.
    pub(crate) fn in_clear(hint: String) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", IN_CLEAR).hint(hint)
    }

    pub(crate) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).hint("the log of this program says why")
    }

    /// RFC 6750 §3: without a key there is no error in the challenge.
    pub(crate) fn unauthorized(code: &'static str, detail: impl Into<String>) -> Self {
        let challenge = if code == "key-missing" { "Bearer realm=\"keyfob\"" } else { "Bearer realm=\"keyfob\", error=\"invalid_token\"" };
        Self { wanted: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, code, detail) }
    }

    /// RFC 9110 §15.5.6: with the methods that there are.
    pub(crate) fn not_allowed(allowed: &'static str, detail: impl Into<String>) -> Self {
        Self { wanted: Some(allowed), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail) }
    }

    pub(crate) fn too_many(after: std::time::Duration) -> Self {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        let detail = "This key was used more often than it may.";
        Self { retry_after: Some(seconds.max(1)), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate", detail) }
    }

    /// Whichever key it is: this address asks too often, or with keys that are none.
    pub(crate) fn too_many_from_here(after: std::time::Duration) -> Self {
        Self { detail: "There were too many requests from this address.".into(), ..Self::too_many(after) }
    }

    /// It is worth another try after so many seconds.
    pub(crate) fn again_in(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into().into_boxed_str()), ..self }
    }

    /// With what the log alone says of it; never a secret.
    pub(crate) fn noted(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into().into_boxed_str()), ..self }
    }

    /// That the book has it: the log need not say it once more.
    pub(crate) fn booked(self) -> Self {
        Self { is_booked: true, ..self }
    }

    pub(crate) fn is_booked(&self) -> bool {
        self.is_booked
    }

    pub(crate) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// From an error of a session, about the account that the caller calls this. They would find nothing by the vault's name for it.
    pub(crate) fn of_account(error: Error, shown: &str) -> Self {
        Self::from_error(&error.about(shown))
    }

    /// The same of a program's call: of what was to be done, and not only read, it says what became of it.
    pub(crate) fn of_call(error: Error, shown: &str, method: &Method) -> Self {
        let outcome = Outcome::of(&error).filter(|_| !method.is_safe());
        let problem = Self::of_account(error, shown);
        let Some(outcome) = outcome else { return problem };
        let problem = Self { detail: format!("{} {}", problem.detail, outcome.told()), ..problem };
        match outcome.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }

    /// From an error that is about no account.
    pub(crate) fn from_error(error: &Error) -> Self {
        if let Some((text, hint)) = not_just_now(error) {
            tracing::warn!(%error, "an account gives nothing for a moment");
            let after = error.retry_after().map_or(5, |left| left.as_secs().max(1));
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "refreshing", text).hint(hint).again_in(after);
        }
        let said = sentence(&error.to_string());
        let problem = match error {
            Error::NoAccount { .. } => return Self::nowhere(),
            // By a name that the caller has not given it, no person and no program would find it.
            Error::NeedsLogin { reason, .. } => {
                let said = sentence(&format!("the account needs a new login: {reason}"));
                return Self::new(StatusCode::CONFLICT, "needs-login", said).hint(LOG_IN);
            }
            Error::AnotherApp { .. } => return Self::new(StatusCode::CONFLICT, "needs-login", said).hint(LOG_IN),
            Error::AnotherLogin { .. } => Self::new(StatusCode::CONFLICT, "another-login", said),
            Error::Unbound { .. } | Error::TakenName { .. } => return Self::forbidden("unbound", said).hint(LOG_IN),
            Error::Store(error) | Error::NotKept { error, .. } => {
                tracing::error!(%error, "the vault cannot be used");
                return Self::unavailable("vault", "The vault cannot be used.");
            }
            Error::Protocol(error) => {
                if is_head_too_large(error) {
                    let said =
                        "The provider's answer has more than 100 headers, or a head of more than 64 KiB: no answer of an API needs that.";
                    return Self::new(StatusCode::BAD_GATEWAY, "provider-misbehaved", said)
                        .hint("tell the provider, or whoever runs the server in front of it");
                }
                let (status, code) = match error {
                    proto::Error::Misuse(_) => (StatusCode::BAD_REQUEST, "misuse"),
                    proto::Error::Transport(error) => match error.kind {
                        TransportKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "provider-slow"),
                        kind => match Outcome::of_transport(kind) {
                            Outcome::NotDone => (StatusCode::BAD_GATEWAY, "provider-unreachable"),
                            Outcome::Unknown => (StatusCode::BAD_GATEWAY, "provider-broke-off"),
                        },
                    },
                    proto::Error::Refused(_) => (StatusCode::BAD_GATEWAY, "provider-refused"),
                    _ => (StatusCode::BAD_GATEWAY, "provider-misbehaved"),
                };
                Self::new(status, code, said)
            }
            _ => Self::new(StatusCode::BAD_GATEWAY, "provider", said),
        };
        match error.hint() {
            Some(hint) => problem.hint(without_command(hint)),
            None => problem,
        }
    }
}

/// Whether an answer came, and its head was more than is taken: nothing is wrong with the connection.
fn is_head_too_large(error: &proto::Error) -> bool {
    std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source())
        .any(|error| error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large))
}

/// What a page would say.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let code = match failure.status {
            StatusCode::NOT_FOUND => "not-found",
            StatusCode::FORBIDDEN => "refused",
            StatusCode::SERVICE_UNAVAILABLE => "vault",
            status if status.is_client_error() => "misuse",
            StatusCode::INTERNAL_SERVER_ERROR => "ours",
            _ => "provider",
        };
        let code = failure.code.unwrap_or(code);
        let problem = Self::new(failure.status, code, format!("{}. {}", failure.title.trim_end_matches('.'), failure.text));
        match failure.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the vault cannot be used");
        Self::unavailable("vault", "The vault cannot be used.")
    }
}

impl Problem {
    /// Says in an answer, if it is a problem, by which name the log knows the request that it came of. The problem, for the log.
    pub(crate) fn name(response: &mut Response, id: &str) -> Option<Self> {
        let problem = response.extensions_mut().remove::<Self>()?;
        // The router has counted it already, for a HEAD.
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = problem.body(Some(id)).into();
        Some(problem)
    }

    fn body(&self, request: Option<&str>) -> String {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut members =
            json!({"type": "about:blank", "title": title, "status": self.status.as_u16(), "code": self.code, "detail": self.detail});
        for (name, said) in [("hint", self.hint.as_deref()), ("request_id", request)] {
            if let Some(said) = said {
                members[name] = said.into();
            }
        }
        members.to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body(None)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(wanted) = self.wanted {
            let name = if self.status == StatusCode::METHOD_NOT_ALLOWED { ALLOW } else { WWW_AUTHENTICATE };
            headers.insert(name, HeaderValue::from_static(wanted));
        }
        // For the guard that knows the request, on the way out.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keyfob::history::Actor;
    use keyfob::proto::Timestamp;

    use super::*;

    #[test]
    fn a_status_brings_the_header_that_it_wants() {
        let response = Problem::not_allowed("GET", "A token is asked for with GET.").into_response();
        assert_eq!((response.status(), response.headers()[ALLOW].as_bytes()), (StatusCode::METHOD_NOT_ALLOWED, &b"GET"[..]));
        let response = Problem::unauthorized("key-missing", "There is no key.").into_response();
        assert!(response.headers().contains_key(WWW_AUTHENTICATE) && !response.headers().contains_key(ALLOW));
    }

    /// Whoever asks over HTTP is on another machine: which process of ours is at it, and what our disk says, is nothing to them.
    #[test]
    fn an_account_that_gives_nothing_for_a_moment_names_no_process_no_host_and_no_command() {
        let account = || "home".to_owned();
        let by = Actor { host: "inner-host".to_owned(), pid: 4321, program: "keyfob".to_owned(), instance: None, kernel: None };
        let since = Timestamp::from_unix(1_790_000_000);
        let store = StoreError::Io("/srv/secret-path is full".to_owned(), std::io::ErrorKind::StorageFull.into());
        for error in [
            Error::Held { account: account(), by: Some(Box::new(by)), since: Some(since) },
            Error::Held { account: account(), by: None, since: None },
            Error::Unsaved { account: account(), since, error: store },
            Error::Stopped { account: account() },
            Error::AskedToWait { account: account(), left: Duration::from_secs(9) },
        ] {
            let problem = Problem::from_error(&error);
            let text = format!("{} {:?}", problem.detail, problem.hint);
            assert_eq!((problem.status, problem.code), (StatusCode::SERVICE_UNAVAILABLE, "refreshing"));
            assert!(problem.detail.contains("home") && problem.hint.is_some() && problem.retry_after.is_some(), "{text}");
            for inner in ["4321", "inner-host", "keyfob refresh", "process", "secret-path"] {
                assert!(!text.contains(inner), "{inner} in {text}");
            }
        }
    }
}

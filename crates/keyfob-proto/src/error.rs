//! What can go wrong, by whose fault: the server said no ([`Refused`]), the server broke its RFC ([`Misbehaved`]), the caller
//! asked for something that cannot be ([`Misuse`]), or the network failed ([`Transport`]).
//!
//! Every error says what was expected and what was found. What a server is to blame for has a hint always, for somebody sits in front of it who cannot
//! change the server; the caller's own mistakes have one where their words do not say it already. None holds a secret:
//! text from a server is scrubbed before it gets in here.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

/// What went wrong, by whose fault.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server understood, and said no.
    Refused(Refused),
    /// The server (or whoever answered in its place) broke its RFC.
    Misbehaved(Misbehaved),
    /// The caller asked for something that cannot be.
    Misuse(Misuse),
    /// The request or its answer did not get through.
    Transport(Transport),
}

impl Error {
    /// Whether a refresh was answered with the tokens of another person, issuer or app (OpenID Connect Core §12.2). None of them may be used, and
    /// the refresh token that was sent is not to be trusted any more.
    pub fn is_another_identity(&self) -> bool {
        matches!(self, Self::Misbehaved(misbehaved) if misbehaved.meaning == Meaning::AnotherIdentity)
    }

    /// What to do next, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(refused) => Some(refused.hint().to_owned()),
            Self::Misbehaved(misbehaved) => Some(misbehaved.hint.clone().unwrap_or_else(|| misbehaved.advice().to_owned())),
            Self::Misuse(misuse) => misuse.hint.clone(),
            Self::Transport(transport) => transport.hint(),
        }
    }

    /// Whether the same request may succeed later, with nothing changed: timeouts, 5xx, 429.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(refused) => match refused.code {
                Code::ServerError | Code::TemporarilyUnavailable | Code::TooManyRequests => true,
                Code::AuthorizationPending | Code::SlowDown => true,
                // A word of the server's own means what its status means.
                Code::Extension(_) => refused.status.is_some_and(later),
                _ => false,
            },
            Self::Misbehaved(misbehaved) => misbehaved.status.is_some_and(later),
            Self::Misuse(_) => false,
            Self::Transport(transport) => {
                matches!(transport.kind, TransportKind::Connect | TransportKind::Timeout | TransportKind::Broken)
            }
        }
    }

    /// How many seconds the server asks to be left alone before the same request may succeed (`Retry-After`), where it says. What it says, up to thousands
    /// of years: whoever waits has a limit of their own.
    pub fn retry_after(&self) -> Option<u64> {
        let told = match self {
            Self::Refused(refused) => refused.retry_after,
            Self::Misbehaved(misbehaved) => misbehaved.retry_after,
            _ => None,
        };
        told.filter(|_| self.is_transient())
    }

    /// With what the answer's headers say about that.
    pub(crate) fn waiting_for(mut self, seconds: Option<u64>) -> Self {
        match &mut self {
            Self::Refused(refused) => refused.retry_after = seconds,
            Self::Misbehaved(misbehaved) => misbehaved.retry_after = seconds,
            _ => {}
        }
        self
    }

    /// Whether a login cannot go on after this: the person (or server) refused *our* request, or it is too old. Everything
    /// else leaves the login alive, so that a stray or hostile callback cannot end it.
    pub fn ends_login(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Misuse(misuse) => misuse.ends_login,
            _ => false,
        }
    }
}

/// Whether a status asks to come back later.
fn later(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Misbehaved(error) => error.fmt(f),
            Self::Misuse(error) => error.fmt(f),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Transport(transport) => transport.source(),
            _ => None,
        }
    }
}

impl From<Refused> for Error {
    fn from(error: Refused) -> Self {
        Self::Refused(error)
    }
}

impl From<Misbehaved> for Error {
    fn from(error: Misbehaved) -> Self {
        Self::Misbehaved(error)
    }
}

impl From<Misuse> for Error {
    fn from(error: Misuse) -> Self {
        Self::Misuse(error)
    }
}

impl From<Transport> for Error {
    fn from(error: Transport) -> Self {
        Self::Transport(error)
    }
}

/// The server understood, and said no.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// What it said, as a typed code.
    pub code: Code,
    /// The status it came with; `None` for a redirect.
    pub status: Option<StatusCode>,
    /// The server's sentence, scrubbed.
    pub description: Option<String>,
    /// A page about it; only if `https`, and never opened by us.
    pub uri: Option<String>,
    /// OAuth 1: what the server named as the reason (`oauth_problem`).
    pub reason: Option<crate::oauth1::Reason>,
    pub(crate) retry_after: Option<u64>,
}

impl Refused {
    pub(crate) fn new(code: Code) -> Self {
        Self { code, status: None, description: None, uri: None, reason: None, retry_after: None }
    }

    fn hint(&self) -> &str {
        if let Some(hint) = self.reason.as_ref().and_then(crate::oauth1::Reason::hint) {
            return hint;
        }
        match &self.code {
            Code::AccessDenied => "nothing was stored; log in again when you want to allow it",
            Code::InvalidGrant => "the code or refresh token is spent, revoked or expired: log in again",
            Code::InvalidClient | Code::UnauthorizedClient => {
                "check the app's id and secret, and that the provider has this app enabled for this flow"
            }
            Code::ExpiredToken => "nobody decided in time: begin the login again",
            Code::InvalidTarget => "ask for a resource that the server knows and the app may have",
            Code::InvalidScope => "ask for scopes the provider knows and the app may have",
            Code::InvalidRequest => "check the redirect URI: it must equal the registered one byte for byte",
            Code::InsufficientScope => "log in again with the scope that is missing",
            Code::ServerError | Code::TemporarilyUnavailable | Code::TooManyRequests => "wait a little and try again",
            Code::Signature => "check the app's secret and this machine's clock",
            Code::AuthorizationPending | Code::SlowDown => "wait: somebody has to say yes first",
            Code::InvalidToken => "the token is spent, revoked or expired: log in again",
            Code::UnsupportedGrantType | Code::UnsupportedResponseType => "this server has no such way to log in: choose another",
            Code::UnsupportedTokenType => "this server revokes no such token: end the authorization at the provider's own page",
            Code::Extension(_) => "the word is the server's own: its documentation says what to do about it",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refused: {}", self.code)?;
        if let Some(status) = self.status {
            write!(f, " (HTTP {})", status.as_u16())?;
        }
        if let Some(description) = &self.description {
            write!(f, ": {description}")?;
        }
        Ok(())
    }
}

impl StdError for Refused {}

/// What a server says when it refuses. RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, and what OAuth 1 servers mean.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// `access_denied`: the person said no.
    AccessDenied,
    /// `authorization_pending`: nobody has decided yet (RFC 8628 §3.5).
    AuthorizationPending,
    /// `expired_token`: nobody decided in time (RFC 8628 §3.5).
    ExpiredToken,
    /// `insufficient_scope`.
    InsufficientScope,
    /// `invalid_client`.
    InvalidClient,
    /// `invalid_grant`.
    InvalidGrant,
    /// `invalid_request`.
    InvalidRequest,
    /// `invalid_scope`.
    InvalidScope,
    /// `invalid_target`: the server will not give tokens for this resource or audience (RFC 8707 §2, RFC 8693 §2.2.2).
    InvalidTarget,
    /// `invalid_token`.
    InvalidToken,
    /// `server_error`.
    ServerError,
    /// `slow_down`: nobody has decided yet, and we ask too often (RFC 8628 §3.5).
    SlowDown,
    /// OAuth 1: the server did not accept the signed request.
    Signature,
    /// `temporarily_unavailable`.
    TemporarilyUnavailable,
    /// HTTP 429.
    TooManyRequests,
    /// `unauthorized_client`.
    UnauthorizedClient,
    /// `unsupported_grant_type`.
    UnsupportedGrantType,
    /// `unsupported_response_type`.
    UnsupportedResponseType,
    /// `unsupported_token_type` (RFC 7009).
    UnsupportedTokenType,
    /// A registered extension code or the server's own; scrubbed.
    Extension(String),
}

impl Code {
    const NAMED: &[(&str, Self)] = &[
        ("access_denied", Self::AccessDenied),
        ("authorization_pending", Self::AuthorizationPending),
        ("expired_token", Self::ExpiredToken),
        ("insufficient_scope", Self::InsufficientScope),
        ("invalid_client", Self::InvalidClient),
        ("invalid_grant", Self::InvalidGrant),
        ("invalid_request", Self::InvalidRequest),
        ("invalid_scope", Self::InvalidScope),
        ("invalid_target", Self::InvalidTarget),
        ("invalid_token", Self::InvalidToken),
        ("server_error", Self::ServerError),
        ("signature_refused", Self::Signature),
        ("slow_down", Self::SlowDown),
        ("temporarily_unavailable", Self::TemporarilyUnavailable),
        ("too_many_requests", Self::TooManyRequests),
        ("unauthorized_client", Self::UnauthorizedClient),
        ("unsupported_grant_type", Self::UnsupportedGrantType),
        ("unsupported_response_type", Self::UnsupportedResponseType),
        ("unsupported_token_type", Self::UnsupportedTokenType),
    ];

    /// The code for a server's text, which must be scrubbed already.
    pub(crate) fn read(text: &str) -> Self {
        let known = Self::NAMED.iter().find(|(name, _)| *name == text);
        known.map_or_else(|| Self::Extension(text.to_owned()), |(_, code)| code.clone())
    }

    /// Where the code is defined; `None` for the server's own.
    pub const fn section(&self) -> Option<&'static str> {
        Some(match self {
            Self::AccessDenied | Self::UnsupportedResponseType => "RFC 6749 §4.1.2.1",
            Self::ServerError | Self::TemporarilyUnavailable => "RFC 6749 §4.1.2.1",
            Self::InvalidClient | Self::InvalidGrant | Self::InvalidRequest | Self::InvalidScope => "RFC 6749 §5.2",
            Self::UnauthorizedClient | Self::UnsupportedGrantType => "RFC 6749 §5.2",
            Self::InsufficientScope | Self::InvalidToken => "RFC 6750 §3.1",
            Self::AuthorizationPending | Self::ExpiredToken | Self::SlowDown => "RFC 8628 §3.5",
            Self::InvalidTarget => "RFC 8707 §2",
            Self::Signature => "RFC 5849 §3.2",
            Self::TooManyRequests => "RFC 6585 §4",
            Self::UnsupportedTokenType => "RFC 7009 §2.2.1",
            Self::Extension(_) => return None,
        })
    }

    /// The code as servers write it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Extension(text) => text,
            named => Self::NAMED.iter().find(|(_, code)| code == named).map_or("", |(name, _)| name),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The server (or whoever answered in its place) broke its RFC.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misbehaved {
    /// The section that was broken, such as `RFC 6749 §5.1`.
    pub section: &'static str,
    /// What was expected.
    pub expected: String,
    /// What was found, scrubbed.
    pub found: String,
    /// The status of the answer, where there was one.
    pub status: Option<StatusCode>,
    /// What to do about it.
    pub hint: Option<String>,
    meaning: Meaning,
    retry_after: Option<u64>,
}

/// What a caller has to know of it beyond its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Nothing.
    Plain,
    /// A moment is wrong, by our own clock.
    Untimely,
    /// There was no key to check with.
    UnknownKey,
    /// None of the keys that may be meant made the signature.
    NoKeysSignature,
    /// A refresh brought somebody else's tokens.
    AnotherIdentity,
    /// It is the answer to another login, or to none: an older page's, as a rule, and no server's fault.
    AnotherLogin,
}

impl Misbehaved {
    pub(crate) fn new(section: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            section,
            expected: expected.into(),
            found: found.into(),
            status: None,
            hint: None,
            meaning: Meaning::Plain,
            retry_after: None,
        }
    }

    /// No key of the set could have made a signature. Not an answer to hold against the server before its keys were fetched again.
    pub(crate) fn unknown_key(found: String) -> Self {
        let wrong = Self::new("RFC 7515 §6", "a signature by one of the server's keys", found)
            .with_hint("the server may have changed its keys; they are fetched again at most once a minute");
        Self { meaning: Meaning::UnknownKey, ..wrong }
    }

    /// Whether no key was there to check a signature with: fetching the key set again may help (OpenID Connect Core §10.1.1).
    pub fn is_unknown_key(&self) -> bool {
        self.meaning == Meaning::UnknownKey
    }

    /// A signature that none of the set's keys made.
    pub(crate) fn made_by_no_key(self) -> Self {
        Self { meaning: Meaning::NoKeysSignature, ..self }
    }

    /// Whether a newer key set may judge otherwise: the key is unknown, or the signature is by none of those that may be meant. A server may give a new key
    /// the name of the old one, or none at all; only a signature that is wrong by the keys of this moment proves anything.
    pub fn wants_newer_keys(&self) -> bool {
        matches!(self.meaning, Meaning::UnknownKey | Meaning::NoKeysSignature)
    }

    /// A token whose time, by our clock, is over or has not begun.
    #[must_use]
    pub(crate) fn by_the_clock(self) -> Self {
        Self { meaning: Meaning::Untimely, ..self }.with_hint("check this machine's clock")
    }

    /// Whether all that is wrong, as far as it was looked at, is a moment by our own clock: a clock that is wrong sees this in every token, and nothing
    /// is proved against whoever made it.
    pub fn is_untimely(&self) -> bool {
        self.meaning == Meaning::Untimely
    }

    /// A refresh was answered with the tokens of another person, issuer or app.
    #[must_use]
    pub(crate) fn of_another_identity(self) -> Self {
        Self { meaning: Meaning::AnotherIdentity, ..self }
    }

    /// An answer that does not name the login that it came to.
    pub(crate) fn another_login(section: &'static str, expected: &'static str) -> Self {
        let wrong = Self::new(section, expected, "another one, or none");
        Self { meaning: Meaning::AnotherLogin, ..wrong }
            .with_hint("take the address of the page that was opened last; or begin the login again")
    }

    /// A login whose scopes include `openid`, and no ID token: said by whoever wants one, since a login without is good OAuth 2.
    pub fn no_id_token() -> Self {
        Self::new("OpenID Connect Core §3.1.3.3", "an id_token, since openid is among the scopes", "an answer without it")
    }

    /// An API's answer is not what it is documented to be.
    pub fn api(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new("its own documentation", expected, found)
    }

    /// What to do, where whoever found it said nothing better: by how the answer came, and by what was broken.
    fn advice(&self) -> &'static str {
        match self.status {
            Some(status) if later(status) => return "the server is in trouble: wait a little and try again",
            Some(status) if status.is_redirection() => {
                return "an answer from elsewhere is not taken: see whether the provider has moved that URL";
            }
            Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE) => {
                return "see in the provider's documentation whether that URL has changed";
            }
            _ => {}
        }
        let is_of = |sections: &[&str]| sections.iter().any(|section| self.section.starts_with(section));
        if is_of(&["its own documentation"]) {
            "the API may have changed: see its documentation"
        } else if is_of(&["RFC 8414", "RFC 9728", "RFC 7033", "OpenID Connect Discovery"]) {
            "nothing of it is believed: see whether the issuer or resource is the right one, and tell whoever runs it"
        } else if is_of(&["RFC 7591", "RFC 7592", "OpenID Connect Registration"]) {
            "the client may exist all the same; register an app by hand, or tell whoever runs the server"
        } else if is_of(&["RFC 6749 §10.12", "RFC 9207", "RFC 6749 §3.1", "RFC 6749 §4.1.2", "RFC 9700"]) {
            "it is not the answer to this login: go on with the page that was opened last, or begin again"
        } else {
            "nothing of it was kept: try once more, and if it stays, show this sentence to whoever runs the server"
        }
    }

    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A deviation that no provider file allowed here.
    pub(crate) fn deviation(deviation: crate::Deviation, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(deviation.section(), expected, found)
            .with_hint(format!("if this provider is known for it, its file can allow it: deviations.{} = \"why\"", deviation.name()))
    }
}

impl fmt::Display for Misbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning {
            Meaning::AnotherLogin => write!(f, "this answer belongs to another login, or to none ({})", self.section)?,
            _ => write!(f, "the server broke {}", self.section)?,
        }
        write!(f, ": expected {}, but found {}", self.expected, self.found)?;
        match self.status {
            Some(status) => write!(f, " (HTTP {})", status.as_u16()),
            None => Ok(()),
        }
    }
}

impl StdError for Misbehaved {}

/// The caller asked for something that cannot be. Never caused by what a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misuse {
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub hint: Option<String>,
    ends_login: bool,
}

impl Misuse {
    /// Expected one thing, found another.
    pub fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into(), hint: None, ends_login: false }
    }

    /// With advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn ending_login(mut self) -> Self {
        self.ends_login = true;
        self
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, but found {}", self.expected, self.found)
    }
}

impl StdError for Misuse {}

/// The request or its answer did not get through. Made by transports.
#[derive(Debug)]
#[non_exhaustive]
pub struct Transport {
    /// What kind of failure.
    pub kind: TransportKind,
    /// Where to: scheme, host and port, never the whole URL.
    pub origin: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Transport {
    /// A failure of this kind, talking to this origin.
    pub fn new(kind: TransportKind, origin: impl Into<String>) -> Self {
        Self { kind, origin: origin.into(), source: None }
    }

    /// With the cause below it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    fn hint(&self) -> Option<String> {
        let advice = match self.kind {
            TransportKind::Connect => "check the network, the host's name, and proxy settings",
            TransportKind::Tls => "check the server's certificate and this machine's clock and certificate store",
            TransportKind::Timeout => "the server may be busy; try again later",
            TransportKind::Broken | TransportKind::TooLarge => "try again; if it stays, something between us and the server is at fault",
            TransportKind::Forbidden => "this program was told to talk to this machine only",
        };
        Some(advice.to_owned())
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            TransportKind::Connect => "could not connect to",
            TransportKind::Tls => "no trusted connection to",
            TransportKind::Timeout => "no answer in time from",
            TransportKind::Broken => "a broken answer from",
            TransportKind::TooLarge => "too large an answer from",
            TransportKind::Forbidden => "not allowed to connect to",
        };
        write!(f, "{what} {}", self.origin)
    }
}

impl StdError for Transport {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Kinds of transport failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportKind {
    /// No connection: name, address, port, proxy.
    Connect,
    /// A connection without trust: certificate, protocol version.
    Tls,
    /// Nothing in time.
    Timeout,
    /// The connection broke, or what came is no HTTP.
    Broken,
    /// More than the cap.
    TooLarge,
    /// Our own policy forbids the address.
    Forbidden,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_whose_fault() {
        let misbehaved = Misbehaved::new("RFC 6749 §5.1", "access_token as text", "a number").with_status(StatusCode::OK);
        assert_eq!(
            Error::from(misbehaved).to_string(),
            "the server broke RFC 6749 §5.1: expected access_token as text, but found a number (HTTP 200)"
        );
        assert_eq!(Error::from(Refused::new(Code::InvalidGrant)).to_string(), "the server refused: invalid_grant");
    }

    #[test]
    fn what_a_server_is_to_blame_for_always_has_a_hint_and_a_section() {
        let own = Code::Extension("out_of_coffee".to_owned());
        for code in Code::NAMED.iter().map(|(_, code)| code).chain([&own]) {
            let hint = Error::from(Refused::new(code.clone())).hint();
            assert!(hint.is_some_and(|hint| hint.len() > 20), "{code}");
            assert_eq!(code.section().is_some(), *code != own, "{code}");
        }
        let sections =
            ["RFC 6749 §5.1", "RFC 6749 §10.12", "RFC 7591 §3.2.1", "RFC 8414 §3.3", "OpenID Connect Core §2", "its own documentation"];
        let statuses = [None, Some(200), Some(302), Some(400), Some(404), Some(429), Some(503)];
        for (section, status) in sections.iter().flat_map(|section| statuses.map(|status| (*section, status))) {
            let mut wrong = Misbehaved::new(section, "this", "that");
            wrong.status = status.and_then(|status| StatusCode::from_u16(status).ok());
            assert!(Error::from(wrong.clone()).hint().is_some_and(|hint| hint.len() > 20), "{wrong}");
            assert_eq!(Error::from(wrong.with_hint("better")).hint().as_deref(), Some("better"), "what was found out goes before");
        }
    }

    #[test]
    fn codes_round_trip() {
        for (name, code) in Code::NAMED {
            assert_eq!(&Code::read(name), code);
            assert_eq!(code.as_str(), *name);
        }
        assert_eq!(Code::read("too_many_connections").as_str(), "too_many_connections");
    }
}

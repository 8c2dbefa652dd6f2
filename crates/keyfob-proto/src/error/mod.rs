//! What can go wrong, by whose fault: the server said no ([`Refused`]), the server broke its RFC ([`Misbehaved`]), the caller
//! asked for something that cannot be ([`Misuse`]), or the network failed ([`Transport`]).
//!
//! Every error says whose fault it is ([`Error::fault`]), what was expected and what was found, by which section ([`Error::section`]), and what to do next
//! ([`Error::hint`]). None holds a secret: text from a server is scrubbed before it gets in here.

mod misbehaved;
mod misuse;
mod refused;
mod transport;

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

pub use self::misbehaved::Misbehaved;
pub use self::misuse::Misuse;
pub use self::refused::{Code, Refused};
pub use self::transport::{Transport, TransportKind};

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

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nobody's: the server understood, and said no.
    Refusal,
    /// The server's, or that of whoever answered in its place.
    Server,
    /// The caller's: what was passed, the provider's settings, the app, the policy that this program was given.
    Caller,
    /// The network's, or of what is between here and the server.
    Network,
}

impl Error {
    /// Whether a refresh was answered with the tokens of another person, issuer or app (OpenID Connect Core §12.2). None of them may be used, and
    /// the refresh token that was sent is not to be trusted any more.
    pub fn is_another_identity(&self) -> bool {
        matches!(self, Self::Misbehaved(misbehaved) if misbehaved.is_another_identity())
    }

    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Refused(_) => Fault::Refusal,
            // The page of an older login, as a rule.
            Self::Misbehaved(misbehaved) if misbehaved.is_of_another_login() => Fault::Caller,
            Self::Misbehaved(_) => Fault::Server,
            Self::Misuse(_) => Fault::Caller,
            Self::Transport(transport) if matches!(transport.kind, TransportKind::Forbidden) => Fault::Caller,
            Self::Transport(_) => Fault::Network,
        }
    }

    /// The section that was broken, or that says what the server's word means. `None` where no RFC has part in it: a server's own word, a rule of our own, the
    /// network.
    ///
    /// ```
    /// # use keyfob_proto::{Endpoint, Error, Fault};
    /// let wrong = Error::from(Endpoint::parse("https://hub.example/token#top").unwrap_err());
    /// assert_eq!((wrong.fault(), wrong.section()), (Fault::Caller, Some("RFC 6749 §3.1")));
    /// ```
    pub fn section(&self) -> Option<&'static str> {
        match self {
            Self::Refused(refused) => refused.code.section(),
            Self::Misbehaved(misbehaved) => Some(misbehaved.section),
            Self::Misuse(misuse) => misuse.section,
            Self::Transport(_) => None,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Refused(refused) => refused.hint().to_owned(),
            Self::Misbehaved(misbehaved) => misbehaved.hint.clone().unwrap_or_else(|| misbehaved.advice().to_owned()),
            Self::Misuse(misuse) => misuse.hint.clone().unwrap_or_else(|| misuse.advice().to_owned()),
            Self::Transport(transport) => transport.hint().to_owned(),
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
            let error = Error::from(Refused::new(code.clone()));
            assert!(error.hint().len() > 20, "{code}");
            assert_eq!((error.fault(), error.section()), (Fault::Refusal, code.section()));
            assert_eq!(code.section().is_some(), *code != own, "{code}");
        }
        let sections =
            ["RFC 6749 §5.1", "RFC 6749 §10.12", "RFC 7591 §3.2.1", "RFC 8414 §3.3", "OpenID Connect Core §2", "its own documentation"];
        let statuses = [None, Some(200), Some(302), Some(400), Some(404), Some(429), Some(503)];
        for (section, status) in sections.iter().flat_map(|section| statuses.map(|status| (*section, status))) {
            let mut wrong = Misbehaved::new(section, "this", "that");
            wrong.status = status.and_then(|status| StatusCode::from_u16(status).ok());
            let error = Error::from(wrong.clone());
            assert!(error.hint().len() > 20, "{wrong}");
            assert_eq!((error.fault(), error.section()), (Fault::Server, Some(section)));
            assert_eq!(Error::from(wrong.with_hint("better")).hint(), "better", "what was found out goes before");
        }
    }

    #[test]
    fn what_a_caller_or_the_network_is_to_blame_for_has_advice() {
        let wrong = Misuse::new("a resource", "none");
        assert_eq!(wrong.to_string(), "expected a resource, but found none");
        assert_eq!(wrong.clone().of("RFC 8707 §2").to_string(), "expected a resource (RFC 8707 §2), but found none");
        let error = Error::from(wrong.clone().of("RFC 8707 §2"));
        assert_eq!((error.fault(), error.section()), (Fault::Caller, Some("RFC 8707 §2")));
        assert!(error.hint().len() > 20);
        assert_eq!(Error::from(wrong.with_hint("better")).hint(), "better");
        let kinds = [TransportKind::Connect, TransportKind::Tls, TransportKind::Timeout, TransportKind::Broken, TransportKind::TooLarge];
        let network = kinds.map(|kind| (kind, Fault::Network));
        for (kind, fault) in network.into_iter().chain([(TransportKind::Forbidden, Fault::Caller)]) {
            let error = Error::from(Transport::new(kind, "https://hub.example"));
            assert_eq!((error.fault(), error.section()), (fault, None));
            assert!(error.hint().len() > 20, "{error}");
        }
        let elsewhere = Error::from(Misbehaved::another_login("RFC 6749 §10.12", "the state of this login"));
        assert_eq!(elsewhere.fault(), Fault::Caller, "nobody is to blame the server for an old page");
    }
}

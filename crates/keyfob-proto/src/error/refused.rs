//! The server understood, and said no: what it says then, and what that means.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

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
    pub(crate) asked: Option<Asked>,
}

/// By which grant that nobody was there for it was asked, where that was so. A byte: errors are no larger for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    ClientCredentials,
    OwnAssertion,
    Refresh,
}

impl Refused {
    pub(crate) fn new(code: Code) -> Self {
        Self { code, status: None, description: None, uri: None, reason: None, retry_after: None, asked: None }
    }

    /// In answer to client credentials: no person, no code and no refresh token had part in it, and the advice is about the app.
    #[must_use]
    pub fn of_client_credentials(self) -> Self {
        Self { asked: Some(Asked::ClientCredentials), ..self }
    }

    /// In answer to an assertion that the app made itself (RFC 7523 §2.1): the advice is about its clock and its key.
    #[must_use]
    pub fn of_own_assertion(self) -> Self {
        Self { asked: Some(Asked::OwnAssertion), ..self }
    }

    /// In answer to a refresh: no code and no redirect URI had part in it.
    pub(crate) fn of_refresh(self) -> Self {
        Self { asked: Some(Asked::Refresh), ..self }
    }

    pub(super) fn hint(&self) -> &str {
        match (self.asked, &self.code) {
            (Some(Asked::ClientCredentials), Code::InvalidScope) => {
                return "ask for scopes that the app itself may have, without a person: keyfob login ACCOUNT --client-credentials --scope SCOPE";
            }
            (Some(Asked::ClientCredentials), Code::InvalidGrant) => {
                return "see whether the provider still has this app and lets it ask for itself, and, where it signs, whether this machine's clock is right";
            }
            (Some(Asked::OwnAssertion), Code::InvalidGrant) => {
                return "see whether this machine's clock is right, and whether the provider still has the app's key and lets it speak for this person";
            }
            (Some(Asked::Refresh), Code::InvalidRequest) => {
                return "its documentation says what it wants of a refresh; some say this, too, of a refresh token that has ended: log in again then";
            }
            _ => {}
        }
        if let Some(hint) = self.reason.as_ref().and_then(crate::oauth1::Reason::hint) {
            return hint;
        }
        match &self.code {
            Code::AccessDenied => "nothing was stored; log in again when you want to allow it",
            Code::InvalidGrant => "the code or refresh token is spent, revoked or expired: log in again",
            Code::InvalidClient | Code::UnauthorizedClient => {
                "check the app's id and secret, and that the provider has this app enabled for this flow: keyfob app add PROVIDER --replace takes them anew"
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
    pub(super) const NAMED: &[(&str, Self)] = &[
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for (name, code) in Code::NAMED {
            assert_eq!(&Code::read(name), code);
            assert_eq!(code.as_str(), *name);
        }
        assert_eq!(Code::read("too_many_connections").as_str(), "too_many_connections");
    }
}

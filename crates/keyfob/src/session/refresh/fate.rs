//! What became of the refresh token, as far as an error tells.

use http::StatusCode;
use keyfob_proto::{Code, Error as ProtoError, TransportKind};

use crate::error::Error;
use crate::grant::Grant;

/// What became of the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The provider says it is worth nothing.
    Refused,
    /// It was not spent: the request did not leave, or the provider said so without acting on it.
    Unspent,
    /// The request may have been carried out, and what came back tells nothing of it.
    Unclear,
    /// The request may have been carried out, and nothing came back at all: worth asking once more, since providers that know of lost
    /// answers give the same answer again for a while.
    Lost,
}

impl Fate {
    /// Of a grant that is made once more no token is spent: a server that does not take it now (the assertion has not begun by its clock, say) may take the next
    /// one, and no person is needed for that.
    pub(super) fn of(error: &Error, grant: &Grant) -> Self {
        match error {
            Error::Protocol(ProtoError::Transport(error)) => match error.kind {
                TransportKind::Connect | TransportKind::Tls | TransportKind::Forbidden => Self::Unspent,
                TransportKind::Timeout | TransportKind::Broken => Self::Lost,
                _ => Self::Unclear,
            },
            // D11: whoever's tokens these are, they are not this account's, and neither is what this refresh token leads to.
            Error::Protocol(error) if error.is_another_identity() => Self::Refused,
            Error::Protocol(ProtoError::Refused(refused)) => match refused.code {
                Code::InvalidGrant if grant.asked_again_as().is_some() => Self::Unspent,
                Code::InvalidGrant => Self::Refused,
                Code::ServerError => Self::Unclear,
                _ => Self::by(refused.status),
            },
            // Also a success that could not be understood: new tokens may have been in it.
            Error::Protocol(ProtoError::Misbehaved(misbehaved)) => match misbehaved.status {
                Some(status) if status.is_success() => Self::Unclear,
                status => Self::by(status),
            },
            _ => Self::Unspent,
        }
    }

    /// What the log says of the token.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unspent => "not spent",
            Self::Unclear => "may be spent",
            Self::Lost => "may be spent: no answer came",
        }
    }

    /// Whether a rotated token may be lost.
    pub(super) fn is_unanswered(self) -> bool {
        matches!(self, Self::Unclear | Self::Lost)
    }

    /// A gateway that gave up waiting says nothing of what went on behind it; 503 says that nothing did.
    fn by(status: Option<StatusCode>) -> Self {
        match status {
            Some(status) if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE => Self::Unclear,
            _ => Self::Unspent,
        }
    }
}

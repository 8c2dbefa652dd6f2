//! Deviations: the named ways in which a server may depart from its RFC.
//!
//! Strict is the default. A provider file allows a deviation by name, with a reason; whenever one was needed, the answer
//! says so ([`Tolerated`]). A few harmless things are always accepted and need no name; the crate's documentation lists them.

use std::collections::BTreeSet;
use std::fmt;

/// A named way in which a server departs from its RFC.
///
/// ```
/// use keyfob_proto::Deviation;
///
/// assert_eq!(Deviation::by_name("scope-array"), Some(Deviation::ScopeArray));
/// assert_eq!(Deviation::ScopeArray.section(), "RFC 6749 §3.3");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Deviation {
    /// OAuth 1: `oauth_callback_confirmed` is present but not `true` (RFC 5849 §2.1), for example `1`.
    CallbackConfirmedOtherwise,
    /// OAuth 1: a denial is told by a redirect that names our token and carries no verifier (RFC 5849 has no denial at all).
    DenialWithoutVerifier,
    /// OAuth 1: the server confirms no callback at all, as before revision A of the protocol.
    CallbackUnconfirmed,
    /// OAuth 2: token errors come as `{"code":"InvalidCredentials","message":…}` instead of `{"error"}` (RFC 6749 §5.2).
    ErrorCode,
    /// OAuth 2: token errors come as `{"errors":[{"errorType","message"}]}` instead of `{"error"}` (RFC 6749 §5.2).
    ErrorsArray,
    /// OAuth 2: the lifetime comes as `expire_in` (RFC 6749 §5.1 says `expires_in`).
    ExpireIn,
    /// OAuth 2: the end of the access token comes as a moment, `expires_at` in Unix seconds or as RFC 3339 has it, and no lifetime (RFC 6749 §5.1 says
    /// `expires_in`). Where it is not allowed, the member is one of those that are not known, and ignored.
    ExpiresAt,
    /// OAuth 2: answers come as a form, `access_token=…&token_type=…` (RFC 6749 §5.1 has JSON); so do errors.
    FormAnswer,
    /// OAuth 2: a registration brings a secret and does not say when it ends (RFC 7591 §3.2.1). Always accepted, since it is then taken for one that does
    /// not end; always reported.
    MissingSecretExpiry,
    /// OAuth 2: the token answer has no `token_type` (RFC 6749 §5.1 requires one).
    MissingTokenType,
    /// OAuth 2: the members of a token answer are further down, in an object that the provider's settings point to (RFC 6749 §5.1 has them at the top).
    NestedTokens,
    /// OAuth 2: a member of a token answer that has no value is `null`, where it should not be there (RFC 6749 §5.1).
    NullMembers,
    /// OAuth 2: the redirect carries a fragment (RFC 6749 §3.1.2), for example `#_=_`.
    RedirectFragment,
    /// Not a server's: a redirect URL was pasted with `https` where `http` on loopback was registered (a browser upgraded it, or the
    /// person did). Always accepted, since the rest of the URL and the state are ours; always reported.
    RedirectScheme,
    /// OAuth 2: a resource's metadata is about a parent of the URL that was called (RFC 9728 §3.3), at the same origin: `https://api.example` for
    /// `https://api.example/v1`. A token for it is good for the parent's other paths, too.
    ResourceParent,
    /// OAuth 2: `scope` is an array (RFC 6749 §3.3 has a string).
    ScopeArray,
    /// OAuth 2: the granted scopes come as `scopes` (RFC 6749 §5.1 says `scope`). Where it is not allowed, the member is one of those that are not known,
    /// and ignored.
    ScopesMember,
    /// OAuth 2: a device authorization answer has `verification_url` (RFC 8628 §3.2 says `verification_uri`).
    VerificationUrl,
}

impl Deviation {
    /// All of them, in the order of their names.
    pub const ALL: &[Self] = &[
        Self::CallbackConfirmedOtherwise,
        Self::CallbackUnconfirmed,
        Self::DenialWithoutVerifier,
        Self::ErrorCode,
        Self::ErrorsArray,
        Self::ExpireIn,
        Self::ExpiresAt,
        Self::FormAnswer,
        Self::MissingSecretExpiry,
        Self::MissingTokenType,
        Self::NestedTokens,
        Self::NullMembers,
        Self::RedirectFragment,
        Self::RedirectScheme,
        Self::ResourceParent,
        Self::ScopeArray,
        Self::ScopesMember,
        Self::VerificationUrl,
    ];

    /// The name a provider file uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallbackConfirmedOtherwise => "callback-confirmed-otherwise",
            Self::CallbackUnconfirmed => "callback-unconfirmed",
            Self::DenialWithoutVerifier => "denial-without-verifier",
            Self::ErrorCode => "error-code",
            Self::ErrorsArray => "errors-array",
            Self::ExpireIn => "expire-in",
            Self::ExpiresAt => "expires-at",
            Self::FormAnswer => "form-answer",
            Self::MissingSecretExpiry => "missing-secret-expiry",
            Self::MissingTokenType => "missing-token-type",
            Self::NestedTokens => "nested-tokens",
            Self::NullMembers => "null-members",
            Self::RedirectFragment => "redirect-fragment",
            Self::RedirectScheme => "redirect-scheme",
            Self::ResourceParent => "resource-parent",
            Self::ScopeArray => "scope-array",
            Self::ScopesMember => "scopes-member",
            Self::VerificationUrl => "verification-url",
        }
    }

    /// The section of the RFC that is departed from.
    pub const fn section(self) -> &'static str {
        match self {
            Self::CallbackConfirmedOtherwise | Self::CallbackUnconfirmed => "RFC 5849 §2.1",
            Self::DenialWithoutVerifier => "RFC 5849 §2.2",
            Self::ErrorCode | Self::ErrorsArray => "RFC 6749 §5.2",
            Self::ExpireIn | Self::ExpiresAt | Self::FormAnswer | Self::MissingTokenType => "RFC 6749 §5.1",
            Self::NestedTokens | Self::NullMembers | Self::ScopesMember => "RFC 6749 §5.1",
            Self::MissingSecretExpiry => "RFC 7591 §3.2.1",
            Self::RedirectFragment | Self::RedirectScheme => "RFC 6749 §3.1.2",
            Self::ResourceParent => "RFC 9728 §3.3",
            Self::ScopeArray => "RFC 6749 §3.3",
            Self::VerificationUrl => "RFC 8628 §3.2",
        }
    }

    /// Finds a deviation by its name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|deviation| deviation.name() == name)
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The deviations a provider file allows. Empty by default: strict.
pub type Deviations = BTreeSet<Deviation>;

/// The deviations that were needed to accept an answer.
pub type Tolerated = BTreeSet<Deviation>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for &deviation in Deviation::ALL {
            assert_eq!(Deviation::by_name(deviation.name()), Some(deviation));
        }
        assert_eq!(Deviation::by_name("anything"), None);
    }
}

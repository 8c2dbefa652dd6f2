//! Deviations: the named ways in which a server may depart from its RFC.
//!
//! Strict is the default. A provider file allows a deviation by name, with a reason; whenever one was needed, the answer
//! says so ([`Tolerated`]). A few harmless things are always accepted and need no name; the crate's documentation lists them.

use std::collections::BTreeSet;
use std::fmt;

/// Makes the type of a list, so that each fact about a deviation stands once, and a page can be made of them.
macro_rules! deviations {
    ($($variant:ident, $name:literal, $section:literal, $about:literal;)*) => {
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
            $(#[doc = $about] $variant,)*
        }

        impl Deviation {
            /// All of them, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name a provider file uses.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The section of the RFC that is departed from.
            pub const fn section(self) -> &'static str {
                match self { $(Self::$variant => $section,)* }
            }

            /// What is tolerated, in a sentence or two (Markdown).
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}

deviations! {
    BasicRaw, "basic-raw", "RFC 6749 §2.3.1",
        "OAuth 2: id and secret go into `Authorization: Basic` as they are, without the encoding that the RFC asks for first. It is what `client_auth = \"basic-raw\"` says, and needs no other word; reported where the encoding would have made a difference.";
    BasicSecret, "basic-secret", "RFC 6749 §2.3.1",
        "OAuth 2: the secret alone goes into `Authorization: Basic`, in the place of the id and as it is, with an empty password; the secret says whose app it is. It is what `client_auth = \"basic-secret\"` says, and needs no other word; always reported.";
    CallbackConfirmedOtherwise, "callback-confirmed-otherwise", "RFC 5849 §2.1",
        "OAuth 1: `oauth_callback_confirmed` is there and is not `true`, but `1`, for example.";
    CallbackUnconfirmed, "callback-unconfirmed", "RFC 5849 §2.1",
        "OAuth 1: the server confirms no callback at all, as before revision A of the protocol. Whoever approved may be somebody else than who is logged in (session fixation).";
    CamelCase, "camel-case", "RFC 6749 §5.1",
        "OAuth 2: the members of a token answer are called `accessToken`, `tokenType`, `expiresIn`, `refreshToken`.";
    DenialWithoutVerifier, "denial-without-verifier", "RFC 5849 §2.2",
        "OAuth 1: a denial is told by a redirect that names our token and carries no verifier. The RFC has no denial at all.";
    ErrorCode, "error-code", "RFC 6749 §5.2",
        "OAuth 2: token errors come as `{\"code\":\"InvalidCredentials\",\"message\":…}` instead of `{\"error\":…}`.";
    ErrorsArray, "errors-array", "RFC 6749 §5.2",
        "OAuth 2: token errors come as `{\"errors\":[{\"errorType\":…,\"message\":…}]}` instead of `{\"error\":…}`.";
    ExpireIn, "expire-in", "RFC 6749 §5.1",
        "OAuth 2: the lifetime comes as `expire_in` instead of `expires_in`.";
    Expires, "expires", "RFC 6749 §5.1",
        "OAuth 2: the lifetime comes as `expires` instead of `expires_in`; 0 says that the token does not end. Where it is not allowed, the member is one of those that are not known, and ignored.";
    ExpiresAt, "expires-at", "RFC 6749 §5.1",
        "OAuth 2: the end of the access token comes as a moment, `expires_at` in Unix seconds (or milliseconds, which no token's end could be mistaken for) or as RFC 3339 has it, and no lifetime `expires_in`; 0 says none. Where it is not allowed, the member is one of those that are not known, and ignored.";
    FormAnswer, "form-answer", "RFC 6749 §5.1",
        "OAuth 2: answers come as a form, `access_token=…&token_type=…`, instead of JSON; so do errors.";
    MissingSecretExpiry, "missing-secret-expiry", "RFC 7591 §3.2.1",
        "OAuth 2: a registration brings a secret and does not say when it ends. Always accepted, since it is then taken for one that does not end; always reported.";
    MissingTokenType, "missing-token-type", "RFC 6749 §5.1",
        "OAuth 2: the token answer has no `token_type`.";
    NestedTokens, "nested-tokens", "RFC 6749 §5.1",
        "OAuth 2: the members of a token answer are not at its top but further down, in an object that the provider's settings point to (`tokens_at`).";
    NoVerifier, "no-verifier", "RFC 5849 §2.2",
        "OAuth 1: the redirect carries no `oauth_verifier`, as before revision A of the protocol. It still has to name our token, but whoever sends somebody else the URL of a login of their own gets that person's account (session fixation): nothing that a client does stops it.";
    NullMembers, "null-members", "RFC 6749 §5.1",
        "OAuth 2: a member of a token answer that has no value is `null`, where it should not be there.";
    OtherTokenType, "other-token-type", "RFC 6749 §7.1",
        "OAuth 2: what is a bearer token is called otherwise in `token_type`: `bot`, for example. The provider's settings say how (`token_type`), and no other word is taken.";
    OwnError, "own-error", "RFC 6749 §5.2",
        "OAuth 2: token errors come in a form of the provider's own, to which its settings point (`token_error`), with whatever status.";
    RedirectFragment, "redirect-fragment", "RFC 6749 §3.1.2",
        "OAuth 2: the redirect carries a fragment, for example `#_=_`.";
    RedirectScheme, "redirect-scheme", "RFC 6749 §3.1.2",
        "Not a server's: a redirect URL was pasted with `https` where `http` on loopback was registered (a browser upgraded it, or the person did). Always accepted, since the rest of the URL and the state are ours; always reported.";
    ResourceParent, "resource-parent", "RFC 9728 §3.3",
        "OAuth 2: a resource's metadata is about a parent of the URL that was called, at the same origin: `https://api.example` for `https://api.example/v1`. A token for it is good for the parent's other paths, too.";
    ScopeArray, "scope-array", "RFC 6749 §3.3",
        "OAuth 2: `scope` is an array instead of text.";
    ScopesMember, "scopes-member", "RFC 6749 §5.1",
        "OAuth 2: the granted scopes come as `scopes` instead of `scope`. Where it is not allowed, the member is one of those that are not known, and ignored.";
    TextAnswer, "text-answer", "RFC 6749 §5.1",
        "OAuth 2: JSON answers say that they are `text/plain`.";
    UnreadLifetime, "unread-lifetime", "RFC 6749 §5.1",
        "OAuth 2: what `expires_in` says can be no lifetime: `-1`, an empty text, `3599.5`. When the token ends is not known then.";
    VerificationUrl, "verification-url", "RFC 8628 §3.2",
        "OAuth 2: a device authorization answer has `verification_url` instead of `verification_uri`.";
    ZeroLifetime, "zero-lifetime", "RFC 6749 §5.1",
        "OAuth 2: `expires_in` is 0 and means that the token does not end. Where it is not allowed, the token has ended already.";
}

impl Deviation {
    /// Whether it is one of OAuth 1, and not of OAuth 2.
    pub const fn is_of_oauth1(self) -> bool {
        matches!(self, Self::CallbackConfirmedOtherwise | Self::CallbackUnconfirmed | Self::DenialWithoutVerifier | Self::NoVerifier)
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
            assert_eq!(deviation.is_of_oauth1(), deviation.about().starts_with("OAuth 1: "), "{deviation}");
        }
        assert_eq!(Deviation::by_name("anything"), None);
        assert!(Deviation::ALL.is_sorted_by_key(|deviation| deviation.name()), "in the order of their names");
    }
}

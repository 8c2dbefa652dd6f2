//! The server broke its RFC: which section, what was expected, what was found, and what a caller has to know beyond that.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use super::later;

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
    pub(super) retry_after: Option<u64>,
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

    /// Whether a refresh was answered so.
    pub(super) fn is_another_identity(&self) -> bool {
        self.meaning == Meaning::AnotherIdentity
    }

    /// An answer that does not name the login that it came to.
    pub(crate) fn another_login(section: &'static str, expected: &'static str) -> Self {
        let wrong = Self::new(section, expected, "another one, or none");
        Self { meaning: Meaning::AnotherLogin, ..wrong }
            .with_hint("take the address of the page that was opened last; or begin the login again")
    }

    pub(super) const fn is_of_another_login(&self) -> bool {
        matches!(self.meaning, Meaning::AnotherLogin)
    }

    /// A login whose scopes include `openid`, and no ID token: said by whoever wants one, since a login without is good OAuth 2.
    pub fn no_id_token() -> Self {
        Self::new("OpenID Connect Core §3.1.3.3", "an id_token, since openid is among the scopes", "an answer without it")
    }

    /// With what the answer says for a person, scrubbed, where it is not in the form that was expected.
    #[must_use]
    pub(crate) fn saying(self, said: &str) -> Self {
        Self { found: format!("{}: {said}", self.found), ..self }
    }

    /// An API's answer is not what it is documented to be.
    pub fn api(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new("its own documentation", expected, found)
    }

    /// What to do, where whoever found it said nothing better: by how the answer came, and by what was broken.
    pub(super) fn advice(&self) -> &'static str {
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
        } else if is_of(&["RFC 6749 §5", "RFC 9396"]) {
            "nothing of it was kept, and what was sent for it may be spent: show this sentence to whoever runs the server"
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

//! The caller asked for something that cannot be.

use std::error::Error as StdError;
use std::fmt;

/// The caller asked for something that cannot be. Never caused by what a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misuse {
    /// The section that says so, such as `RFC 6749 §3.1.2`, where it is not a rule of our own.
    pub section: Option<&'static str>,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub hint: Option<String>,
    pub(super) ends_login: bool,
}

impl Misuse {
    /// Expected one thing, found another.
    pub fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { section: None, expected: expected.into(), found: found.into(), hint: None, ends_login: false }
    }

    /// Settings without an issuer, where somebody has to be named or held against by this section.
    pub fn no_issuer(section: &'static str) -> Self {
        Self::new("an issuer in the provider's settings", "none").of(section).with_hint("name it in the provider's file: endpoints.issuer")
    }

    /// A login that is another client's to finish.
    pub(crate) fn another_clients(section: &'static str) -> Self {
        Self::new("a login that this app began at this provider", "another app's or provider's")
            .of(section)
            .with_hint("finish the login with the app and the provider that it was begun with")
    }

    /// By this section.
    #[must_use]
    pub fn of(mut self, section: &'static str) -> Self {
        self.section = Some(section);
        self
    }

    /// With advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What to do, where whoever found it said nothing better.
    pub(super) fn advice(&self) -> &'static str {
        "correct what is named here, in what was passed or in the provider's settings"
    }

    #[must_use]
    pub(crate) fn ending_login(mut self) -> Self {
        self.ends_login = true;
        self
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)?;
        if let Some(section) = self.section {
            write!(f, " ({section})")?;
        }
        write!(f, ", but found {}", self.found)
    }
}

impl StdError for Misuse {}

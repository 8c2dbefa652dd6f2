//! An access token that is handed out.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use keyfob_proto::{Misuse, Secret, Timestamp, TokenSet};

use super::Known;
use crate::error::Error;

/// An access token, shared with the session it came from: nothing was copied. Reads like the [`Secret`] it is.
#[derive(Clone)]
pub struct Token {
    known: Arc<Known>,
}

impl Token {
    pub(super) fn of(known: Arc<Known>) -> Result<Self, Error> {
        match known.tokens() {
            TokenSet::OAuth2(_) => Ok(Self { known }),
            _ => Err(Misuse::new("an OAuth 2 account", "another one")
                .of("RFC 6749 §1.4")
                .with_hint("an OAuth 1 account signs each request: make the call with the session itself")
                .into()),
        }
    }

    /// When it ends, where that is known.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.known.tokens().expires_at()
    }

    /// The scopes it has.
    pub fn scopes(&self) -> &[String] {
        match self.known.tokens() {
            TokenSet::OAuth2(tokens) => &tokens.scopes,
            _ => unreachable!("only OAuth 2 tokens become a Token"),
        }
    }
}

impl Deref for Token {
    type Target = Secret;

    fn deref(&self) -> &Secret {
        match self.known.tokens() {
            TokenSet::OAuth2(tokens) => &tokens.access,
            _ => unreachable!("only OAuth 2 tokens become a Token"),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires_at", &self.expires_at()).finish_non_exhaustive()
    }
}

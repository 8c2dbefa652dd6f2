//! Which accounts have a token that may be handed out: one that somebody else can use.

use keyfob::Account;
use keyfob::proto::{Misuse, TokenSet};

/// Why an account's token is never handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// OAuth 1: what signs is the secret beside it.
    Signs,
    /// It is bound to a key (RFC 9449), which stays here.
    Bound,
}

impl Kept {
    /// `None`: it may be.
    pub(crate) fn of(account: &Account) -> Option<Self> {
        match &account.tokens {
            TokenSet::OAuth2(tokens) if tokens.proof_key.is_none() => None,
            TokenSet::OAuth2(_) => Some(Self::Bound),
            _ => Some(Self::Signs),
        }
    }

    /// What is to be said of the account.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::Signs => "speaks OAuth 1, which signs every request by itself",
            Self::Bound => "has a token that is bound to a key (RFC 9449), and worth nothing without it",
        }
    }

    /// What to do instead.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::Signs => "make the call with /api/, which signs it",
            Self::Bound => "make the call with /api/, which proves it",
        }
    }
}

/// Whether a key of this account may see the token, where that is wished: a key that could ask for it, and be refused each time, is none.
///
/// # Errors
/// `Misuse` where the account's token is never handed out.
pub fn may_see_token(wished: bool, account: &Account) -> Result<bool, Misuse> {
    match Kept::of(account).filter(|_| wished) {
        None => Ok(wished),
        Some(kept) => Err(Misuse::new("an account whose token can be handed out", format!("one that {}", kept.why()))
            .with_hint(format!("make the key without the token; {}", kept.hint()))),
    }
}

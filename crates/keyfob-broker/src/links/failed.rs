//! Why nothing came of a link when it was tried last: for the app that made it, and for whoever is at its page.

use keyfob::proto::{Code, Error as ProtoError, Timestamp};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, sentence};
use crate::problem::Problem;

/// Why nothing came of it. The link can be used again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) at: Timestamp,
    /// A word: the provider's own, where it has said one (RFC 6749 §4.1.2.1).
    pub(crate) error: String,
    /// The same in sentences.
    pub(crate) reason: String,
}

impl Failed {
    /// Whoever was asked said no.
    pub(crate) fn denied(at: Timestamp) -> Self {
        Self { at, error: Code::AccessDenied.as_str().to_owned(), reason: "Whoever came by the link said no.".to_owned() }
    }

    /// The provider did not let it come to an account.
    pub(crate) fn at_provider(error: &ProtoError, at: Timestamp) -> Self {
        let word = match error {
            ProtoError::Refused(refused) => refused.code.as_str(),
            _ => "provider",
        };
        Self { at, error: word.to_owned(), reason: sentence(&error.to_string()) }
    }

    /// What was approved could not be made an account of.
    pub(crate) fn here(failure: &Failure, at: Timestamp) -> Self {
        Self { at, error: Problem::from(failure.clone()).code.to_owned(), reason: failure.text.clone() }
    }

    pub(crate) fn is_denial(&self) -> bool {
        self.error == Code::AccessDenied.as_str()
    }
}

//! What is drawn for a login: its `state` (RFC 6749 §10.12), and its proof key (RFC 7636 §4.1) where there is one.

use serde::{Deserialize, Serialize};

use crate::encode::LENGTH_OF_256;
use crate::entropy::Draw;
use crate::secret::{Secret, SecretRef, stored};

/// Both in one piece of memory: they are made together, and wiped together when the login goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub(crate) struct Drawn {
    text: Secret,
    /// So long is the state; the rest is the verifier.
    state: usize,
}

/// How they rest.
#[derive(Serialize, Deserialize)]
struct Parts {
    #[serde(with = "stored")]
    state: Secret,
    #[serde(with = "stored::option")]
    verifier: Option<Secret>,
}

impl Drawn {
    // In line, so that it is made where it is to stay.
    #[inline(always)]
    pub(crate) fn new(draw: &mut Draw, with_verifier: bool) -> Self {
        Self { text: draw.tokens(1 + usize::from(with_verifier)), state: LENGTH_OF_256 }
    }

    pub(crate) fn state(&self) -> SecretRef<'_> {
        SecretRef::new(&self.text.expose()[..self.state])
    }

    pub(crate) fn verifier(&self) -> Option<SecretRef<'_>> {
        let verifier = &self.text.expose()[self.state..];
        (!verifier.is_empty()).then(|| SecretRef::new(verifier))
    }
}

impl From<Parts> for Drawn {
    fn from(parts: Parts) -> Self {
        let (state, verifier) = (parts.state.expose(), parts.verifier.as_ref().map_or("", Secret::expose));
        // With room for both from the start: a text that grows leaves a copy behind.
        let mut text = String::with_capacity(state.len() + verifier.len());
        text.push_str(state);
        text.push_str(verifier);
        Self { state: state.len(), text: text.into() }
    }
}

impl From<Drawn> for Parts {
    fn from(drawn: Drawn) -> Self {
        Self { state: drawn.state().to_secret(), verifier: drawn.verifier().map(SecretRef::to_secret) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_as_two_and_comes_back_as_one() {
        for rested in [r#"{"state":"abc","verifier":"defg"}"#, r#"{"state":"abc","verifier":null}"#] {
            let drawn: Drawn = serde_json::from_str(rested).expect("its own");
            assert_eq!(drawn.state().expose(), "abc");
            assert_eq!(drawn.verifier().map(SecretRef::expose), rested.contains("defg").then_some("defg"));
            assert_eq!(serde_json::to_string(&drawn).expect("text"), rested);
            assert!(!format!("{drawn:?}").contains("abc"));
        }
    }
}

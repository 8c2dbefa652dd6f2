//! What only some logins ask for beside scopes: kept where the others need no room for it.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id_token_terms::IdTokenTerms;
use super::rar::AuthorizationDetail;
use crate::secret::{Secret, stored};

/// What a login has beside scopes, if it has any of it. A copy is the same one. Most logins have nothing here, and are handed on in a third of the moves.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Wanted", into = "Wanted")]
pub(crate) struct Special(Option<Arc<Wanted>>);

/// All that there can be of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    pub(crate) resources: Vec<String>,
    pub(crate) authorization_details: Vec<AuthorizationDetail>,
    pub(crate) expected: IdTokenTerms,
    #[serde(with = "stored::option", skip_serializing_if = "Option::is_none")]
    pub(crate) proof_key: Option<Secret>,
}

static NOTHING: Wanted = Wanted { resources: Vec::new(), authorization_details: Vec::new(), expected: IdTokenTerms::NONE, proof_key: None };

impl Deref for Special {
    type Target = Wanted;

    fn deref(&self) -> &Wanted {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl From<Wanted> for Special {
    #[inline]
    fn from(wanted: Wanted) -> Self {
        let Wanted { resources, authorization_details, expected, proof_key } = &wanted;
        let is_nothing = resources.is_empty() && authorization_details.is_empty() && expected.is_none() && proof_key.is_none();
        Self((!is_nothing).then(|| Arc::new(wanted)))
    }
}

impl From<Special> for Wanted {
    fn from(special: Special) -> Self {
        Self::clone(&special)
    }
}

//! Who is known here, when there is a shelf to keep them on.

use std::sync::Arc;

use keyfob_store::Shelf;

/// The id of the person whose vault this is: accounts that the command makes are theirs.
pub(crate) const OWNER: &str = "owner";

/// The people, and their browsers.
#[derive(Debug)]
pub(crate) struct People {
    #[expect(dead_code, reason = "people come next")]
    pub(crate) shelf: Arc<dyn Shelf>,
}

impl People {
    pub(crate) fn new(shelf: Arc<dyn Shelf>) -> Self {
        Self { shelf }
    }
}

/// Somebody who is using a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    /// Their id.
    pub(crate) id: String,
    /// What they are called on pages.
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Use what this browser connects, in this run.
    Guest,
    /// Use accounts of their own.
    #[expect(dead_code, reason = "people come next")]
    Member,
    /// That, and decide who else is here, and what can be connected.
    Owner,
}

//! What a look at everything found, in whatever database.

use keyfob::StoreError;

use crate::rows::is_of_the_record;

/// So many sentences about damage are enough to know what to do.
const MOST_TOLD: usize = 100;

/// What a look at every record of a vault found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// Apps that open.
    pub apps: u64,
    /// Accounts that open.
    pub accounts: u64,
    /// Entries of histories that open.
    pub entries: u64,
    /// Logins under way that open.
    pub logins: u64,
    /// Items of the shelf that open.
    pub items: u64,
    /// Lines of the book that open.
    pub acts: u64,
    /// What is damaged: sentences for the person, at most a hundred. Empty if all is well.
    pub damaged: Vec<String>,
}

impl Checked {
    /// Takes down what is damaged. What is wrong with something else, the disk say, is no finding.
    pub(crate) fn tell(&mut self, error: StoreError) -> Result<(), StoreError> {
        if !is_of_the_record(&error) {
            return Err(error);
        }
        self.tell_of(error.to_string());
        Ok(())
    }

    pub(crate) fn tell_of(&mut self, damage: String) {
        if self.damaged.len() < MOST_TOLD {
            self.damaged.push(damage);
        }
    }
}

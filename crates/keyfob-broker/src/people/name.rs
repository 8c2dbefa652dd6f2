//! What somebody is called on pages, or what they call something of theirs.

use keyfob::proto::scrub::printable;

/// The longest name, in characters.
pub(crate) const LONGEST_NAME: usize = 60;

/// A line of text that says something.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && printable(name) == name
}

/// What is left of a name that an issuer tells, if it says something.
pub(super) fn of_claim(told: &str) -> Option<String> {
    let name: String = printable(told).trim().chars().take(LONGEST_NAME).collect();
    (!name.is_empty()).then_some(name)
}

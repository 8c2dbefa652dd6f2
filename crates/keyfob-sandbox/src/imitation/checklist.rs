//! What a request has to have: each parameter once, with its value where that is known, and nothing that the file gives no reason for.

use crate::message::Pairs;

/// Parameters of a request, as they are ticked off. What is wrong is a sentence.
pub(super) struct Checklist {
    left: Pairs,
}

impl Checklist {
    pub(super) fn of(sent: &Pairs) -> Self {
        Self { left: sent.clone() }
    }

    /// Takes a parameter that has to be there.
    pub(super) fn one(&mut self, name: &str) -> Result<String, String> {
        self.maybe(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    /// Takes one that may be there.
    pub(super) fn maybe(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(at) = self.left.iter().position(|(known, _)| known == name) else { return Ok(None) };
        let (_, value) = self.left.remove(at);
        if self.left.iter().any(|(known, _)| known == name) {
            return Err(format!("{name} is there twice"));
        }
        Ok(Some(value))
    }

    /// Takes one whose value is known.
    pub(super) fn fixed(&mut self, name: &str, value: &str) -> Result<(), String> {
        let found = self.one(name)?;
        if found == value { Ok(()) } else { Err(format!("{name} is not what it has to be")) }
    }

    /// Takes those that the file adds.
    pub(super) fn all<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<(), String> {
        pairs.into_iter().try_for_each(|(name, value)| self.fixed(name, value))
    }

    /// Nothing is left.
    pub(super) fn done(self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => Err(format!("{name} is not a parameter here")),
        }
    }
}

//! Providers that have ended: nobody can log in, so their files have no endpoints; what there is to say is when they ended, and what took their place.

use std::fmt;

use serde::Serialize;

use crate::provider::Source;

/// A provider that has ended, as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gone {
    /// Its name: what is typed (`my-old-hub`).
    pub name: String,
    /// Its name as people write it.
    pub title: String,
    /// Its web page, as it was.
    pub homepage: Option<String>,
    /// What it was, in a sentence.
    pub about: String,
    /// Where the facts are from.
    pub sources: Vec<Source>,
    /// The day of its end, as `yyyy-mm-dd`.
    pub on: String,
    /// What took its place: a provider's name, or a page.
    pub successor: Option<String>,
    /// What a person should know about it.
    pub note: String,
}

impl Gone {
    /// What a search looks through, in lower case. Of one that has ended nobody asks any more how it was called.
    pub fn words(&self) -> String {
        [&self.name, &self.title, &self.about, "retired"].map(|text| text as &str).join(" ").to_lowercase()
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has ended, on {}", self.title, self.on)
    }
}

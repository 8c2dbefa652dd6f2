//! Secrets as canaries: learnt from what went over the line, written in every way that a program might write them, and looked for.

mod learn;
mod spelling;
mod watch;

use std::collections::BTreeSet;
use std::path::Path;

use aho_corasick::AhoCorasick;
pub use learn::learn;
pub use spelling::{SPELLINGS, spellings};
pub use watch::{Seen, Watch};

/// A secret, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Canary {
    /// `access_token`, `code`, `vault key` …
    pub what: String,
    /// The secret.
    pub text: String,
}

impl Canary {
    /// A secret.
    pub fn new(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { what: what.into(), text: text.into() }
    }
}

/// Looks for all canaries in all spellings at once.
pub struct Search {
    needles: Vec<(String, &'static str)>,
    automaton: AhoCorasick,
}

impl Search {
    /// For these.
    ///
    /// # Panics
    /// If one is so short that it would be found by chance.
    pub fn new(canaries: &BTreeSet<Canary>) -> Self {
        let (mut needles, mut patterns) = (Vec::new(), Vec::new());
        for canary in canaries {
            assert!(canary.text.len() >= 10, "too short to be looked for: {canary:?}");
            for (spelling, pattern) in spellings(&canary.text) {
                needles.push((canary.what.clone(), spelling));
                patterns.push(pattern);
            }
        }
        Self { needles, automaton: AhoCorasick::new(patterns).expect("some hundred patterns") }
    }

    /// What is found in these bytes: canary and spelling.
    pub fn of(&self, bytes: &[u8]) -> BTreeSet<(&str, &'static str)> {
        let found = self.automaton.find_overlapping_iter(bytes).map(|found| &self.needles[found.pattern().as_usize()]);
        found.map(|(what, spelling)| (what.as_str(), *spelling)).collect()
    }
}

/// All files below a folder, with their names and what is in them.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&path)),
            // What is renamed away in between is found under its other name.
            Ok(kind) if kind.is_file() => found.extend(std::fs::read(&path).ok().map(|bytes| (path.display().to_string(), bytes))),
            _ => {}
        }
    }
    found
}

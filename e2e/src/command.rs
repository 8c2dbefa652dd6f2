//! Walking with the command: a home of its own, the sandbox, and nothing of the environment of whoever runs the tests.

use std::ops::{Deref, DerefMut};

use keyfob_interop::program::Finished;
use keyfob_interop::{Home, World, http};
use keyfob_sandbox::{Consent, SERVICES};
use serde_json::Value;

use crate::library::REDIRECT_URI;
use crate::person;

/// A person's home on a machine with the pretend providers, who approve everything unless told otherwise.
pub struct House {
    /// The pretend providers.
    pub world: World,
    home: Home,
}

impl House {
    /// A new one.
    pub fn new() -> Self {
        let world = World::start();
        for service in SERVICES {
            world.consent(service, Consent::Approve);
        }
        let mut home = Home::new();
        home.set("KEYFOB_SANDBOX", world.index());
        Self { world, home }
    }

    /// Logs in by what is pasted: the address that the person's browser ended at.
    ///
    /// # Panics
    /// If it does not come to a good end.
    pub fn log_in(&self, name: &str) -> Finished {
        let end = self.paste(name, &[], |url| vec![person::goes_to(url)]);
        assert!(end.success, "{end:#?}");
        end
    }

    /// Begins a login, and pastes what the person brings back from the URL, line by line.
    pub fn paste(&self, name: &str, options: &[&str], person: impl Fn(&str) -> Vec<String>) -> Finished {
        // Nobody listens there, so that tests do not meet at a port that a provider fixes.
        let redirect: &[&str] = if options.contains(&"--pin") { &[] } else { &["--redirect-uri", REDIRECT_URI] };
        let mut login = self.start(&[&["login", name, "--no-browser", "--paste"], redirect, options].concat());
        let url = login.wait_for_note("http://");
        for line in person(&url) {
            login.answer(&line);
        }
        login.finish()
    }

    /// Begins a login, and lets the browser come back to the listener.
    pub fn come_back(&self, name: &str, person: impl Fn(&str) -> Vec<String>) -> (Finished, Vec<u16>) {
        let mut login = self.start(&["login", name, "--no-browser"]);
        let url = login.wait_for_note("http://");
        let statuses = person(&url).iter().map(|address| http::visit(address).status).collect();
        (login.finish(), statuses)
    }

    /// Runs the command, which fails like this.
    ///
    /// # Panics
    /// If it does not.
    pub fn fails(&self, arguments: &[&str], code: i32, words: &[&str]) -> Finished {
        let end = self.run(arguments);
        assert_card(&end, code, words);
        assert!(end.lines.is_empty(), "data of a failure: {end:#?}");
        end
    }

    /// Runs the command, which succeeds, and reads its JSON.
    ///
    /// # Panics
    /// If it fails, or says something else.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.good(arguments).lines.join("\n");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }
}

/// The end is a failure of this code, told by a card of what, why and next that has these words.
///
/// # Panics
/// If not.
pub fn assert_card(end: &Finished, code: i32, words: &[&str]) {
    assert_eq!(end.code, Some(code), "{end:#?}");
    for part in ["error:", "why:", "next:"] {
        assert!(end.errors.lines().any(|line| line.trim_start().starts_with(part)), "no {part} in {end:#?}");
    }
    for word in words {
        assert!(end.errors.contains(word), "no \"{word}\" in {end:#?}");
    }
}

impl Default for House {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for House {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

impl DerefMut for House {
    fn deref_mut(&mut self) -> &mut Home {
        &mut self.home
    }
}

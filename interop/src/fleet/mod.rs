//! A fleet: processes that share accounts of the OpenID Connect peer, each with a vault, sessions and tasks of its own.
//!
//! ```text
//!  test ── orders on stdin ──► member 1 … 8 (this same test binary)
//!    │                            │  session → one vault, on a disk or in a database
//!    └── counts ◄── peer ◄────────┘  refresh tokens that rotate; one used twice ends the grant
//! ```
//!
//! A test file that musters a fleet has a helper test named `member`, which calls [`serve`].

mod base;
mod member;
mod round;

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::time::Duration;

pub use base::Base;
pub use member::serve;
pub use round::{LIFETIME, Round, rounds};
use serde::{Deserialize, Serialize};

use crate::program::PATIENCE;
use crate::{Home, Program};

/// Says what a process of this test binary is a member of: where the vault is.
pub(crate) const PLACE: &str = "KEYFOB_TEST_FLEET";

/// The provider's name; accounts are called `peer/0`, `peer/1` and so on.
pub const PROVIDER: &str = "peer";

/// Members at work. They are killed when this is dropped.
pub struct Fleet {
    members: Vec<Program>,
}

/// What one member did with an order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// How many of its tasks came to a good end.
    pub good: usize,
    /// The access tokens that they ended with: account and fingerprint.
    pub tokens: BTreeSet<String>,
    /// How the others ended.
    pub errors: BTreeSet<String>,
}

impl Fleet {
    /// Starts so many processes of this test binary, on the vault at `place`, with more in their environment. They are all ready when
    /// this returns.
    ///
    /// # Panics
    /// If one does not start.
    pub fn muster(home: &Home, place: &str, members: usize, environment: &[(String, String)]) -> Self {
        Self::muster_behind(&[], home, place, members, environment)
    }

    /// The same behind these words of a command line, which run them elsewhere.
    ///
    /// # Panics
    /// If one does not start.
    pub fn muster_behind(words: &[String], home: &Home, place: &str, members: usize, environment: &[(String, String)]) -> Self {
        let members = (0..members).map(|_| start(words, home.path(), place, environment));
        let mut members: Vec<Program> = members.collect();
        members.iter_mut().for_each(|member| drop(member.wait_for("ready")));
        Self { members }
    }

    /// Gives all members an order at once; waits for all their reports, which are added up.
    ///
    /// # Panics
    /// If one does not report within a minute.
    pub fn all(&mut self, order: &str) -> Report {
        self.begin(order);
        self.end()
    }

    /// The first half of [`Fleet::all`]: something can happen to them while they are at it.
    ///
    /// # Panics
    /// If one does not listen any more.
    pub fn begin(&mut self, order: &str) {
        self.members.iter_mut().for_each(|member| member.answer(order));
    }

    /// The second half.
    ///
    /// # Panics
    /// If one does not report within a minute.
    pub fn end(&mut self) -> Report {
        self.end_within(PATIENCE)
    }

    /// The same for an order that takes longer.
    ///
    /// # Panics
    /// If one does not report in time.
    pub fn end_within(&mut self, patience: Duration) -> Report {
        let mut sum = Report::default();
        for member in &mut self.members {
            let text = member.wait_within("report", patience);
            sum.add(serde_json::from_str(&text).unwrap_or_else(|problem| panic!("{problem}: {text}")));
        }
        sum
    }
}

fn start(words: &[String], folder: &Path, place: &str, environment: &[(String, String)]) -> Program {
    let more = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let environment: Vec<_> = more.chain([(PLACE, place), ("KEYFOB_LOOPBACK_ONLY", "1")]).collect();
    helper(words, folder, "member", &environment)
}

/// A process of this test binary that runs one of its ignored tests, behind these words of a command line.
///
/// # Panics
/// If it does not start.
pub fn helper(words: &[String], folder: &Path, test: &str, environment: &[(&str, &str)]) -> Program {
    let binary = env::current_exe().expect("this binary").display().to_string();
    let arguments = [binary.as_str(), "--exact", test, "--ignored", "--nocapture", "--test-threads=1"];
    let all: Vec<&str> = words.iter().map(String::as_str).chain(arguments).collect();
    Program::start_in(folder, Path::new(all[0]), &all[1..], environment)
}

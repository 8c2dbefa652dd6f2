//! What came out of a torture.

use std::time::{Duration, Instant};

/// What came out of a torture.
#[derive(Debug)]
pub enum Outcome {
    /// It ran.
    Done(Tally),
    /// It could not run on this machine.
    Skipped(Skip),
}

/// Why a torture cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Not for want of a tool, but because the kernel forbids it.
    pub kernel: bool,
    /// In words.
    pub reason: String,
}

impl Skip {
    /// A tool is missing.
    pub fn missing(reason: impl Into<String>) -> Self {
        Self { kernel: false, reason: reason.into() }
    }

    /// The kernel forbids it.
    pub fn kernel(reason: impl Into<String>) -> Self {
        Self { kernel: true, reason: reason.into() }
    }
}

/// The figures.
#[derive(Debug)]
pub struct Tally {
    /// How often it was tried.
    pub rounds: u64,
    /// Vaults that did not open again, or held what was never written: one line each.
    pub corrupt: Vec<String>,
    /// What was acknowledged and not there: one line each.
    pub lost: Vec<String>,
    /// Panics, silent failures, errors of the wrong kind, waits without end: one line each.
    pub wrong: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// How long it took.
    pub took: Duration,
    begun: Instant,
}

impl Tally {
    /// Begins to count.
    #[expect(clippy::new_without_default, reason = "it starts a clock")]
    pub fn new() -> Self {
        Self {
            rounds: 0,
            corrupt: Vec::new(),
            lost: Vec::new(),
            wrong: Vec::new(),
            notes: Vec::new(),
            took: Duration::ZERO,
            begun: Instant::now(),
        }
    }

    /// Ends.
    pub fn done(mut self) -> Outcome {
        self.took = self.begun.elapsed();
        Outcome::Done(self)
    }

    /// Counts what is not as it should be, and says it at once: a long torture may be broken off.
    pub fn blame(&mut self, verdict: Verdict, where_from: &str) {
        let (list, kind, what) = match verdict {
            Verdict::Corrupt(what) => (&mut self.corrupt, "corrupt", what),
            Verdict::Lost(what) => (&mut self.lost, "lost", what),
            Verdict::Wrong(what) => (&mut self.wrong, "wrong", what),
        };
        let line = format!("{where_from}: {}", what.chars().take(400).collect::<String>());
        if list.len() < 100 {
            eprintln!("    {kind}: {line}");
        }
        list.push(line);
    }

    /// Whether nothing was lost, damaged or wrong.
    pub fn is_good(&self) -> bool {
        self.corrupt.is_empty() && self.lost.is_empty() && self.wrong.is_empty()
    }

    /// The lines of everything that was not as it should be.
    pub fn complaints(&self) -> Vec<String> {
        let kinds = [("corrupt", &self.corrupt), ("lost", &self.lost), ("wrong", &self.wrong)];
        kinds.into_iter().flat_map(|(kind, lines)| lines.iter().map(move |line| format!("{kind}: {line}"))).collect()
    }
}

/// What is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The vault does not open, or holds what was never written.
    Corrupt(String),
    /// What was acknowledged is not there.
    Lost(String),
    /// Something else.
    Wrong(String),
}

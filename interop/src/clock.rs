//! A clock that a test turns while other programs run under it: libfaketime, told by a file.

use std::fs;
use std::path::PathBuf;

use crate::tools;

/// A wall clock for other programs. The monotonic clock goes on as it is, as it does when a person sets the time, when a machine wakes
/// up, and when NTP steps.
pub struct Clock {
    library: PathBuf,
    file: tempfile::NamedTempFile,
}

impl Clock {
    /// A clock that is right. `None` after saying that the test is skipped.
    ///
    /// # Panics
    /// If there is no room for it.
    pub fn new() -> Option<Self> {
        let clock = Self { library: tools::faketime()?, file: tempfile::NamedTempFile::new().expect("a file") };
        clock.set("+0");
        Some(clock)
    }

    /// Turns it, for programs that run under it too: `+10y`, `-3600s`, `+30d` from the real time, or `@1970-01-01 00:00:05`, from where it
    /// goes on.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn set(&self, time: &str) {
        // Renamed into place: a program that looks in between must not find half of it.
        let fresh = self.file.path().with_extension("fresh");
        fs::write(&fresh, format!("{time}\n")).and_then(|()| fs::rename(&fresh, self.file.path())).expect("the clock is turned");
    }

    /// What makes a program run under it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let variables = [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.path().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            // What lies on the disk keeps its own times.
            ("NO_FAKE_STAT", "1".to_owned()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

//! What Keyfob must survive without losing a token: processes killed at any moment, power cuts, disks that fail or are full.
//!
//! ```text
//!  cargo xtask torture ──► main.rs ──► kill, cut, sweep, disk, … ──► Tally: rounds, corrupt, acknowledged lost
//!                                        │ starts, hurts, kills          ▲
//!                                        ▼                               │ opens the vault as the next process would
//!                                      child/ (this program again) ──► book.rs: numbered writes, and what a vault holds after each
//! ```
//!
//! The long versions are run by hand (`docs/torture.md` has their figures), the short ones by `tests/short.rs`.

pub mod book;
pub mod chance;
pub mod child;
pub mod cut;
pub mod disk;
pub mod file_size;
pub mod grant;
pub mod ground;
pub mod holder;
pub mod kill;
pub mod limits;
pub mod machine;
mod patient;
pub mod process;
mod series;
pub mod server;
pub mod stub;
pub mod sweep;
pub mod tally;

use std::path::PathBuf;

/// What the tortures run with.
#[derive(Clone, Debug)]
pub struct Rig {
    /// This program, to be started as a child.
    pub program: PathBuf,
    /// The long version?
    pub long: bool,
}

/// A result of the rig itself: its errors are no findings.
pub type Rigged<T> = Result<T, String>;

/// One torture.
pub struct Torture {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// Does it.
    pub run: fn(&Rig) -> Rigged<tally::Outcome>,
}

/// All of them.
pub const TORTURES: &[Torture] = &[
    Torture { name: "kill-stores", about: "kill -9 while storing", run: kill::stores },
    Torture { name: "kill-refreshes", about: "kill -9 while refreshing", run: kill::refreshes },
    Torture { name: "kill-holder", about: "kill -9 of who refreshes, at every step of it", run: holder::killed },
    Torture { name: "stop-holder", about: "SIGSTOP of who refreshes, for longer than others wait", run: holder::stopped },
    Torture { name: "kill-stores-postgres", about: "kill-stores in PostgreSQL", run: kill::stores_in_postgres },
    Torture { name: "kill-refreshes-postgres", about: "kill-refreshes in PostgreSQL", run: kill::refreshes_in_postgres },
    Torture { name: "kill-holder-postgres", about: "kill-holder in PostgreSQL", run: holder::killed_in_postgres },
    Torture { name: "kill-backends", about: "PostgreSQL's processes end while others refresh", run: server::backends },
    Torture { name: "kill-server", about: "PostgreSQL itself is stopped in haste or killed, and started again", run: server::whole },
    Torture { name: "cut-stores", about: "power cuts while storing", run: cut::stores },
    Torture { name: "cut-refreshes", about: "power cuts while refreshing", run: cut::refreshes },
    Torture { name: "sweep-stores", about: "every system call fails in every way, once", run: sweep::stores },
    Torture { name: "sweep-refreshes", about: "the same during a refresh", run: sweep::refreshes },
    Torture { name: "disk-full", about: "a disk with ever less room", run: disk::full },
    Torture { name: "full-refreshes", about: "the same for refreshes", run: disk::full_refreshes },
    Torture { name: "file-size", about: "RLIMIT_FSIZE: writes that are cut short", run: file_size::stores },
    Torture { name: "file-size-refreshes", about: "the same for refreshes", run: file_size::refreshes },
    Torture { name: "read-only", about: "a file system that cannot be written to", run: disk::read_only },
    Torture { name: "open-files", about: "RLIMIT_NOFILE: no file can be opened", run: limits::open_files },
    Torture { name: "taken-away", about: "the vault deleted, its folder made read-only, under a running process", run: limits::taken_away },
];

impl Rig {
    /// How many rounds: few in the short version, many in the long one.
    pub fn rounds(&self, few: u64, many: u64) -> u64 {
        if self.long { many } else { few }
    }

    /// A folder of its own on the disk.
    pub(crate) fn folder(&self) -> Rigged<tempfile::TempDir> {
        tempfile::Builder::new().prefix("keyfob-torture-").tempdir().map_err(|error| format!("no temporary folder: {error}"))
    }
}

//! A vault on a file system that cannot be written to, or has no room left: it is read as it is, without locks, log or shared memory, which would
//! all have to be written beside it.
//!
//! `immutable` tells SQLite that nobody changes the file. The mount that we see cannot; another mount of the same disk could (a container that
//! was given a folder to read), and so could another program as soon as there is room. So each read is followed by a look at the file, and counts
//! only if that is the one that was opened.

use std::io::{Error, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use keyfob::StoreError;
use rusqlite::{Connection, OpenFlags};

use super::database::{self, sql};
use crate::place;

/// A file that stays as it is, and what it was when it was opened.
pub(super) struct Frozen {
    path: PathBuf,
    reason: Reason,
    seen: Seen,
}

/// Why a file cannot be written.
#[derive(Clone, Copy)]
enum Reason {
    /// The file system is mounted read-only.
    ReadOnly,
    /// Not even what readers share, which SQLite keeps in a file beside the vault, finds room on the disk.
    Full,
}

/// Device, inode, length, and when it was last written.
type Seen = (u64, u64, u64, i64, i64);

impl Frozen {
    /// Nothing where the file system can be written to, or there is no vault.
    pub(super) fn of(path: &Path) -> Result<Option<Self>, StoreError> {
        if place::is_on_read_only(path) { Self::seen_as(path, Reason::ReadOnly) } else { Ok(None) }
    }

    /// What can be read all the same, where opening a vault as usual has failed for want of room ([`database::has_no_room`]); else that failure.
    pub(super) fn in_spite_of(error: StoreError, path: &Path) -> Result<Self, StoreError> {
        if database::has_no_room(&error) { Self::seen_as(path, Reason::Full)?.ok_or(error) } else { Err(error) }
    }

    fn seen_as(path: &Path, reason: Reason) -> Result<Option<Self>, StoreError> {
        let Some(seen) = seen(path)? else { return Ok(None) };
        if let Some(log) = log(path)? {
            let why = format!(
                "{} holds what is not in the file yet, and {}: a program was killed that had it open, or has it open elsewhere; {}",
                log.display(),
                reason.of_its_disk(),
                reason.way_out()
            );
            return Err(StoreError::Io(why, reason.kind().into()));
        }
        Ok(Some(Self { path: path.to_owned(), reason, seen }))
    }

    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Connection::open_with_flags(uri(&self.path), flags).map_err(sql)?;
        database::configure(&connection)?;
        Ok(connection)
    }

    /// Whether what was read counts.
    pub(super) fn is_still_so(&self) -> Result<(), StoreError> {
        if seen(&self.path)? == Some(self.seen) && log(&self.path)?.is_none() {
            return Ok(());
        }
        let what = "it was written to while it was open to be read only; start this program again";
        Err(StoreError::Io(self.path.display().to_string(), Error::new(ErrorKind::ResourceBusy, what)))
    }

    /// What a write gets.
    pub(super) fn refusal(&self) -> StoreError {
        let what = format!("{} can be read, and not written: {}", self.path.display(), self.reason.of_its_disk());
        StoreError::Io(what, self.reason.kind().into())
    }

    /// For the person who opens it.
    pub(super) fn warning(&self) -> String {
        format!(
            "{} can only be read, since {}: nothing can be kept there, no refreshed token either",
            self.path.display(),
            self.reason.of_its_disk()
        )
    }
}

impl Reason {
    const fn of_its_disk(self) -> &'static str {
        match self {
            Self::ReadOnly => "its file system is read-only",
            Self::Full => "its disk was full, or a limit was reached, when it was opened",
        }
    }

    /// Where there is a log that would have to be played in first.
    const fn way_out(self) -> &'static str {
        match self {
            Self::ReadOnly => "open it once where it can be written, and close it",
            Self::Full => "what it holds is not lost",
        }
    }

    const fn kind(self) -> ErrorKind {
        match self {
            Self::ReadOnly => ErrorKind::ReadOnlyFilesystem,
            Self::Full => ErrorKind::StorageFull,
        }
    }
}

fn seen(path: &Path) -> Result<Option<Seen>, StoreError> {
    Ok(place::look(path)?.map(|found| (found.dev(), found.ino(), found.len(), found.mtime(), found.mtime_nsec())))
}

/// What SQLite would have to play into the file first.
fn log(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    for suffix in ["-wal", "-journal"] {
        let log = place::with_suffix(path, suffix);
        if place::look(&log)?.is_some_and(|found| found.len() > 0) {
            return Ok(Some(log));
        }
    }
    Ok(None)
}

/// The path, with every byte written out that means something in a URI. Nothing of it can be taken for a parameter.
fn uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use keyfob::Store;
    use keyfob::proto::App;

    use super::*;
    use crate::{KeySource, Vault};

    #[test]
    fn a_path_is_a_path_whatever_is_in_it() {
        assert_eq!(uri(Path::new("/a b/x?mode=rw#y%41/vault.db")), "file:/a%20b/x%3Fmode%3Drw%23y%2541/vault.db?immutable=1");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("it is there").join("odd ?name#%41é").join("vault.db");
        drop(Vault::open(&path, KeySource::beside(&path)).expect("makes a vault"));
        // As on a medium where nobody ever opened it.
        for suffix in ["-wal", "-shm"] {
            drop(std::fs::remove_file(place::with_suffix(&path, suffix)));
        }
        let frozen = Frozen { path: path.clone(), reason: Reason::ReadOnly, seen: seen(&path).expect("looks").expect("it is there") };
        let connection = frozen.connect().expect("opens");
        let tables: i64 = connection.query_row("SELECT count(*) FROM account", (), |row| row.get(0)).expect("reads");
        assert_eq!(tables, 0);
        assert!(connection.execute("DELETE FROM account", ()).is_err());
        frozen.is_still_so().expect("nobody wrote");
        drop(connection);
        let names = std::fs::read_dir(path.parent().expect("a folder")).expect("lists").map(|entry| entry.expect("an entry").file_name());
        assert!(names.into_iter().all(|name| !name.to_string_lossy().ends_with("-shm")), "nothing was made beside it");
        // It is open somewhere, with a log.
        let vault = Vault::open(&path, KeySource::beside(&path)).expect("opens");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(vault.put_app("example", &App::public("example"))).expect("puts");
        assert!(frozen.is_still_so().is_err(), "somebody writes");
        drop(vault);
        assert!(frozen.is_still_so().is_err(), "somebody wrote");
    }

    /// It would have to be moved on first, and cannot.
    #[test]
    fn an_older_vault_is_refused_untouched() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("it is there").join("keyfob").join("vault.db");
        let source = KeySource::beside(&path);
        drop(Vault::open(&path, source.clone()).expect("makes a vault"));
        let frozen = || Frozen { path: path.clone(), reason: Reason::ReadOnly, seen: seen(&path).expect("looks").expect("it is there") };
        let open = || database::open_frozen(&frozen(), &path, |header| source.open(header, &mut Vec::new())).map(drop);
        open().expect("of this version");
        let older = Connection::open(&path).expect("opens");
        let first = include_str!("../../migrations/sqlite/001_vault.sql").split("\n\n");
        let back: String = first.filter(|statement| statement.contains("INDEX account_due")).collect();
        older.execute_batch(&format!("{back} DROP TABLE due; PRAGMA user_version = 2")).expect("goes back");
        older.close().expect("closes");
        let before = std::fs::read(&path).expect("reads");
        let refused = open().expect_err("it is older");
        assert!(matches!(&refused, StoreError::Io(_, why) if why.kind() == ErrorKind::ReadOnlyFilesystem), "{refused:?}");
        assert!(std::fs::read(&path).expect("reads") == before);
    }
}

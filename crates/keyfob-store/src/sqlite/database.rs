//! The SQLite file: made whole, opened with care, never changed before it is known to be ours and sound.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use keyfob::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction};

use super::frozen::Frozen;
use crate::header::{self, Header};
use crate::place::{self, Fresh};
use crate::seal::Sealer;

/// In the file's header: "KFOB".
const APPLICATION_ID: i32 = 0x4B46_4F42;

/// Each takes a vault from the version of its index to the next; `user_version` says which were applied.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/001_vault.sql"),
    include_str!("../../migrations/sqlite/002_shelf.sql"),
    include_str!("../../migrations/sqlite/003_due.sql"),
];

/// What the tables come to after each migration ([`fingerprint`]): to make them in memory each time, to compare with, would take as long as the rest of opening a
/// small vault.
const SCHEMAS: [&str; MIGRATIONS.len()] = [
    "cadfd4fd5b29e277ad844ed27fc1f2f6499136c5c87e5a3ed9627b95618bee8e",
    "2d605fd7eaceeadbcd68a56b565d32c7a0c4fcedec5915e4a8a9ef8fe924fda1",
    "faa738d25f0ae249bf87b82f32f2ca2b443937e6c66b7221c01d0a56d20a3e24",
];

/// Up to this length every page and index is looked at when the vault is opened: that takes about a millisecond, and is some hundred accounts.
const CHECKED_WHOLE: u64 = 1 << 20;

/// How long SQLite waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// Whether there is a vault at the path. What others could do with its files is taken away, with a warning.
pub(crate) fn exists(path: &Path, warnings: &mut Vec<String>) -> Result<bool, StoreError> {
    let vault = place::look(path)?;
    if let Some(found) = &vault {
        place::close_to_others(path, found, warnings)?;
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let path = place::with_suffix(path, suffix);
        let Some(found) = place::look(&path)? else { continue };
        place::close_to_others(&path, &found, warnings)?;
        // SQLite would play the old vault's log into a new vault.
        if vault.is_none() && suffix != "-shm" && found.len() > 0 {
            return Err(StoreError::Corrupt(format!(
                "{} is there, and the vault that it belongs to is not; if that has another name now, this has to have the same name with {suffix} after it",
                path.display()
            )));
        }
    }
    Ok(vault.is_some())
}

/// An error where there is no vault; another one where its log was left behind.
pub(crate) fn must_exist(path: &Path) -> Result<(), StoreError> {
    let is_there = || Ok::<_, StoreError>(place::look(path)?.is_some());
    if is_there()? {
        return Ok(());
    }
    let left_behind = exists(path, &mut Vec::new());
    // Somebody may make one at this moment, and write to it: it is there before its log is.
    if is_there()? { Ok(()) } else { left_behind.and(Err(StoreError::Missing(path.display().to_string()))) }
}

/// Makes a vault. It appears whole or not at all, so that an empty file is never a vault that is not finished yet, but a damaged one.
pub(crate) fn create(path: &Path, header: &Header) -> Result<(), StoreError> {
    let fresh = Fresh::beside(path)?;
    let mut connection = connect(fresh.path())?;
    connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(sql)?;
    migrate(&mut connection, 0)?;
    write_header(&connection, header)?;
    use_write_ahead_log(&connection, fresh.path())?;
    connection.close().map_err(|(_, error)| sql(error))?;
    // Under the lock nobody can have been faster; if the lock was taken away from under us, theirs is the vault.
    fresh.publish().map(drop)
}

/// Opens a vault. Until everything is found to be in order, nothing is written, not even at closing.
pub(crate) fn open(
    path: &Path,
    unseal: impl FnOnce(&Header) -> Result<Sealer, StoreError>,
) -> Result<(Connection, Sealer, Header), StoreError> {
    let mut connection = connect(path)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sql)?;
    let (version, sealer, header) = look(&mut connection, path, unseal)?;
    use_write_ahead_log(&connection, path)?;
    migrate(&mut connection, version)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(sql)?;
    Ok((connection, sealer, header))
}

/// Opens a vault that cannot be written.
pub(super) fn open_frozen(
    frozen: &Frozen,
    path: &Path,
    unseal: impl FnOnce(&Header) -> Result<Sealer, StoreError>,
) -> Result<(Connection, Sealer, Header), StoreError> {
    let mut connection = frozen.connect()?;
    let looked = look(&mut connection, path, unseal);
    // What looks damaged may be a file that somebody writes to.
    frozen.is_still_so()?;
    let (version, sealer, header) = looked?;
    // An older one would have to be moved on first.
    if version < MIGRATIONS.len() { Err(frozen.refusal()) } else { Ok((connection, sealer, header)) }
}

/// Finds everything in order, or says what is not.
fn look(
    connection: &mut Connection,
    path: &Path,
    unseal: impl FnOnce(&Header) -> Result<Sealer, StoreError>,
) -> Result<(usize, Sealer, Header), StoreError> {
    // One moment of the file for all of it: the first read fixes what is seen. And each read by itself would take a lock and give it back.
    let reading = connection.transaction().map_err(sql)?;
    let version = version(&reading)?;
    let length = length(&reading)?;
    check_length(length, path)?;
    check_structure(&reading, version, length)?;
    let header = read_header(&reading)?;
    drop(reading);
    let sealer = unseal(&header)?;
    Ok((version, sealer, header))
}

/// What cannot be made beside a vault that is only read.
const NOTHING_SHARED: &str = "there is no room on its disk for what processes share";

/// Whether that came of a disk without room for what SQLite has beside a vault that it only reads. What would have been written is not among it.
pub(super) fn has_no_room(error: &StoreError) -> bool {
    matches!(error, StoreError::Io(what, _) if what == NOTHING_SHARED)
}

/// What an error of SQLite means for the vault.
pub(crate) fn sql(error: rusqlite::Error) -> StoreError {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    match error {
        InvalidColumnType(..) | IntegralValueOutOfRange(..) | FromSqlConversionFailure(..) | Utf8Error(..) => {
            StoreError::Corrupt("a column holds what was never written there".to_owned())
        }
        // The memory that processes share (`-shm`) is made as long as it has to be, before the first read: what keeps it from that is a disk or a quota without room.
        error if error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => {
            no_room(NOTHING_SHARED)
        }
        error => match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => no_room("there is no room left on its disk"),
            // Plain SQLITE_ERROR: our statements are right for our tables, so the file is what is wrong ("unsupported file format").
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) => {
                StoreError::Corrupt("the file is not a sound database".to_owned())
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Io(
                "another process has held it for five seconds".to_owned(),
                io::Error::new(io::ErrorKind::ResourceBusy, error),
            ),
            // The file is ours, and the file system can be written to, or it would not have come to this: what forbids it is the file's own.
            Some(ErrorCode::ReadOnly) => StoreError::Io("the file may not be written".to_owned(), rustix::io::Errno::PERM.into()),
            _ => StoreError::Io("SQLite".to_owned(), io::Error::other(error)),
        },
    }
}

fn no_room(what: &str) -> StoreError {
    StoreError::Io(what.to_owned(), io::ErrorKind::StorageFull.into())
}

pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    // No CREATE: SQLite makes no vault. No URI: a path is a path. The folder was resolved, so NOFOLLOW is about the file alone.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.busy_handler(Some(wait_for_turn)).map_err(sql)?;
    configure(&connection)?;
    Ok(connection)
}

/// What every connection is told.
pub(super) fn configure(connection: &Connection) -> Result<(), StoreError> {
    // The page cache, in KiB, is for a million accounts: the inner pages of table and index fit. It is taken as it is needed.
    // What the file says is data, not program, and what is erased is overwritten.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(sql)?;
    connection
        .execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;",
        )
        .map_err(sql)
}

// Whether what this thread does may wait for another process.
thread_local!(static PATIENT: Cell<bool> = const { Cell::new(true) });

#[cfg(test)]
thread_local!(pub(super) static WAITED: Cell<bool> = const { Cell::new(false) });

/// Does something, on this thread, that ends with an error where another process would have to be waited for.
pub(super) fn without_waiting<R>(work: impl FnOnce() -> R) -> R {
    PATIENT.set(false);
    let done = work();
    PATIENT.set(true);
    done
}

/// SQLite's own handler sleeps for up to a tenth of a second between two looks, and is passed by everybody who comes in between.
fn wait_for_turn(looks: i32) -> bool {
    thread_local!(static SINCE: Cell<Instant> = Cell::new(Instant::now()));
    if !PATIENT.get() {
        return false;
    }
    if looks == 0 {
        SINCE.set(Instant::now());
    }
    #[cfg(test)]
    WAITED.set(true);
    let waited = SINCE.get().elapsed();
    std::thread::sleep(Duration::from_millis(if waited < Duration::from_millis(50) { 1 } else { 3 }));
    waited < BUSY
}

fn use_write_ahead_log(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0)).map_err(sql)?;
    if mode != "wal" {
        return Err(place::io(path)(io::Error::other("the file system gives SQLite no shared memory for its write-ahead log")));
    }
    Ok(())
}

/// Which version wrote it; an error if it was none, or one that is yet to come.
pub(super) fn version(connection: &Connection) -> Result<usize, StoreError> {
    let number = |name| connection.query_row(&format!("PRAGMA {name}"), (), |row| row.get::<_, i32>(0)).map_err(sql);
    if number("application_id")? != APPLICATION_ID {
        return Err(no_vault());
    }
    match usize::try_from(number("user_version")?) {
        Ok(version) if version > MIGRATIONS.len() => {
            Err(StoreError::Newer(format!("its version is {version}, this program knows {}", MIGRATIONS.len())))
        }
        Ok(version) if version > 0 => Ok(version),
        _ => Err(StoreError::Corrupt("the file has no version".to_owned())),
    }
}

/// Whether a file that begins so may be one, as far as the first hundred bytes tell: a database, and none of another program's.
pub(crate) fn begins_a_vault(bytes: &[u8]) -> bool {
    bytes.starts_with(b"SQLite format 3\0") && bytes.get(68..72) == Some(&APPLICATION_ID.to_be_bytes())
}

pub(crate) fn no_vault() -> StoreError {
    StoreError::Corrupt("the file is not a vault, or not any more".to_owned())
}

/// How long the file is by what it says itself, in bytes.
fn length(reading: &Transaction<'_>) -> Result<u64, StoreError> {
    let number = |query| reading.query_row(query, (), |row| row.get::<_, i64>(0)).map_err(sql);
    Ok(number("PRAGMA page_count")?.saturating_mul(number("PRAGMA page_size")?).unsigned_abs())
}

/// A file that lost its tail is no vault, even if only free space was in it. SQLite takes a last page that was cut short for one that ends in
/// zeros. While there is a log, pages may rightly be there that the file has not got yet.
fn check_length(says: u64, path: &Path) -> Result<(), StoreError> {
    // The transaction has read already: while it lasts, and the log is empty, nobody can move the file on.
    let length = |path: &Path| Ok::<_, StoreError>(place::look(path)?.map_or(0, |found| found.len()));
    if length(&place::with_suffix(path, "-wal"))? == 0 && length(path)? < says {
        return Err(StoreError::Corrupt("the file is shorter than it says".to_owned()));
    }
    Ok(())
}

/// Pages and indexes in order (an index that has lost an entry would say that there is no such account), and the tables that version has: no
/// more (a planted trigger could keep a login from being taken), no less. A big vault is not read from one end to the other each time it is
/// opened: SQLite looks at each page that it uses, the seal at each record, and [`check`](super::check) at all of it.
fn check_structure(connection: &Connection, version: usize, length: u64) -> Result<(), StoreError> {
    let parts: &[&str] = if length <= CHECKED_WHOLE { &["1"] } else { &["header", "app"] };
    let verdict = |part: &&str| connection.query_row(&format!("PRAGMA integrity_check({part})"), (), |row| row.get::<_, String>(0));
    let verdicts = parts.iter().map(verdict).collect::<Result<Vec<_>, _>>().map_err(sql)?;
    if let Some(verdict) = verdicts.iter().find(|verdict| is_of_the_disk(verdict)) {
        return Err(StoreError::Io("a page cannot be read".to_owned(), io::Error::other(verdict.clone())));
    }
    let found = fingerprint(connection)?;
    let as_it_was_made = version.checked_sub(1).and_then(|at| SCHEMAS.get(at)).is_some_and(|made| *made == found);
    if verdicts.iter().any(|verdict| verdict != "ok") || !as_it_was_made {
        return Err(StoreError::Corrupt("the file is not a sound database".to_owned()));
    }
    Ok(())
}

/// SQLite tells of a page that the disk did not give among the damage. A sound vault must not be called damaged for that: a person would move
/// it aside.
fn is_of_the_disk(verdict: &str) -> bool {
    const IO_ERROR: i32 = 10;
    let codes = verdict.split("error code=").skip(1);
    let mut codes = codes.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<i32>().ok());
    // Of a list of pages it says no code; a number that is none of a page it calls invalid.
    codes.any(|code| code & 0xff == IO_ERROR) || verdict.contains("failed to get page")
}

pub(super) fn read_header(connection: &Connection) -> Result<Header, StoreError> {
    let read = "SELECT format, vault, cipher, generation, kdf, data_key, checksum FROM header";
    let header = connection.query_row(read, (), |row| {
        Ok(Header {
            format: row.get(0)?,
            vault: row.get(1)?,
            cipher: row.get(2)?,
            generation: row.get(3)?,
            kdf: row.get(4)?,
            data_key: row.get(5)?,
            checksum: row.get(6)?,
        })
    });
    header.optional().map_err(sql)?.ok_or_else(header::damaged)
}

pub(super) fn write_header(connection: &Connection, header: &Header) -> Result<(), StoreError> {
    let write =
        "INSERT OR REPLACE INTO header (only, format, vault, cipher, generation, kdf, data_key, checksum) VALUES (1, ?, ?, ?, ?, ?, ?, ?)";
    let Header { format, vault, cipher, generation, kdf, data_key, checksum } = header;
    connection.execute(write, (format, vault, cipher, generation, kdf, data_key, checksum)).map_err(sql)?;
    Ok(())
}

/// SHA-256 of what the tables are, in hexadecimal digits: type, name, table and SQL of each entry, each with its length before it.
fn fingerprint(connection: &Connection) -> Result<String, StoreError> {
    let mut statement = connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").map_err(sql)?;
    let (mut rows, mut digest) = (statement.query(()).map_err(sql)?, digest::Context::new(&digest::SHA256));
    while let Some(row) = rows.next().map_err(sql)? {
        for column in 0..4 {
            // SQLite's own indexes have no SQL.
            let text = row.get_ref(column).and_then(|value| Ok(value.as_bytes_or_null()?)).map_err(sql)?.unwrap_or_default();
            digest.update(&(text.len() as u64).to_be_bytes());
            digest.update(text);
        }
    }
    Ok(digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn migrate(connection: &mut Connection, from: usize) -> Result<(), StoreError> {
    apply(connection, MIGRATIONS, from)
}

fn apply(connection: &mut Connection, migrations: &[&str], from: usize) -> Result<(), StoreError> {
    for (done, migration) in migrations.iter().enumerate().skip(from) {
        let step = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(sql)?;
        step.execute_batch(migration).map_err(sql)?;
        step.pragma_update(None, "user_version", i64::try_from(done + 1).unwrap_or(i64::MAX)).map_err(sql)?;
        step.commit().map_err(sql)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_the_disk_did_not_give_is_no_damage() {
        assert!(is_of_the_disk("Tree 4 page 7: unable to get the page. error code=266"));
        assert!(is_of_the_disk("Tree 3 page 3 cell 0: failed to get page 13"));
        assert!(!is_of_the_disk("Tree 4 page 7: unable to get the page. error code=11"));
        assert!(!is_of_the_disk("ok"));
    }

    /// Nothing is wrong with the disk, and it passes.
    #[test]
    fn who_is_kept_waiting_is_told_of_the_other_program() {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        let error = sql(rusqlite::Error::SqliteFailure(busy, None));
        assert!(error.hint().contains("the other program") && !error.is_lasting(), "{error}: {}", error.hint());
    }

    #[test]
    fn the_tables_of_each_version_are_those_of_its_migrations() {
        for (version, expected) in (1..).zip(SCHEMAS) {
            let mut model = Connection::open_in_memory().expect("opens");
            apply(&mut model, &MIGRATIONS[..version], 0).expect("makes them");
            assert_eq!(fingerprint(&model).expect("reads"), expected, "version {version}");
        }
    }

    /// SQLite answers a misspelt pragma with silence.
    #[test]
    fn the_settings_are_in_force() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("it is there").join("vault.db");
        let source = crate::KeySource::beside(&path);
        let (header, _) = Header::first(&source, false, &mut Vec::new()).expect("makes a key");
        create(&path, &header).expect("creates");
        let (connection, ..) = open(&path, |header| source.open(header, &mut Vec::new())).expect("opens");
        for (name, expected) in [
            ("application_id", 1_262_899_010),
            ("user_version", 3),
            ("trusted_schema", 0),
            ("cell_size_check", 1),
            ("foreign_keys", 1),
            ("secure_delete", 1),
            ("temp_store", 2),
            ("cache_size", -16_000),
            ("synchronous", 2),
            ("fullfsync", 1),
            ("checkpoint_fullfsync", 1),
        ] {
            let found: i64 = connection.query_row(&format!("PRAGMA {name}"), (), |row| row.get(0)).expect("reads");
            assert_eq!(found, expected, "{name}");
        }
        let mode: String = connection.query_row("PRAGMA journal_mode", (), |row| row.get(0)).expect("reads");
        assert_eq!(mode, "wal");
        assert!(connection.db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE).expect("reads"));
        assert!(!connection.db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE).expect("reads"));
    }

    /// `.cargo/config.toml` says with what SQLite is compiled, to a build script that is silent where it does not listen.
    #[test]
    fn sqlite_has_nothing_compiled_in_that_a_vault_has_no_use_for() {
        let connection = Connection::open_in_memory().expect("opens");
        let mut options = connection.prepare("PRAGMA compile_options").expect("reads");
        let options: Vec<String> = options.query_map((), |row| row.get(0)).and_then(Iterator::collect).expect("reads");
        for chosen in ["DQS=0", "OMIT_LOAD_EXTENSION", "DEFAULT_MEMSTATUS=0"] {
            assert!(options.iter().any(|option| option == chosen), "{chosen}: {options:?}");
        }
        for left_out in ["ENABLE_FTS3", "ENABLE_FTS5", "ENABLE_RTREE", "ENABLE_DBSTAT_VTAB", "ENABLE_LOAD_EXTENSION"] {
            assert!(!options.iter().any(|option| option == left_out), "{left_out}: {options:?}");
        }
    }
}

//! Five things that can be wrong with a vault are five errors, and none of them changes a byte of it.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::task::{Context, Waker};
use std::time::Duration;

use common::{Home, app, assert_same, error, oauth2_account, wait};
use keyfob::proto::Secret;
use keyfob::store::Expected;
use keyfob::{Store, StoreError};
use keyfob_store::{KeySource, Vault};

/// A vault with something in it, closed.
fn filled() -> Home {
    let home = Home::new();
    let vault = home.open();
    wait(vault.put_app("example", &app())).expect("puts");
    wait(vault.put_account(&oauth2_account("home"), Expected::Nothing, None)).expect("puts");
    home
}

/// Opening gives that error, both ways, and leaves vault and key as they were.
#[track_caller]
fn refused(home: &Home, source: &KeySource, is_it: fn(&StoreError) -> bool) {
    let before = (fs::read(home.vault()).ok(), fs::read(home.key()).ok());
    for open in [Vault::open, Vault::open_existing] {
        let error = error(open(&home.vault(), source.clone()));
        assert!(is_it(&error), "{error:?}");
    }
    assert!((fs::read(home.vault()).ok(), fs::read(home.key()).ok()) == before, "a byte was changed");
}

fn corrupt(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt(_))
}

fn locked(error: &StoreError) -> bool {
    matches!(error, StoreError::Locked(_))
}

fn wrong_key(error: &StoreError) -> bool {
    matches!(error, StoreError::WrongKey(_))
}

fn newer(error: &StoreError) -> bool {
    matches!(error, StoreError::Newer(_))
}

fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    names
}

#[test]
fn data_and_key_survive_reopening() {
    let home = filled();
    let vault = home.open();
    assert_same(&wait(vault.app("example")).expect("reads").expect("it is there"), &app());
    assert!(wait(vault.account("home")).expect("reads").is_some());
    assert!(vault.key_made().is_none());
}

#[test]
fn a_caller_that_stops_waiting_does_not_stop_a_write() {
    let home = Home::new();
    let vault = home.open();
    for number in 0..20 {
        let account = oauth2_account(&number.to_string());
        let mut writing = vault.put_account(&account, Expected::Nothing, None);
        // Asked once, and left.
        drop(writing.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    }
    drop(vault);
    assert_eq!(wait(home.open().accounts()).expect("lists").len(), 20);
}

#[test]
fn the_key_file_is_made_once_and_said_so() {
    let home = Home::new();
    assert_eq!(home.open().key_made(), Some(home.key().as_path()));
    let key = fs::read(home.key()).expect("reads");
    assert_eq!(home.open().key_made(), None);
    assert_eq!(fs::read(home.key()).expect("reads"), key);
}

#[test]
fn the_key_file_opens_the_vault_from_the_environment_too() {
    let home = filled();
    let text = fs::read_to_string(home.key()).expect("reads");
    fs::remove_file(home.key()).expect("removes");
    let vault = Vault::open_existing(&home.vault(), KeySource::Text(Secret::new(text))).expect("opens");
    assert!(wait(vault.account("home")).expect("reads").is_some());
    assert!(!home.key().exists(), "no key file where the key comes from elsewhere");
}

#[test]
fn j6_missing() {
    let home = Home::new();
    let missing = error(Vault::open_existing(&home.vault(), KeySource::beside(&home.vault())));
    assert!(matches!(&missing, StoreError::Missing(what) if what.contains("vault.db")), "{missing:?}");
    assert!(!home.folder().exists(), "nothing is made");
    fs::create_dir(home.folder()).expect("a folder");
    assert!(matches!(Vault::open_existing(&home.vault(), KeySource::beside(&home.vault())), Err(StoreError::Missing(_))));
    assert_eq!(listing(&home.folder()), Vec::<PathBuf>::new());
}

#[test]
fn j6_locked_when_the_key_file_is_gone_and_no_new_key_is_made() {
    let home = filled();
    fs::remove_file(home.key()).expect("removes");
    refused(&home, &KeySource::beside(&home.vault()), locked);
    refused(&home, &KeySource::File(home.root().join("no/such/folder/key")), locked);
    refused(&home, &KeySource::Provided(home.root().join("none")), locked);
    assert!(!home.key().exists());
    assert!(!home.root().join("no").exists());
}

#[test]
fn j6_locked_when_the_key_is_no_key() {
    let home = filled();
    for text in ["", "\n", "not a key", "AAAA"] {
        refused(&home, &KeySource::Text(Secret::new(text)), locked);
        fs::write(home.key(), text).expect("writes");
        refused(&home, &KeySource::beside(&home.vault()), locked);
    }
    fs::write(home.key(), [0xFF; 32]).expect("writes");
    refused(&home, &KeySource::beside(&home.vault()), locked);
}

#[test]
fn j6_no_vault_is_made_with_what_is_no_key() {
    let home = Home::new();
    assert!(locked(&error(Vault::open(&home.vault(), KeySource::Text(Secret::new("too short"))))));
    assert!(!home.vault().exists());
}

#[test]
fn j6_wrong_key() {
    let home = filled();
    refused(&home, &KeySource::Text(Secret::new("01".repeat(32))), wrong_key);
    let other = Home::new();
    drop(other.open());
    fs::copy(other.key(), home.key()).expect("copies");
    refused(&home, &KeySource::beside(&home.vault()), wrong_key);
}

#[test]
fn j6_a_file_that_is_no_vault_is_corrupt_and_stays() {
    for content in [&b""[..], b"x", b"{\"access_token\":\"old format\"}", &[0; 4096], b"SQLite format 3\0", &[0xA5; 100_000]] {
        let home = filled();
        fs::write(home.vault(), content).expect("writes");
        refused(&home, &KeySource::beside(&home.vault()), corrupt);
    }
}

#[test]
fn j6_another_programs_database_is_corrupt_and_stays() {
    let home = filled();
    fs::remove_file(home.vault()).expect("removes");
    home.sql().execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1); PRAGMA user_version = 99;").expect("writes");
    refused(&home, &KeySource::beside(&home.vault()), corrupt);
}

#[test]
fn j6_a_log_without_its_vault_is_corrupt_and_is_not_played_into_a_new_one() {
    let home = filled();
    let vault = home.open();
    wait(vault.put_app("another", &app())).expect("puts");
    let log = home.folder().join("vault.db-wal");
    let kept = fs::read(&log).expect("there is a log while it is open");
    drop(vault);
    fs::remove_file(home.vault()).expect("removes");
    fs::write(&log, kept).expect("writes");
    let error = error(home.try_open());
    assert!(corrupt(&error) && error.to_string().contains("vault.db-wal"), "{error}");
    assert!(!home.vault().exists());
}

/// A backup is put in its place while it is open: what is read is not the old file's for long, nor a mixture of both.
#[test]
fn j6_a_file_that_was_replaced_while_it_was_open_is_told_to_whoever_reads() {
    let home = filled();
    let vault = home.open();
    assert!(wait(vault.app("another")).expect("reads").is_none());
    let backup = home.folder().join("backup.db");
    fs::copy(home.vault(), &backup).expect("copies");
    fs::rename(&backup, home.vault()).expect("is put in its place");
    // It is looked once a second.
    std::thread::sleep(Duration::from_millis(1100));
    for _ in 0..2 {
        let error = error(wait(vault.app("another")));
        assert!(matches!(&error, StoreError::Io(..)) && error.to_string().contains("deleted or replaced"), "{error:?}");
    }
}

#[test]
fn j8_a_file_that_lost_its_tail_is_corrupt() {
    let home = filled();
    let good = fs::read(home.vault()).expect("reads");
    let page = 4096;
    let ends = (0..good.len()).filter(|length| length % 251 == 0 || length % page < 3 || length % page > page - 3);
    for length in ends {
        fs::write(home.vault(), &good[..length]).expect("writes");
        let error = error(home.try_open());
        assert!(corrupt(&error), "{length} of {}: {error:?}", good.len());
        assert!(fs::read(home.vault()).expect("reads") == good[..length], "{length}: a byte was changed");
    }
    fs::write(home.vault(), &good).expect("restores");
    home.open();
}

/// Damage anywhere in the file: refused, or without effect (unused bytes of pages); never another answer, never a panic.
#[test]
fn j8_a_flipped_bit_anywhere_gives_the_truth_or_an_error() {
    let home = filled();
    let good = fs::read(home.vault()).expect("reads");
    let (mut refused, mut harmless) = (0, 0);
    // All of SQLite's own header, then a stride that meets every page and every bit of a byte.
    for bit in (0..100 * 8).chain((100 * 8..good.len() * 8).step_by(331)) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(home.vault(), &bad).expect("writes");
        let read = |vault: Vault| Ok((wait(vault.apps())?, wait(vault.accounts())?, wait(vault.account("home"))?));
        match home.try_open().and_then(read) {
            Err(StoreError::Corrupt(_) | StoreError::Newer(_)) => refused += 1,
            Err(other) => panic!("bit {bit}: {other:?}"),
            Ok((apps, accounts, account)) => {
                assert!(account.is_some(), "bit {bit}");
                assert_same(&apps, &vec![("example".to_owned(), app())]);
                assert_eq!(accounts.iter().map(|account| account.value.name.as_str()).collect::<Vec<_>>(), ["home"]);
                harmless += 1;
            }
        }
        drop(fs::remove_file(home.folder().join("vault.db-wal")));
        drop(fs::remove_file(home.folder().join("vault.db-shm")));
    }
    assert!(refused > 100 && harmless > 100, "{refused} refused, {harmless} harmless");
}

/// The name's hash is there twice, in the row and in the index; a lookup that misses would let a second account take the name.
#[test]
fn j8_a_damaged_index_hides_no_account() {
    let home = filled();
    let good = fs::read(home.vault()).expect("reads");
    let sql = home.sql();
    let name: Vec<u8> = sql.query_row("SELECT name FROM account", (), |row| row.get(0)).expect("reads");
    drop(sql);
    let places: Vec<_> = (0..good.len() - name.len()).filter(|&at| good[at..at + name.len()] == name).collect();
    assert_eq!(places.len(), 2);
    for place in places {
        let mut bad = good.clone();
        bad[place + 7] ^= 1;
        fs::write(home.vault(), &bad).expect("writes");
        refused(&home, &KeySource::beside(&home.vault()), corrupt);
    }
}

#[test]
fn a_planted_trigger_table_or_view_is_corrupt() {
    for planted in [
        "CREATE TRIGGER stay BEFORE DELETE ON pending BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TABLE more (x)",
        "CREATE VIEW seen AS SELECT * FROM account",
        "CREATE INDEX more ON account (generation)",
        "DROP TABLE pending",
    ] {
        let home = filled();
        home.sql().execute_batch(planted).expect("plants");
        refused(&home, &KeySource::beside(&home.vault()), corrupt);
    }
}

#[test]
fn j15_a_newer_vault_is_left_alone() {
    let home = filled();
    home.sql().execute_batch("ALTER TABLE account ADD COLUMN better BLOB; PRAGMA user_version = 4").expect("edits");
    refused(&home, &KeySource::beside(&home.vault()), newer);
    // Its log too: moving that into the file is a change. A copy, so that nobody else has it open.
    let sql = home.sql();
    sql.execute_batch("UPDATE account SET better = x'00'").expect("edits");
    let copy = Home::new();
    fs::create_dir(copy.folder()).expect("a folder");
    for name in ["vault.db", "vault.db-wal", "vault.key"] {
        fs::copy(home.folder().join(name), copy.folder().join(name)).expect("copies");
    }
    drop(sql);
    let files = || (fs::read(copy.vault()).expect("reads"), fs::read(copy.folder().join("vault.db-wal")).expect("reads"));
    let before = files();
    assert!(!before.1.is_empty());
    assert!(newer(&error(copy.try_open())));
    assert!(before == files(), "a byte was changed");
}

#[test]
fn j15_a_vault_without_version_is_corrupt() {
    for version in [0, -1] {
        let home = filled();
        home.sql().execute_batch(&format!("PRAGMA user_version = {version}")).expect("edits");
        refused(&home, &KeySource::beside(&home.vault()), corrupt);
    }
}

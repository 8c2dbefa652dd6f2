//! From one vault into another: everything, or nothing; and a vault in one file.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::{Duration, Instant};

use common::{CANARIES, Home, app, assert_same, error, oauth1_account, oauth2_account, oauth2_pending, wait};
use keyfob::history::{Actor, Entry, Event, Fingerprint, MOST_ENTRIES, Spending};
use keyfob::proto::{Secret, Timestamp};
use keyfob::store::{Expected, Generation};
use keyfob::{Account, Store, StoreError};
use keyfob_store::transfer::{Moved, copy_all, export, import};
use keyfob_store::{KeySource, SealedWith, Vault};

const PASSPHRASE: &str = "canary-export-passphrase";

fn secret() -> Secret {
    Secret::new(PASSPHRASE)
}

/// More than go into one bundle, or come out of the database at a time.
fn filled(accounts: usize) -> (Home, Vec<Account>) {
    let home = Home::new();
    let vault = home.open();
    wait(vault.put_app("example", &app())).expect("puts");
    wait(vault.put_app("another", &app())).expect("puts");
    wait(vault.put_pending(&oauth2_pending("canary-state-e3c0d1f2"), "binding")).expect("puts");
    let mut put = Vec::new();
    for number in 0..accounts {
        let name = format!("home/{number}");
        let account = if number % 2 == 0 { oauth2_account(&name) } else { oauth1_account(&name) };
        wait(vault.put_account(&account, Expected::Nothing, Some(&entry(&account, 0)))).expect("puts");
        put.push(account);
    }
    for time in 1..5 {
        wait(vault.put_account(&put[0], Expected::Anything, Some(&entry(&put[0], time)))).expect("puts");
    }
    (home, put)
}

fn entry(account: &Account, time: i64) -> Entry {
    let by = Actor { host: "host".to_owned(), pid: 1, program: "test".to_owned(), instance: None, kernel: None };
    Entry::new(account, Timestamp::from_unix(1_800_000_000 + time), by, Event::LoggedIn { received: None, imported: false })
}

#[track_caller]
fn assert_moved(vault: &Vault, accounts: &[Account]) {
    assert_eq!(wait(vault.accounts()).expect("lists").len(), accounts.len());
    assert_same(&wait(vault.app("another")).expect("reads").expect("it is there"), &app());
    for account in accounts.iter().step_by(53).chain(accounts.last()) {
        let found = wait(vault.account(&account.name)).expect("reads").expect("it is there");
        assert_same(&found.value, account);
    }
    assert_eq!(wait(vault.account("home/0")).expect("reads").expect("it is there").generation, Generation(5));
    let history = wait(vault.history(&accounts[0].id)).expect("reads");
    assert_eq!(history.iter().map(|entry| entry.at.as_unix() - 1_800_000_000).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(history.len() < MOST_ENTRIES);
}

#[test]
fn everything_moves_with_ids_generations_and_times() {
    let (home, accounts) = filled(700);
    let (from, target) = (home.open(), Home::new());
    let before = fs::read(home.vault()).expect("reads");
    let into = Vault::open(&target.vault(), KeySource::Passphrase(secret())).expect("makes a vault");
    let moved = wait(copy_all(&from, &into)).expect("moves");
    assert_eq!(moved, Moved { apps: 2, accounts: 700, entries: 704, ..Moved::default() });
    assert_moved(&into, &accounts);
    drop(into);
    assert_moved(&Vault::open_existing(&target.vault(), KeySource::Passphrase(secret())).expect("opens"), &accounts);
    assert!(fs::read(home.vault()).expect("reads") == before, "where it was it is untouched");
    assert_moved(&from, &accounts);
}

#[test]
fn nothing_is_mixed_into_a_vault_with_something_in_it() {
    let ((home, _), target) = (filled(3), Home::new());
    let into = target.open();
    wait(into.put_app("theirs", &app())).expect("puts");
    let refused = error(wait(copy_all(&home.open(), &into)));
    assert!(matches!(refused, StoreError::NotEmpty), "{refused:?}");
    assert_eq!(wait(into.apps()).expect("lists").len(), 1);
    assert!(wait(into.accounts()).expect("lists").is_empty());
}

#[test]
fn j6_a_record_that_does_not_open_stops_the_move_and_nothing_of_it_stays() {
    let ((home, _), target) = (filled(600), Home::new());
    home.sql().execute("UPDATE account SET record = zeroblob(99) WHERE number = 550", ()).expect("edits");
    let into = target.open();
    assert!(matches!(error(wait(copy_all(&home.open(), &into))), StoreError::Corrupt(_)));
    assert!(wait(into.accounts()).expect("lists").is_empty() && wait(into.apps()).expect("lists").is_empty());
}

#[test]
fn an_exported_file_is_a_vault_in_one_file_and_comes_back() {
    let (home, accounts) = filled(5);
    let file = home.root().join("backup.keyfob");
    wait(export(&home.open(), &home.folder(), &file, &secret())).expect("exports");
    assert_eq!(file.metadata().expect("it is there").mode() & 0o777, 0o600);
    let bytes = fs::read(&file).expect("reads");
    for canary in CANARIES.iter().chain(&[PASSPHRASE]) {
        assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()), "{canary}");
    }
    let left: Vec<_> = fs::read_dir(home.folder()).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("scratch")), "{left:?}");
    let target = Home::new();
    let into = target.open();
    let wrong = error(wait(import(&file, &Secret::new("another"), &target.folder(), &into)));
    assert!(matches!(wrong, StoreError::WrongKey(_)), "{wrong:?}");
    wait(import(&file, &secret(), &target.folder(), &into)).expect("imports");
    assert_moved(&into, &accounts);
    assert!(fs::read(&file).expect("reads") == bytes, "it was not changed");
    // It is a vault like any other.
    let seen = Vault::inspect(&file).expect("looks");
    assert_eq!(seen.sealed_with, SealedWith::Passphrase);
    assert_moved(&Vault::open_existing(&file, KeySource::Passphrase(secret())).expect("opens"), &accounts);
}

#[test]
fn j2_an_export_is_never_written_over_something_nor_through_a_link() {
    let (home, _) = filled(1);
    let (there, link) = (home.root().join("there"), home.root().join("link"));
    fs::write(&there, "mine").expect("writes");
    symlink(home.root().join("elsewhere"), &link).expect("a link");
    for path in [&there, &link] {
        assert!(matches!(error(wait(export(&home.open(), &home.folder(), path, &secret()))), StoreError::Io(..)));
    }
    assert_eq!(fs::read(&there).expect("reads"), b"mine");
    assert!(!home.root().join("elsewhere").exists());
}

/// Whoever is killed, or has no room left, leaves nothing under the name that is then said to be taken.
#[cfg(target_os = "linux")]
#[test]
fn j5_an_export_is_there_whole_or_not_at_all() {
    use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};

    let (home, _) = filled(5);
    let file = home.root().join("backup.keyfob");
    let seen = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("watches");
    add_watch(&seen, home.root(), WatchFlags::CREATE | WatchFlags::MODIFY | WatchFlags::MOVED_TO).expect("watches");
    wait(export(&home.open(), &home.folder(), &file, &secret())).expect("exports");
    let (mut space, mut events) = ([std::mem::MaybeUninit::uninit(); 4096], Vec::new());
    let mut reader = Reader::new(&seen, &mut space);
    while let Ok(event) = reader.next() {
        if event.file_name().is_some_and(|name| name.to_bytes() == b"backup.keyfob") {
            events.push(event.events());
        }
    }
    assert!(matches!(events.as_slice(), [ReadFlags::CREATE | ReadFlags::MOVED_TO]), "it is written to after it is there: {events:?}");
    let left: Vec<_> = fs::read_dir(home.root()).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// What one that was killed left is a copy of everything, and takes as much room.
#[test]
fn what_a_killed_export_left_is_swept_and_what_is_at_work_stays() {
    let (home, _) = filled(1);
    let leftover = |number: u32| {
        let folder = home.folder().join(format!("scratch-{number:016x}"));
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("vault.db"), "a copy").expect("writes");
        folder
    };
    let lock = |folder: &std::path::Path| fs::File::create(folder.with_extension("lock")).expect("a lock");
    let (killed, at_work, older, no_lock) = (leftover(1), leftover(2), leftover(3), leftover(4));
    drop(lock(&killed));
    let held = lock(&at_work);
    held.lock().expect("locks");
    // Of a version that took no lock: an export takes no day.
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(90_000);
    fs::File::open(&older).and_then(|folder| folder.set_modified(long_ago)).expect("is old");
    let elsewhere = home.root().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    fs::write(elsewhere.join("file"), "mine").expect("writes");
    symlink(&elsewhere, home.folder().join(format!("scratch-{:016x}", 5))).expect("a link");
    wait(export(&home.open(), &home.folder(), &home.root().join("backup.keyfob"), &secret())).expect("exports");
    assert!(!killed.exists() && !older.exists(), "they are swept");
    assert!(at_work.exists() && no_lock.exists(), "somebody may be at work in them");
    assert_eq!(fs::read(elsewhere.join("file")).expect("reads"), b"mine");
    let locks = fs::read_dir(home.folder()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let locks: Vec<_> =
        locks.filter(|name| name.to_string_lossy().starts_with("scratch-") && name.to_string_lossy().ends_with(".lock")).collect();
    assert_eq!(locks.len(), 1, "{locks:?}");
}

/// A film is not copied to find that it is none of ours; that there is no room for it would not be why.
#[test]
fn a_file_that_is_no_vault_is_not_copied_first() {
    let home = Home::new();
    let (into, file) = (home.open(), home.root().join("film"));
    fs::write(&file, [7; 100_000]).expect("writes");
    let nowhere = file.join("no folder");
    let refused = error(wait(import(&file, &secret(), &nowhere, &into)));
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
    // Nor another program's database.
    fs::remove_file(&file).expect("removes");
    rusqlite::Connection::open(&file).expect("opens").execute_batch("CREATE TABLE film (title)").expect("makes a table");
    let refused = error(wait(import(&file, &secret(), &nowhere, &into)));
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
}

#[test]
fn j8_a_damaged_export_is_refused() {
    let (home, _) = filled(3);
    let file = home.root().join("backup.keyfob");
    wait(export(&home.open(), &home.folder(), &file, &secret())).expect("exports");
    let good = fs::read(&file).expect("reads");
    let target = Home::new();
    let into = target.open();
    let try_import = |bytes: &[u8]| {
        fs::write(&file, bytes).expect("writes");
        wait(import(&file, &secret(), &target.folder(), &into))
    };
    for bad in [&good[..good.len() / 2], &good[..100], b"", b"not a vault"] {
        assert!(matches!(error(try_import(bad)), StoreError::Corrupt(_)), "{}", bad.len());
    }
    assert!(matches!(wait(import(&home.root().join("none"), &secret(), &target.folder(), &into)), Err(StoreError::Missing(_))));
    assert!(wait(into.accounts()).expect("lists").is_empty());
    try_import(&good).expect("imports");
}

/// While somebody refreshes an account, its copy would have the tokens that are being spent: it is made once the new ones are written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_is_under_way_is_waited_for() {
    let home = Home::new();
    let (from, refreshing) = (home.open(), home.open());
    let settled = oauth2_account("home");
    let by = Actor { host: "host".to_owned(), pid: 1, program: "test".to_owned(), instance: None, kernel: None };
    let (token, since, why) = (Fingerprint::of(&Secret::new("spent")), Timestamp::from_unix(1_800_000_000), "asked for".to_owned());
    let note = Spending { token, grant: None, since, since_at_server: None, by, why, unanswered: 0, over: false, not_before: None };
    let noted = Account { spending: Some(Box::new(note)), ..settled.clone() };
    let generation = refreshing.put_account(&noted, Expected::Nothing, None).await.expect("puts");
    let hold = refreshing.try_hold(&noted.id).await.expect("asks").expect("nobody has it");
    let finishing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        refreshing.put_account(&settled, Expected::Generation(generation), None).await.expect("puts");
        drop(hold);
    };
    let target = Home::new();
    let into = target.open();
    let (moved, ()) = tokio::join!(copy_all(&from, &into), finishing);
    assert_eq!(moved.expect("moves"), Moved { accounts: 1, ..Moved::default() });
    assert!(into.account("home").await.expect("reads").expect("it is there").value.spending.is_none(), "the new tokens");

    // Who began it is gone: there is nothing to wait for, and the copy may be worth nothing.
    from.put_account(&noted, Expected::Anything, None).await.expect("puts");
    let target = Home::new();
    let (begun, moved) = (Instant::now(), copy_all(&from, &target.open()).await.expect("moves"));
    assert_eq!(moved, Moved { accounts: 1, unsettled: 1, ..Moved::default() });
    assert!(begun.elapsed() < Duration::from_secs(60));
}

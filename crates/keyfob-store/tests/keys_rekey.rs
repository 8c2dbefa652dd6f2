//! Sealing anew: all of it or nothing, whoever has it open, and whenever it is killed. The children are this same test binary.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use common::{CANARIES, Home, app, assert_same, error, oauth1_account, oauth2_account, oauth2_pending, wait};
use keyfob::history::{Actor, Entry, Event};
use keyfob::proto::{Secret, Timestamp};
use keyfob::store::Expected;
use keyfob::{Account, Store, StoreError};
use keyfob_store::agent::Agent;
use keyfob_store::{KeySource, SealedWith, Vault};

/// Says what the child is to do; the test below is nothing without it.
const TASK: &str = "KEYFOB_STORE_TEST_TASK";
/// What the child says after each time.
const SEALED: &str = "sealed anew";
/// More than is sealed anew at a time.
const ACCOUNTS: usize = 1100;

fn usual(home: &Home) -> KeySource {
    KeySource::Usual { file: home.key(), agent: Agent::in_folder(&home.folder().join("run")) }
}

fn passphrase(text: &str) -> KeySource {
    KeySource::Passphrase(Secret::new(text))
}

fn filled(accounts: usize) -> (Home, Vec<Account>) {
    let home = Home::new();
    let vault = Vault::open(&home.vault(), KeySource::File(home.key())).expect("makes a vault");
    wait(vault.put_app("example", &app())).expect("puts");
    // All at once: what comes together is on the disk with one write.
    let put: Vec<Account> = (0..accounts)
        .map(|number| {
            let name = format!("home/{number}");
            if number % 2 == 0 { oauth2_account(&name) } else { oauth1_account(&name) }
        })
        .collect();
    let by = Actor { host: "host".to_owned(), pid: 1, program: "test".to_owned(), instance: None, kernel: None };
    let entry = |account: &Account| {
        Entry::new(account, Timestamp::from_unix(1_800_000_000), by.clone(), Event::LoggedIn { received: None, imported: false })
    };
    let entries: Vec<Entry> = put.iter().map(entry).collect();
    let writing = put.iter().zip(&entries).map(|(account, entry)| vault.put_account(account, Expected::Nothing, Some(entry)));
    // Asked once each: then they are under way.
    let under_way = writing.filter_map(|mut write| match write.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done.map(|_| None).expect("puts"),
        Poll::Pending => Some(write),
    });
    let under_way: Vec<_> = under_way.collect();
    wait(async {
        for write in under_way {
            write.await.expect("puts");
        }
    });
    (home, put)
}

/// Everything is there, and is what it was.
#[track_caller]
fn assert_whole(vault: &Vault, accounts: &[Account]) {
    assert_same(&wait(vault.app("example")).expect("reads").expect("the app is there"), &app());
    assert_eq!(wait(vault.accounts()).expect("lists").len(), accounts.len());
    for account in accounts.iter().step_by(97).chain(accounts.last()) {
        let found = wait(vault.account(&account.name)).expect("reads").expect("the account is there");
        assert_same(&found.value, account);
        assert_eq!(wait(vault.history(&account.id)).expect("reads").len(), 1);
    }
    assert_eq!(wait(vault.entries(Some(keyfob::store::EntryNumber(0)), usize::MAX)).expect("reads").len(), accounts.len());
}

fn header(home: &Home) -> (i64, Vec<u8>) {
    home.sql().query_row("SELECT generation, data_key FROM header", (), |row| Ok((row.get(0)?, row.get(1)?))).expect("reads")
}

/// The other vault would be lost with its key: the first that is sealed anew puts another in the file's place.
#[test]
fn a_key_file_is_of_one_vault() {
    let (home, accounts) = filled(2);
    let key = fs::read(home.key()).expect("reads");
    let other = home.folder().join("other.db");
    let refused = |vault: Result<Vault, StoreError>| {
        let Err(error @ StoreError::Unsafe(_)) = vault else { panic!("{vault:?}") };
        assert!(error.to_string().contains("another vault"), "{error}");
    };
    refused(Vault::open(&other, KeySource::File(home.key())));
    assert!(!other.exists());
    // One that says nothing can be shared. But what the other is sealed with anew has its name in it, and takes nobody else's place.
    let unnamed = home.folder().join("unnamed");
    fs::write(&unnamed, fs::read_to_string(home.key()).expect("reads").lines().next().expect("the key")).expect("writes");
    fs::set_permissions(&unnamed, fs::Permissions::from_mode(0o600)).expect("closes");
    let shares = Vault::open(&other, KeySource::File(unnamed)).expect("makes it");
    let Err(error @ StoreError::Unsafe(_)) = wait(shares.rekey(&KeySource::File(home.key()))) else {
        panic!("the file is the first one's")
    };
    assert!(error.to_string().contains("another vault"), "{error}");
    wait(shares.rekey(&KeySource::Passphrase(Secret::new("correct horse battery")))).expect("seals anew");
    assert_eq!(fs::read(home.key()).expect("reads"), key);
    assert_whole(&home.open(), &accounts);
}

/// Its name is the vault's own, so that nobody else can be meant: the vault was taken away, or its making was ended by force.
#[test]
fn a_key_file_whose_vault_is_gone_goes_on_with_the_next_of_that_name() {
    let (home, _) = filled(1);
    let (key, id) = (fs::read(home.key()).expect("reads"), Vault::inspect(&home.vault()).expect("looks").id);
    for end in ["", "-wal", "-shm"] {
        drop(fs::remove_file(format!("{}{end}", home.vault().display())));
    }
    let vault = home.open();
    assert_eq!((fs::read(home.key()).expect("reads"), Vault::inspect(&home.vault()).expect("looks").id), (key, id));
    wait(vault.rekey(&KeySource::File(home.key()))).expect("seals anew");
    drop(vault);
    home.open();
}

#[test]
fn everything_is_sealed_anew_under_another_key() {
    let (home, accounts) = filled(ACCOUNTS);
    let vault = home.open();
    wait(vault.put_pending(&oauth2_pending("canary-state-e3c0d1f2"), "binding")).expect("puts");
    let old_key = fs::read(home.key()).expect("reads");
    let ids = |home: &Home| -> Vec<Vec<u8>> {
        let sql = home.sql();
        let mut query = sql.prepare("SELECT name FROM account UNION ALL SELECT id FROM app").expect("a query");
        query.query_map((), |row| row.get(0)).expect("reads").collect::<Result<_, _>>().expect("reads")
    };
    let (old_ids, old_header) = (ids(&home), header(&home));
    let done = wait(vault.rekey(&KeySource::File(home.key()))).expect("seals anew");
    assert_eq!((done.sealed, done.generation), (1 + 2 * ACCOUNTS as u64, 2));
    assert_whole(&vault, &accounts);
    drop(vault);
    assert_whole(&home.open(), &accounts);
    assert_ne!(fs::read(home.key()).expect("reads"), old_key);
    assert!(header(&home).0 == 2 && header(&home).1 != old_header.1);
    assert!(ids(&home).iter().all(|id| !old_ids.contains(id)), "keyed hashes are of the new key");
    assert!(
        wait(home.open().take_pending("canary-state-e3c0d1f2", "binding", Timestamp::from_unix(1_800_000_000))).expect("asks").is_none()
    );
    // The old key opens nothing any more, and nothing lies about.
    let old = KeySource::Text(Secret::new(String::from_utf8(old_key).expect("text")));
    assert!(matches!(error(Vault::open_existing(&home.vault(), old)), StoreError::WrongKey(_)));
    let names: Vec<String> = fs::read_dir(home.folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().all(|name| !name.contains(".new")), "{names:?}");
}

#[test]
fn j9_from_a_key_to_a_passphrase_to_another_and_back() {
    let (home, accounts) = filled(3);
    let vault = Vault::open(&home.vault(), usual(&home)).expect("opens");
    wait(vault.rekey(&passphrase("canary one"))).expect("seals anew");
    assert!(!home.key().exists(), "it opens nothing any more");
    assert_whole(&vault, &accounts);
    drop(vault);
    assert!(matches!(error(Vault::open_existing(&home.vault(), usual(&home))), StoreError::Locked(_)));
    let vault = Vault::open_existing(&home.vault(), passphrase("canary one")).expect("opens");
    wait(vault.rekey(&passphrase("canary two"))).expect("seals anew");
    drop(vault);
    assert!(matches!(error(Vault::open_existing(&home.vault(), passphrase("canary one"))), StoreError::WrongKey(_)));
    let vault = Vault::open_existing(&home.vault(), passphrase("canary two")).expect("opens");
    wait(vault.rekey(&KeySource::File(home.key()))).expect("seals anew");
    assert_whole(&vault, &accounts);
    drop(vault);
    let seen = Vault::inspect(&home.vault()).expect("looks");
    assert_eq!((seen.sealed_with, seen.generation), (SealedWith::Key, 4));
    assert_whole(&Vault::open_existing(&home.vault(), usual(&home)).expect("opens"), &accounts);
    for entry in fs::read_dir(home.folder()).expect("a folder") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("reads");
        for secret in CANARIES.iter().chain(&["canary one", "canary two"]) {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
}

/// A key of ours that opens nothing any more goes, whatever takes its place; one that is the vault's still, by whichever name, stays.
#[test]
fn j9_a_key_file_goes_when_a_key_that_is_provided_takes_its_place() {
    let (home, accounts) = filled(2);
    let linked = home.root().join("linked.key");
    std::os::unix::fs::symlink(home.key(), &linked).expect("a link");
    let vault = Vault::open(&home.vault(), usual(&home)).expect("opens");
    let own = fs::read_to_string(home.key()).expect("reads");
    for same in [KeySource::Provided(linked), KeySource::Text(Secret::new(own))] {
        let vault = Vault::open(&home.vault(), usual(&home)).expect("opens");
        wait(vault.rekey(&same)).expect("seals anew");
        assert!(home.key().exists(), "it is what opens it");
    }
    let provided = home.root().join("provided.key");
    fs::write(&provided, "07".repeat(32)).expect("writes");
    wait(vault.rekey(&KeySource::Provided(provided.clone()))).expect("seals anew");
    assert!(!home.key().exists(), "it opens nothing any more");
    assert_whole(&vault, &accounts);
    drop(vault);
    assert_whole(&Vault::open_existing(&home.vault(), KeySource::Provided(provided)).expect("opens"), &accounts);
}

/// Of several places where a key can come from, the error names the one that it came from.
#[test]
fn j6_a_wrong_key_is_named_by_where_it_came_from() {
    let home = Home::new();
    drop(home.open());
    let wrong = home.root().join("wrong.key");
    fs::write(&wrong, "07".repeat(32)).expect("writes");
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).expect("chmod");
    let path = wrong.display().to_string();
    for (source, name) in [
        (KeySource::Text(Secret::new("07".repeat(32))), KeySource::VARIABLE),
        (KeySource::Provided(wrong.clone()), &path),
        (KeySource::File(wrong.clone()), &path),
    ] {
        let error = error(Vault::open_existing(&home.vault(), source));
        assert!(matches!(&error, StoreError::WrongKey(why) if why.contains(name)), "{name}: {error:?}");
    }
}

#[test]
fn j9_what_cannot_be_had_changes_nothing() {
    let (home, accounts) = filled(2);
    let before = (header(&home), fs::read(home.key()).expect("reads"));
    let vault = home.open();
    assert!(wait(vault.rekey(&passphrase(" "))).is_err());
    assert!(wait(vault.rekey(&KeySource::Text(Secret::new("no key")))).is_err());
    assert!(wait(vault.rekey(&KeySource::Provided(home.root().join("none")))).is_err());
    if !cfg!(feature = "keyring") {
        assert!(matches!(wait(vault.rekey(&KeySource::Keyring { otherwise: home.key() })), Err(StoreError::Locked(_))));
    }
    // A record that does not open must not be lost by sealing the others without it.
    home.sql().execute("UPDATE account SET record = zeroblob(100) WHERE number = 2", ()).expect("edits");
    assert!(matches!(wait(vault.rekey(&KeySource::File(home.key()))), Err(StoreError::Corrupt(_))));
    assert!((header(&home), fs::read(home.key()).expect("reads")) == before);
    assert!(!home.folder().join("vault.key.new").exists());
    assert_same(&wait(vault.account("home/0")).expect("reads").expect("it is there").value, &accounts[0]);
}

#[test]
fn j7_others_that_have_it_open_go_on_with_the_new_key() {
    let (home, accounts) = filled(3);
    let (one, other, third) = (home.open(), home.open(), home.open());
    let given = KeySource::Text(Secret::new(fs::read_to_string(home.key()).expect("reads")));
    let with_text = Vault::open_existing(&home.vault(), given).expect("opens");
    // All of them have written, and know what with.
    for vault in [&one, &other, &third, &with_text, &one] {
        wait(vault.put_app("example", &app())).expect("puts");
    }
    wait(one.rekey(&KeySource::File(home.key()))).expect("seals anew");
    // The first thing they do: read by name, list, write, be told that there is none.
    assert_same(&wait(other.account("home/1")).expect("reads").expect("it is there").value, &accounts[1]);
    wait(third.put_account(&oauth2_account("another"), Expected::Nothing, None)).expect("puts");
    assert_eq!(wait(other.accounts()).expect("lists").len(), 4);
    assert!(wait(one.account("another")).expect("reads").is_some(), "under the new key");
    // Whose key cannot have changed with it is told so, and writes nothing.
    let before = wait(one.accounts()).expect("lists").len();
    for error in [
        error(wait(with_text.put_account(&oauth2_account("lost"), Expected::Nothing, None))),
        error(wait(with_text.account("home/1"))),
        error(wait(with_text.remove_account("home/1", None))),
        error(wait(with_text.accounts())),
    ] {
        assert!(matches!(error, StoreError::WrongKey(_)), "{error:?}");
    }
    assert_eq!(wait(one.accounts()).expect("lists").len(), before);
    wait(other.put_app("example", &app())).expect("puts");
    wait(other.rekey(&KeySource::File(home.key()))).expect("again, by another");
    wait(other.put_app("example", &app())).expect("puts, before anybody else has");
    wait(one.put_app("more", &app())).expect("puts");
    assert_eq!(wait(third.apps()).expect("lists").len(), 2);
}

#[test]
fn j7_a_process_that_opened_with_a_passphrase_is_told() {
    let home = Home::new();
    let vault = Vault::open(&home.vault(), passphrase("one")).expect("makes a vault");
    let other = Vault::open(&home.vault(), passphrase("one")).expect("opens");
    wait(vault.rekey(&passphrase("two"))).expect("seals anew");
    assert!(matches!(error(wait(other.put_app("example", &app()))), StoreError::Locked(_)));
    wait(vault.put_app("example", &app())).expect("puts");
}

/// What a rekey leaves that was killed before its commit, and after it.
#[test]
fn j3_both_sides_of_the_commit_are_put_in_order() {
    let (home, accounts) = filled(2);
    let (key, next) = (fs::read(home.key()).expect("reads"), home.folder().join("vault.key.new"));
    let write = |path: &Path, key: &[u8]| {
        fs::write(path, key).expect("writes");
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("chmod");
    };
    // Before: the new key opens nothing.
    write(&next, &format!("{}\n", "01".repeat(32)).into_bytes());
    assert_whole(&home.open(), &accounts);
    assert!(!next.exists());
    // After: the old key opens nothing.
    write(&next, &key);
    write(&home.key(), &format!("{}\n", "02".repeat(32)).into_bytes());
    assert_whole(&home.open(), &accounts);
    assert!(!next.exists());
    assert!(fs::read(home.key()).expect("reads") == key);
    // After, where there was no key file before.
    write(&next, &key);
    fs::remove_file(home.key()).expect("removes");
    assert_whole(&home.open(), &accounts);
    assert!(!next.exists() && home.key().exists());
    // Neither: both stay, for a person to look at.
    write(&next, &format!("{}\n", "03".repeat(32)).into_bytes());
    write(&home.key(), &format!("{}\n", "04".repeat(32)).into_bytes());
    assert!(matches!(error(home.try_open()), StoreError::WrongKey(_)));
    assert!(next.exists() && home.key().exists());
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn child() {
    let Ok(path) = std::env::var(TASK) else { return };
    let path = Path::new(&path);
    let vault = Vault::open(path, KeySource::beside(path)).expect("opens");
    loop {
        wait(vault.rekey(&KeySource::beside(path))).expect("seals anew");
        println!("\n{SEALED}");
    }
}

fn start(home: &Home) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(TASK, home.vault())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child starts")
}

/// Waits until the child has sealed everything anew once. What is given back keeps the pipe open: without it, the child's next word ends it.
fn wait_for_the_first(child: &mut Child) -> BufReader<ChildStdout> {
    let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
    let first = said.by_ref().lines().map_while(Result::ok).find(|line| line == SEALED);
    first.expect("it ends before it has sealed anything anew");
    said
}

#[test]
fn j3_a_rekey_killed_at_any_moment_loses_nothing() {
    let (home, accounts) = filled(60);
    let (mut last, mut left_over) = (1, 0);
    for round in 0..1000_u64 {
        // Where each falls is for the machine to say: until enough were killed between the key and its place.
        if round >= 100 && left_over > 5 {
            break;
        }
        let mut child = start(&home);
        // Once it has begun, somewhere in its next two or three.
        let _said = wait_for_the_first(&mut child);
        std::thread::sleep(Duration::from_micros(round * 7919 % 40_000));
        child.kill().expect("kills");
        child.wait().expect("ends");
        left_over += u32::from(home.folder().join("vault.key.new").exists());
        assert_whole(&home.open(), &accounts);
        let now = header(&home).0;
        assert!(now > last, "round {round} had no rekey");
        last = now;
        assert!(!home.folder().join("vault.key.new").exists(), "round {round}");
    }
    assert!(left_over > 5, "{left_over} were killed between the key and its place");
}

#[test]
fn j7_a_process_that_writes_all_the_while_loses_nothing() {
    let (home, _) = filled(3);
    let mut child = start(&home);
    let _said = wait_for_the_first(&mut child);
    let vault = home.open();
    let (before, begun, mut number) = (header(&home).0, Instant::now(), 0);
    // Until it was sealed anew twice at least while this one writes.
    while number < 100 || header(&home).0 <= before + 1 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody seals it anew");
        wait(vault.put_account(&oauth2_account(&format!("new/{number}")), Expected::Nothing, None)).expect("puts");
        assert!(wait(vault.account(&format!("new/{number}"))).expect("reads").is_some());
        number += 1;
    }
    child.kill().expect("kills");
    child.wait().expect("ends");
    drop(vault);
    assert_eq!(wait(home.open().accounts()).expect("lists").len(), 3 + number);
}

//! Several processes on one vault, and processes that die. The children are this same test binary, told what to do by [`child`].

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use common::{BEGAN, Home, oauth2_account, oauth2_pending, wait};
use keyfob::proto::Timestamp;
use keyfob::store::Expected;
use keyfob::{Store, StoreError};
use keyfob_store::{KeySource, Vault};

/// Says what the child is to do; the test below is nothing without it.
const TASK: &str = "KEYFOB_STORE_TEST_TASK";
/// What every account a child puts has in `client_id`: a torn record would not have it.
const WHOLE: &str = "whole";

fn start(home: &Home, task: &str) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(TASK, format!("{task}\n{}", home.vault().display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child starts")
}

/// Waits for the child's end; gives its lines.
fn finish(child: Child) -> Vec<String> {
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the child failed");
    lines(&output.stdout)
}

/// The lines a child said on purpose, without the test harness's own.
fn lines(stdout: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stdout);
    // Without its newline a line was not said: a killed child may stop in the middle of one.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter_map(|line| line.split_once("said: ")).map(|(_, line)| line.to_owned()).collect()
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let (task, path) = task.split_once('\n').expect("a task and a path");
    let path = PathBuf::from(path);
    let vault = Vault::open(&path, KeySource::beside(&path)).expect("opens");
    match task.split_once(' ').expect("a verb and its object") {
        ("open", _) => println!("said: {}", vault.key_made().is_some()),
        ("put", prefix) => {
            let count = if prefix.starts_with("endless") { u32::MAX } else { 200 };
            for number in 0..count {
                let name = format!("{prefix}-{number}");
                let mut account = oauth2_account(&name);
                account.client_id = WHOLE.to_owned();
                wait(vault.put_account(&account, Expected::Nothing, None)).expect("puts");
                println!("said: {name}");
            }
        }
        ("swap", _) => {
            for _ in 0..200 {
                // Until ours is the one that goes in.
                loop {
                    let mut found = wait(vault.account("shared")).expect("reads").expect("it is there");
                    let count: u64 = found.value.client_id.parse().expect("a number");
                    found.value.client_id = (count + 1).to_string();
                    match wait(vault.put_account(&found.value, Expected::Generation(found.generation), None)) {
                        Ok(_) => break,
                        Err(StoreError::Conflict) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
        ("take", key) => {
            let taken = wait(vault.take_pending(key, "browser", Timestamp::from_unix(BEGAN + 1))).expect("looks");
            println!("said: {}", taken.is_some());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn j7_two_processes_that_add_accounts_keep_them_all() {
    let home = Home::new();
    let children = ["left", "right"].map(|prefix| start(&home, &format!("put {prefix}")));
    let said: usize = children.into_iter().map(|child| finish(child).len()).sum();
    assert_eq!(said, 400);
    let names: BTreeSet<_> = wait(home.open().accounts()).expect("lists").into_iter().map(|account| account.value.name).collect();
    let expected: BTreeSet<_> = (0..200).flat_map(|number| [format!("left-{number}"), format!("right-{number}")]).collect();
    assert!(names == expected);
}

#[test]
fn j7_threads_with_vaults_of_their_own_keep_them_all() {
    let home = Arc::new(Home::new());
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let home = Arc::clone(&home);
            std::thread::spawn(move || {
                let vault = home.open();
                for number in 0..50 {
                    wait(vault.put_account(&oauth2_account(&format!("{thread}-{number}")), Expected::Nothing, None)).expect("puts");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    assert_eq!(wait(home.open().accounts()).expect("lists").len(), 200);
}

#[test]
fn j7_of_two_processes_that_swap_no_write_is_lost() {
    let home = Home::new();
    let mut account = oauth2_account("shared");
    account.client_id = "0".to_owned();
    wait(home.open().put_account(&account, Expected::Nothing, None)).expect("puts");
    for child in [start(&home, "swap it"), start(&home, "swap it")] {
        finish(child);
    }
    let found = wait(home.open().account("shared")).expect("reads").expect("it is there");
    assert_eq!((found.value.client_id.as_str(), found.generation.0), ("400", 401));
}

#[test]
fn j1_processes_that_open_first_at_once_make_one_key_and_one_vault() {
    for _ in 0..5 {
        let home = Home::new();
        let children: Vec<_> = (0..6).map(|_| start(&home, "open it")).collect();
        let made: Vec<_> = children.into_iter().flat_map(finish).collect();
        assert_eq!(made.len(), 6);
        assert_eq!(made.iter().filter(|made| *made == "true").count(), 1, "{made:?}");
        let mut names: Vec<_> =
            std::fs::read_dir(home.folder()).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
        // Of two that close at once each may leave the log to the other.
        names.retain(|name| name != "vault.db-wal" && name != "vault.db-shm");
        names.sort();
        assert_eq!(names, ["vault.db", "vault.db.lock", "vault.key"]);
    }
}

/// A key file is of one vault: the others would be lost when that is sealed anew.
#[test]
fn j1_of_vaults_that_want_one_key_file_at_once_one_gets_it() {
    for _ in 0..10 {
        let home = Home::new();
        std::fs::create_dir(home.folder()).expect("a folder");
        let path = |number: usize| home.folder().join(format!("{number}.db"));
        let opening: Vec<_> = (0..8)
            .map(|number| {
                let (vault, key) = (path(number), home.key());
                std::thread::spawn(move || Vault::open(&vault, KeySource::File(key)).map(drop))
            })
            .collect();
        let opened: Vec<_> = opening.into_iter().map(|thread| thread.join().expect("it ends")).collect();
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1, "{opened:?}");
        for (number, opened) in opened.iter().enumerate() {
            match opened {
                Ok(()) => drop(Vault::open_existing(&path(number), KeySource::File(home.key())).expect("it opens")),
                Err(StoreError::Unsafe(_)) => assert!(!path(number).exists(), "nothing was made"),
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

#[test]
fn a4_of_several_processes_one_gets_the_login() {
    let home = Home::new();
    wait(home.open().put_pending(&oauth2_pending("the-state"), "browser")).expect("puts");
    let children: Vec<_> = (0..6).map(|_| start(&home, "take the-state")).collect();
    let taken: Vec<_> = children.into_iter().flat_map(finish).collect();
    assert_eq!((taken.len(), taken.iter().filter(|taken| *taken == "true").count()), (6, 1));
}

/// kill -9 at any moment, the first opening included: the vault opens, and what was acknowledged is there, whole.
#[test]
fn j3_killed_at_any_moment_nothing_acknowledged_is_lost() {
    let mut home = Home::new();
    let mut acknowledged: Vec<String> = Vec::new();
    for kill in 0..200_u64 {
        if kill % 20 == 0 {
            // Now and then a new one, so that making a vault is interrupted, too.
            home = Home::new();
            acknowledged.clear();
        }
        let mut child = start(&home, &format!("put endless-{kill}"));
        if kill % 20 == 0 {
            std::thread::sleep(std::time::Duration::from_micros(kill * 97 % 20_000));
        } else {
            let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
            let mut text = Vec::new();
            while lines(&text).len() < usize::try_from(kill % 5).expect("small") {
                assert!(said.read_until(b'\n', &mut text).expect("reads") > 0, "the child ended by itself");
            }
            std::thread::sleep(std::time::Duration::from_micros(kill * 331 % 4000));
            child.kill().expect("kills");
            std::io::Read::read_to_end(&mut said, &mut text).expect("reads the rest");
            acknowledged.extend(lines(&text));
        }
        child.kill().expect("kills");
        child.wait().expect("it ends");
        let vault = home.try_open().unwrap_or_else(|error| panic!("kill {kill}: {error:?}"));
        let accounts = wait(vault.accounts()).unwrap_or_else(|error| panic!("kill {kill}: {error:?}"));
        assert!(accounts.iter().all(|account| account.value.client_id == WHOLE));
        let names: BTreeSet<_> = accounts.into_iter().map(|account| account.value.name).collect();
        for name in &acknowledged {
            assert!(names.contains(name), "kill {kill}: {name} was acknowledged and is lost");
        }
    }
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
}

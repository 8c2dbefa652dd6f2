//! Sealing anew: all of it or nothing, whoever has it open, and whenever it is killed. The children are this same test binary.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyfob::proto::{Secret, Timestamp};
use keyfob::store::{EntryNumber, Expected, Generation, Refusal};
use keyfob::{Account, Store, StoreError};
use keyfob_store::transfer::count;
use keyfob_store::{KeySource, PostgresVault, Shelf};
use keyfob_testbed::{Cluster, Database, Options};

use crate::common::{BEGAN, Home, app, assert_same, error, healthy_account, oauth1_account, oauth2_account, oauth2_pending};
use crate::contract::entry;
use crate::shelf::{KEY as VALET, NOW, act, item};
use crate::support::{key, open, past, vault};

const URL: &str = "KEYFOB_TEST_URL";
const KEY: &str = "KEYFOB_TEST_KEY";
const LOOP: &str = "rekey::somebody_who_seals_anew";

/// More than is sealed anew at a time.
const ACCOUNTS: usize = 1100;

fn passphrase(text: &str) -> KeySource {
    KeySource::Passphrase(Secret::new(text))
}

async fn open_with(url: &str, source: KeySource) -> Result<PostgresVault, StoreError> {
    PostgresVault::open(&Secret::new(url), source).await
}

async fn fill(vault: &PostgresVault, accounts: usize) -> Vec<Account> {
    vault.put_app("example", &app()).await.expect("puts");
    let mut put = Vec::new();
    for number in 0..accounts {
        let name = format!("home/{number}");
        let account = if number % 2 == 0 { healthy_account(&name, BEGAN) } else { oauth1_account(&name) };
        vault.put_account(&account, Expected::Nothing, Some(&entry(&account, 1))).await.expect("puts");
        put.push(account);
    }
    put
}

/// Everything is there, and is what it was.
async fn assert_whole(vault: &PostgresVault, accounts: &[Account]) {
    assert_same(&vault.app("example").await.expect("reads").expect("the app is there"), &app());
    assert_eq!(vault.accounts().await.expect("lists").len(), accounts.len());
    for account in accounts.iter().step_by(97).chain(accounts.last()) {
        let found = vault.account(&account.name).await.expect("reads").expect("the account is there");
        assert_same(&found.value, account);
        assert_eq!(vault.history(&account.id).await.expect("reads").len(), 1);
    }
    assert_eq!(vault.entries(Some(EntryNumber(0)), usize::MAX).await.expect("reads").len(), accounts.len());
}

async fn generation(sql: &tokio_postgres::Client) -> i64 {
    sql.query_one("SELECT generation FROM keyfob.header", &[]).await.expect("reads").get(0)
}

/// Until the database says so.
async fn until(sql: &tokio_postgres::Client, question: &str) {
    let begun = Instant::now();
    while !sql.query_one(question, &[]).await.expect("asks").get::<_, bool>(0) {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {question}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_sealed_anew_under_another_key() {
    let Some((database, vault)) = vault().await else { return };
    let accounts = fill(&vault, ACCOUNTS).await;
    vault.put_pending(&oauth2_pending("canary-state-e3c0d1f2"), "binding").await.expect("puts");
    let now = Timestamp::from_unix(BEGAN + 100_000);
    assert_eq!(vault.lease_due(now, now.plus(600), 50).await.expect("leases").len(), 50);
    let sql = past(&database).await;
    let everything = "SELECT name FROM keyfob.account UNION ALL SELECT id FROM keyfob.app UNION ALL SELECT record FROM keyfob.account
        UNION ALL SELECT record FROM keyfob.app UNION ALL SELECT record FROM keyfob.history UNION ALL SELECT data_key FROM keyfob.header";
    let old: Vec<Vec<u8>> = sql.query(everything, &[]).await.expect("reads").iter().map(|row| row.get(0)).collect();
    let done = vault.rekey(&key(2)).await.expect("seals anew");
    assert_eq!((done.sealed, done.generation), (1 + 2 * ACCOUNTS as u64, 2));
    let new: Vec<Vec<u8>> = sql.query(everything, &[]).await.expect("reads").iter().map(|row| row.get(0)).collect();
    let old: std::collections::HashSet<_> = old.into_iter().collect();
    assert!(new.len() == old.len() && new.iter().all(|value| !old.contains(value)), "nothing is left of the old key");
    assert_whole(&vault, &accounts).await;
    let other = open_with(&database.url(), key(2)).await.expect("opens");
    assert_whole(&other, &accounts).await;
    assert!(matches!(error(open_with(&database.url(), key(1)).await), StoreError::WrongKey(_)));
    // Leases stay, generations count on, logins begin anew.
    assert_eq!(other.lease_due(now, now.plus(600), usize::MAX).await.expect("leases").len(), ACCOUNTS / 2 - 50);
    assert_eq!(other.put_account(&accounts[0], Expected::Generation(Generation(1)), None).await.expect("writes"), Generation(2));
    assert!(other.take_pending("canary-state-e3c0d1f2", "binding", Timestamp::from_unix(BEGAN)).await.expect("asks").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j9_what_cannot_be_had_changes_nothing() {
    let Some((database, vault)) = vault().await else { return };
    let accounts = fill(&vault, 2).await;
    let home = Home::new();
    assert!(vault.rekey(&passphrase(" ")).await.is_err());
    assert!(vault.rekey(&KeySource::Text(Secret::new("no key"))).await.is_err());
    assert!(vault.rekey(&KeySource::Provided(home.root().join("none"))).await.is_err());
    // A record that does not open must not be lost by sealing the others without it.
    let sql = past(&database).await;
    sql.execute("UPDATE keyfob.history SET record = '\\x00' WHERE number = (SELECT max(number) FROM keyfob.history)", &[])
        .await
        .expect("edits");
    assert!(matches!(error(vault.rekey(&KeySource::File(home.key())).await), StoreError::Corrupt(_)));
    assert_eq!(generation(&sql).await, 1);
    assert!(!home.key().exists() && !home.folder().join("vault.key.new").exists());
    assert_same(&vault.account("home/0").await.expect("reads").expect("it is there").value, &accounts[0]);
    vault.put_account(&oauth2_account("another"), Expected::Nothing, None).await.expect("nothing is locked any more");
}

/// A role that works in the tables may not write the header. It is told so before there is a new key.
#[tokio::test]
async fn a_role_that_may_not_seal_anew_is_told_so_at_once() {
    let Some((database, vault)) = vault().await else { return };
    drop(vault);
    let sql = past(&database).await;
    let role = format!("worker_{}", database.name());
    sql.batch_execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'worker'; GRANT USAGE ON SCHEMA keyfob TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA keyfob TO {role};
         GRANT INSERT, UPDATE, DELETE ON keyfob.app, keyfob.account, keyfob.history, keyfob.pending, keyfob.item, keyfob.act TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA keyfob TO {role}"
    ))
    .await
    .expect("grants");
    let worker = open(&database.url_of(&role, "worker", "127.0.0.1")).await;
    worker.put_app("example", &app()).await.expect("it may write");
    worker.put_account(&oauth2_account("home"), Expected::Nothing, None).await.expect("it may write");
    let home = Home::new();
    let refused = error(worker.rekey(&KeySource::File(home.key())).await);
    assert!(matches!(&refused, StoreError::Refused(what, Refusal::Right) if what.contains("does not allow its user")), "{refused:?}");
    assert!(!home.folder().exists(), "no key was made");
}

/// Two databases can have one address, as behind a tunnel: the second must not get the first one's key file, which only one of them survives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j7_a_key_file_is_of_one_database() {
    let (Some(one), Some(other)) = (Cluster::shared().map(Cluster::database), Cluster::shared().map(Cluster::database)) else { return };
    let home = Home::new();
    let of_file = || KeySource::File(home.key());
    open_with(&one.url(), of_file()).await.expect("makes a vault");
    let refused = error(open_with(&other.url(), of_file()).await);
    assert!(matches!(&refused, StoreError::Unsafe(what) if what.contains("another vault")), "{refused:?}");
    // Nothing was made there, so that another key can be named.
    fs::rename(home.key(), home.folder().join("one.key")).expect("moves");
    open_with(&other.url(), of_file()).await.expect("makes a vault");
    let of_the_one = KeySource::File(home.folder().join("one.key"));
    let vault = open_with(&one.url(), of_the_one.clone()).await.expect("opens");
    let refused = error(vault.rekey(&of_file()).await);
    assert!(matches!(&refused, StoreError::Unsafe(what) if what.contains("another vault")), "{refused:?}");
    vault.rekey(&of_the_one).await.expect("seals anew");
    open_with(&other.url(), of_file()).await.expect("still opens");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j7_others_that_have_it_open_go_on_with_the_new_key() {
    let Some(database) = Cluster::shared().map(Cluster::database) else { return };
    let home = Home::new();
    let of_file = || KeySource::File(home.key());
    let one = open_with(&database.url(), of_file()).await.expect("makes a vault");
    let accounts = fill(&one, 4).await;
    let text = KeySource::Text(Secret::new(fs::read_to_string(home.key()).expect("reads")));
    let elsewhere = open_with(&database.url(), text).await.expect("opens");
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(open_with(&database.url(), of_file()).await.expect("opens"));
    }
    one.rekey(&of_file()).await.expect("seals anew");
    // The first thing that each does: everything that a store can do.
    let now = Timestamp::from_unix(BEGAN + 100_000);
    assert_same(&others[0].account("home/1").await.expect("reads").expect("it is there").value, &accounts[1]);
    others[1].put_account(&oauth2_account("another"), Expected::Nothing, Some(&entry(&accounts[0], 2))).await.expect("puts");
    assert_eq!(others[2].accounts().await.expect("lists").len(), 5);
    assert_eq!(others[3].put_account(&accounts[2], Expected::Generation(Generation(1)), None).await.expect("swaps"), Generation(2));
    others[4].put_account(&oauth2_account("home/3"), Expected::Anything, None).await.expect("puts over it");
    others[5].put_pending(&oauth2_pending("canary-state-e3c0d1f2"), "binding").await.expect("puts");
    let taken = others[6].take_pending("canary-state-e3c0d1f2", "binding", Timestamp::from_unix(BEGAN)).await.expect("takes");
    assert!(taken.is_some());
    assert_eq!(others[7].lease_due(now, now.plus(600), 10).await.expect("leases").len(), 2);
    assert!(one.account("another").await.expect("reads").is_some(), "under the new key");
    // Whose key cannot have changed with it is told so, and writes nothing.
    for error in [
        error(elsewhere.put_account(&oauth2_account("lost"), Expected::Nothing, None).await),
        error(elsewhere.put_account(&accounts[1], Expected::Anything, None).await),
        error(elsewhere.put_app("lost", &app()).await),
        error(elsewhere.put_pending(&oauth2_pending("lost"), "binding").await),
        error(elsewhere.account("home/1").await),
        error(elsewhere.app("example").await),
        error(elsewhere.remove_account("home/1", None).await),
        error(elsewhere.remove_app("example").await),
        error(elsewhere.accounts().await),
        error(elsewhere.history(&accounts[1].id).await),
    ] {
        assert!(matches!(error, StoreError::WrongKey(_)), "{error:?}");
    }
    let sql = past(&database).await;
    let counted = sql.query_one(
        "SELECT (SELECT count(*) FROM keyfob.account), (SELECT count(*) FROM keyfob.app), (SELECT count(*) FROM keyfob.pending)",
        &[],
    );
    let counted = counted.await.expect("counts");
    assert_eq!((counted.get::<_, i64>(0), counted.get::<_, i64>(1), counted.get::<_, i64>(2)), (5, 1, 0));
    // Again, by another. The first things of those that have not done anything yet.
    others[0].rekey(&of_file()).await.expect("seals anew");
    assert!(others[1].remove_account("another", None).await.expect("removes"));
    one.put_app("more", &app()).await.expect("puts");
    assert_eq!(others[2].apps().await.expect("lists").len(), 2);
    assert!(others[3].remove_app("more").await.expect("removes"));
    assert_eq!(others[4].history(&accounts[1].id).await.expect("reads").len(), 1);
    assert!(!others[5].entries(Some(EntryNumber(0)), 10).await.expect("reads").is_empty());
    assert!(others[6].app("example").await.expect("reads").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j7_a_process_that_opened_with_a_passphrase_is_told() {
    let Some(database) = Cluster::shared().map(Cluster::database) else { return };
    let vault = open_with(&database.url(), passphrase("one")).await.expect("makes a vault");
    let other = open_with(&database.url(), passphrase("one")).await.expect("opens");
    vault.rekey(&passphrase("two")).await.expect("seals anew");
    assert!(matches!(error(other.put_app("example", &app()).await), StoreError::Locked(_)));
    assert!(matches!(error(other.put_account(&oauth2_account("home"), Expected::Nothing, None).await), StoreError::Locked(_)));
    vault.put_app("example", &app()).await.expect("puts");
    assert!(matches!(error(other.app("example").await), StoreError::Locked(_)));
    assert!(open_with(&database.url(), passphrase("two")).await.expect("opens").app("example").await.expect("reads").is_some());
}

/// What every guard rests on: a statement that waited for a rekey's locks sees the header that the rekey left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j7_a_write_that_waits_for_a_rekey_sees_its_header() {
    let Some((database, vault)) = vault().await else { return };
    let account = oauth2_account("home");
    vault.put_account(&account, Expected::Nothing, None).await.expect("puts");
    vault.put_item(VALET, &item("one"), Expected::Nothing).await.expect("puts");
    let (mut sql, watch) = (past(&database).await, past(&database).await);
    let rekey = sql.transaction().await.expect("begins");
    let lock = "LOCK TABLE keyfob.app, keyfob.account, keyfob.history, keyfob.pending, keyfob.item, keyfob.act IN EXCLUSIVE MODE";
    rekey.batch_execute(lock).await.expect("locks");
    rekey.batch_execute("UPDATE keyfob.header SET generation = 2; UPDATE keyfob.account SET name = '\\x02'").await.expect("edits");
    let (another, app, pending) = (oauth2_account("another"), app(), oauth2_pending("state"));
    let (first, one, two) = (entry(&another, 1), item("one"), item("two"));
    let writing = async {
        tokio::join!(
            vault.put_account(&another, Expected::Nothing, Some(&first)),
            vault.put_account(&account, Expected::Generation(Generation(1)), None),
            vault.put_app("example", &app),
            vault.put_pending(&pending, "binding"),
            vault.put_item(VALET, &one, Expected::Generation(Generation(1))),
            vault.put_item(VALET, &two, Expected::Nothing),
            vault.record(vec![act(1, None)]),
        )
    };
    let committing = async {
        until(
            &watch,
            "SELECT count(*) = 7 FROM pg_locks JOIN pg_database d ON d.oid = database WHERE d.datname = current_database() AND NOT granted",
        )
        .await;
        rekey.commit().await.expect("commits");
    };
    let ((one, two, three, four, five, six, seven), ()) = tokio::join!(writing, committing);
    // The header says what was never written.
    for refused in [error(one), error(two), error(three), error(four), error(five), error(six), error(seven)] {
        assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
    }
    let counts = "SELECT (SELECT sum(generation)::bigint FROM keyfob.account), (SELECT count(*) FROM keyfob.app),
        (SELECT count(*) FROM keyfob.history), (SELECT count(*) FROM keyfob.pending),
        (SELECT sum(generation)::bigint FROM keyfob.item), (SELECT count(*) FROM keyfob.act)";
    let counts = watch.query_one(counts, &[]).await.expect("counts");
    assert_eq!([0, 1, 2, 3, 4, 5].map(|column| counts.get::<_, i64>(column)), [1, 0, 0, 0, 1, 0], "nothing was written");
}

/// And what that rests on: whoever writes anything that is sealed waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j7_everybody_who_writes_waits_for_a_rekey() {
    let Some((database, vault)) = vault().await else { return };
    let other = open(&database.url()).await;
    vault.put_item(VALET, &item("one"), Expected::Nothing).await.expect("puts");
    let (sql, watch) = (past(&database).await, past(&database).await);
    // Where a rekey has its locks, and has not begun.
    sql.batch_execute("BEGIN; SELECT FROM keyfob.header FOR UPDATE").await.expect("locks");
    let same = key(1);
    let rekey = vault.rekey(&same);
    let (account, app, pending, one) = (oauth2_account("home"), app(), oauth2_pending("state"), item("one"));
    let writing = async {
        until(
            &watch,
            "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'keyfob.act'::regclass AND mode = 'ExclusiveLock' AND granted)",
        )
        .await;
        tokio::join!(
            other.put_account(&account, Expected::Nothing, None),
            other.put_app("example", &app),
            other.put_pending(&pending, "binding"),
            other.put_item(VALET, &one, Expected::Generation(Generation(1))),
            other.record(vec![act(1, None)]),
        )
    };
    let letting_go = async {
        until(
            &past(&database).await,
            "SELECT count(DISTINCT relation) = 5 FROM pg_locks WHERE NOT granted AND relation IN ('keyfob.account'::regclass,
                'keyfob.app'::regclass, 'keyfob.pending'::regclass, 'keyfob.item'::regclass, 'keyfob.act'::regclass)",
        )
        .await;
        sql.batch_execute("COMMIT").await.expect("lets go");
    };
    let (rekeyed, (one, two, three, four, five), ()) = tokio::join!(rekey, writing, letting_go);
    assert_eq!(rekeyed.expect("seals anew").generation, 2);
    one.expect("puts");
    two.expect("puts");
    three.expect("puts");
    assert_eq!(four.expect("swaps"), Generation(2));
    five.expect("writes");
    let all = count(&vault).await.expect("everything opens");
    assert_eq!((all.accounts, all.apps, all.items, all.acts), (1, 1, 1, 1));
}

#[tokio::test]
#[ignore = "run by the other tests, as a process of its own"]
async fn somebody_who_seals_anew() {
    let (Ok(url), Ok(key)) = (std::env::var(URL), std::env::var(KEY)) else { return };
    let source = || KeySource::File(key.clone().into());
    let vault = open_with(&url, source()).await.expect("opens");
    loop {
        vault.rekey(&source()).await.expect("seals anew");
    }
}

fn start(database: &Database<'_>, home: &Home) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", LOOP, "--ignored", "--nocapture", "--test-threads=1"])
        .env(URL, database.url())
        .env(KEY, home.key())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j3_a_rekey_killed_at_any_moment_loses_nothing() {
    let Some(database) = Cluster::shared().map(Cluster::database) else { return };
    let home = Home::new();
    let source = || KeySource::File(home.key());
    let accounts = fill(&open_with(&database.url(), source()).await.expect("makes a vault"), 60).await;
    let sql = past(&database).await;
    let (mut last, mut left_over) = (1, 0);
    for round in 0..1000_u64 {
        // Where each falls is for the machine to say: until enough were killed between the key and its place.
        if round >= 60 && left_over > 5 {
            break;
        }
        let mut child = start(&database, &home);
        // Once it has begun, somewhere in its next two or three.
        until(&sql, &format!("SELECT generation > {last} FROM keyfob.header")).await;
        tokio::time::sleep(Duration::from_micros(round * 7919 % 80_000)).await;
        child.kill().expect("kills");
        child.wait().expect("ends");
        left_over += u32::from(home.folder().join("vault.key.new").exists());
        let vault = open_with(&database.url(), source()).await.expect("opens with one of the two keys");
        assert_whole(&vault, &accounts).await;
        assert!(!home.folder().join("vault.key.new").exists(), "round {round}");
        last = generation(&sql).await;
    }
    assert!(left_over > 5, "{left_over} were killed between the key and its place");
}

/// The client is dead, and its commit is not: the server waits for a standby. To take the new key away now would lose the vault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j3_the_server_may_commit_after_its_client_is_dead() {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let (database, home) = (cluster.database(), Home::new());
    let source = || KeySource::File(home.key());
    let accounts = fill(&open_with(&database.url(), source()).await.expect("makes a vault"), 3).await;
    let sql = past(&database).await;
    database.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    database.sql("SELECT pg_reload_conf()");
    let mut child = start(&database, &home);
    until(&sql, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')").await;
    child.kill().expect("kills");
    child.wait().expect("ends");
    assert_eq!(generation(&sql).await, 1, "nobody sees it yet");
    let opening = async { open_with(&database.url(), source()).await };
    let committing = async {
        until(&sql, "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)").await;
        assert!(home.folder().join("vault.key.new").exists(), "nobody knows yet which of the two it is");
        database.sql("ALTER SYSTEM RESET synchronous_standby_names");
        database.sql("SELECT pg_reload_conf()");
    };
    let (vault, ()) = tokio::join!(opening, committing);
    assert_whole(&vault.expect("opens"), &accounts).await;
    assert_eq!(generation(&sql).await, 2);
    assert!(!home.folder().join("vault.key.new").exists());
    assert_whole(&open_with(&database.url(), source()).await.expect("opens again"), &accounts).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j7_processes_that_write_all_the_while_lose_nothing() {
    const EACH: usize = 60;
    let Some(database) = Cluster::shared().map(Cluster::database) else { return };
    let home = Home::new();
    let source = || KeySource::File(home.key());
    let first = open_with(&database.url(), source()).await.expect("makes a vault");
    fill(&first, 3).await;
    let sql = past(&database).await;
    let mut child = start(&database, &home);
    until(&sql, "SELECT generation > 1 FROM keyfob.header").await;
    let is_enough = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..3 {
        let vault = open_with(&database.url(), source()).await.expect("opens in the middle of it");
        let is_enough = Arc::clone(&is_enough);
        writers.push(tokio::spawn(async move {
            let mut number = 0;
            while number < EACH || !is_enough.load(Ordering::Relaxed) {
                let account = oauth2_account(&format!("new/{writer}/{number}"));
                vault.put_account(&account, Expected::Nothing, Some(&entry(&account, 1))).await.expect("puts");
                let generation = vault.put_account(&account, Expected::Generation(Generation(1)), Some(&entry(&account, 2))).await;
                assert_eq!(generation.expect("swaps"), Generation(2));
                assert!(vault.account(&account.name).await.expect("reads").is_some());
                vault.put_app(&format!("app-{writer}"), &app()).await.expect("puts");
                let one = item(&format!("{writer}-{number}"));
                vault.put_item(VALET, &one, Expected::Nothing).await.expect("puts");
                let generation = vault.put_item(VALET, &one, Expected::Generation(Generation(1))).await;
                assert_eq!(generation.expect("swaps"), Generation(2));
                vault.record(vec![act(1, None), act(2, None)]).await.expect("writes");
                let gone = item(&format!("gone-{writer}"));
                vault.put_item(VALET, &gone, Expected::Nothing).await.expect("puts");
                assert!(vault.take_item(VALET, &gone.id, NOW).await.expect("takes").is_some());
                number += 1;
            }
            number
        }));
    }
    // Twice at least while they write.
    until(&sql, &format!("SELECT generation > {} FROM keyfob.header", generation(&sql).await + 1)).await;
    is_enough.store(true, Ordering::Relaxed);
    let mut written = 0;
    for writer in writers {
        written += writer.await.expect("all of it was written");
    }
    child.kill().expect("kills");
    child.wait().expect("ends");
    let vault = open_with(&database.url(), source()).await.expect("opens");
    assert_eq!(vault.accounts().await.expect("lists").len(), 3 + written);
    assert_eq!(vault.apps().await.expect("lists").len(), 1 + 3);
    assert_eq!(vault.entries(Some(EntryNumber(0)), usize::MAX).await.expect("reads").len(), 3 + 2 * written);
    let all = count(&vault).await.expect("everything opens");
    assert_eq!((all.items, all.acts), (written as u64, 2 * written as u64));
}

//! The right to refresh: on one connection, freed by the server when its holder dies.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyfob::store::Hold;
use keyfob::{AccountId, Store};
use keyfob_store::PostgresVault;
use keyfob_testbed::{Cluster, Options};

use crate::support::{open, vault};

const URL: &str = "KEYFOB_TEST_URL";
const ID: &str = "KEYFOB_TEST_ID";
const HELD: &str = "held";

fn id(text: &str) -> AccountId {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).expect("an id")
}

/// Waits for the right; gives how long that took.
async fn taken(vault: &PostgresVault, id: &AccountId) -> (Hold, Duration) {
    let begun = Instant::now();
    loop {
        if let Some(hold) = vault.try_hold(id).await.expect("asks") {
            return (hold, begun.elapsed());
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "it is never free");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Takes the right and keeps it until it is killed.
#[tokio::test]
#[ignore = "run by the other tests, and killed by them"]
async fn somebody_who_holds() {
    let (Ok(url), Ok(account)) = (std::env::var(URL), std::env::var(ID)) else { return };
    let vault = open(&url).await;
    let _held = taken(&vault, &id(&account)).await;
    println!("{HELD}");
    std::thread::sleep(Duration::from_secs(60));
}

#[tokio::test]
async fn d4_a_holder_that_is_killed_frees_the_right_at_once() {
    let Some((database, vault)) = vault().await else { return };
    let account = AccountId::random();
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child.args(["--ignored", "--exact", "--nocapture", "holds::somebody_who_holds"]);
    child.env(URL, database.url()).env(ID, account.as_str()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = child.spawn().expect("it runs");
    let said = BufReader::new(child.stdout.take().expect("a pipe"));
    assert!(said.lines().map_while(Result::ok).any(|line| line.ends_with(HELD)), "it ends without taking it");
    assert!(vault.try_hold(&account).await.expect("asks").is_none());
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    let (_hold, waited) = taken(&vault, &account).await;
    println!("free after {waited:?}");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

#[tokio::test]
async fn a_broken_connection_frees_its_rights_and_is_made_again() {
    let Some((database, vault)) = vault().await else { return };
    let other = open(&database.url()).await;
    let account = AccountId::random();
    let old = vault.try_hold(&account).await.expect("asks").expect("it is free");
    database.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyfob locks' AND datname = current_database()",
    );
    let (held, _) = taken(&other, &account).await;
    // The old holder's going must not free what another holds now; nor does it hold anything itself.
    drop(old);
    assert!(vault.try_hold(&account).await.expect("asks again").is_none());
    drop(held);
    let (_held, _) = taken(&vault, &account).await;
}

/// A server that hangs keeps nobody waiting for ever: whoever wants a right is told, and has it once it answers again.
#[tokio::test]
async fn a_server_that_hangs_is_told_and_found_again() {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let database = cluster.database();
    let vault = open(&database.url()).await;
    let account = AccountId::random();
    drop(taken(&vault, &account).await);
    cluster.freeze(true);
    // Nothing comes, so the clock goes on to the next deadline at once.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let vault = Arc::new(vault);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let vault = Arc::clone(&vault);
        asking.spawn(async move { tokio::time::timeout(Duration::from_secs(600), vault.try_hold(&AccountId::random())).await });
    }
    let asked = asking.join_all().await;
    let waited = begun.elapsed();
    tokio::time::resume();
    cluster.freeze(false);
    for asked in asked {
        let error = asked.expect("it is told").expect_err("the server hangs").to_string();
        assert!(error.contains("does not answer"), "{error}");
    }
    assert!(waited < Duration::from_secs(120), "twenty wait as long as one does: {waited:?}");
    let (_held, _) = taken(&vault, &account).await;
}

/// One connection, however many rights.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_rights_take_one_connection() {
    let Some((database, vault)) = vault().await else { return };
    let vault = Arc::new(vault);
    let ids: Vec<AccountId> = (0..1000).map(|_| AccountId::random()).collect();
    let asked: Vec<_> = ids
        .iter()
        .map(|id| {
            let (vault, id) = (Arc::clone(&vault), id.clone());
            tokio::spawn(async move { vault.try_hold(&id).await.expect("asks").expect("it is free") })
        })
        .collect();
    let mut held = Vec::new();
    for answer in asked {
        held.push(answer.await.expect("it ends"));
    }
    let count = "SELECT (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'keyfob locks' AND datname = current_database()),
                        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
    assert_eq!(database.sql(count), "1|1000");
    drop(held);
    for id in &ids {
        drop(taken(&vault, id).await);
    }
    drop(vault);
    let begun = Instant::now();
    while database.sql(count) != "0|0" {
        assert!(begun.elapsed() < Duration::from_secs(10), "the connection goes with the vault: {}", database.sql(count));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whoever asks and then does not wait for the answer holds nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_nobody_waits_for_is_free_again() {
    let Some((_database, vault)) = vault().await else { return };
    let vault = Arc::new(vault);
    let account = AccountId::random();
    for round in 0..200_u64 {
        let asking = {
            let (vault, account) = (Arc::clone(&vault), account.clone());
            tokio::spawn(async move { vault.try_hold(&account).await.map(drop) })
        };
        tokio::time::sleep(Duration::from_micros(round * 5)).await;
        asking.abort();
        drop(asking.await);
    }
    drop(taken(&vault, &account).await);
}

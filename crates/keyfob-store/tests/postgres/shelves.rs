//! The shelf in PostgreSQL: under the knife, through rekeys and moves, when answers are lost, and when changes are not heard.

use std::time::Duration;

use keyfob::store::{EntryNumber, Expected, Generation};
use keyfob::{Store, StoreError};
use keyfob_store::shelf::{Act, Change, Changes, Item, Kind};
use keyfob_store::transfer::{Moved, copy_all};
use keyfob_store::{PostgresVault, Shelf};
use keyfob_testbed::{Cluster, Database, Options};
use tokio_postgres::Client;

use crate::common::{Home, app, error};
use crate::failures::{Counts, Proxy, restart_and_cut};
use crate::shelf::{KEY, MANY, NOW, act, everything, fill, hear, item};
use crate::support::{open, past, vault};

/// Two items that differ in every column, one that is nobody's, and three lines; still open, to be edited under its eyes.
async fn filled() -> Option<(Database<'static>, PostgresVault, Client)> {
    let (database, vault) = vault().await?;
    let filling = async {
        vault.put_item(KEY, &item("one").owned_by("alice").until(NOW.plus(60)), Expected::Nothing).await?;
        let two = item("two").owned_by("mallory").until(NOW.plus(600));
        vault.put_item(KEY, &two, Expected::Nothing).await?;
        vault.put_item(KEY, &two, Expected::Anything).await?;
        vault.put_item(Kind("person"), &Item::new("alice", "nobody's"), Expected::Nothing).await?;
        vault.record(vec![act(1, Some("alice")), act(2, Some("mallory")), act(3, None)]).await
    };
    filling.await.expect("puts");
    let sql = past(&database).await;
    Some((database, vault, sql))
}

async fn edit(sql: &Client, statement: &str) {
    let edited = sql.execute(statement, &[]).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    assert!(edited > 0, "{statement}");
}

#[track_caller]
fn assert_corrupt<T>(result: Result<T, StoreError>, what: &str) {
    let error = error(result);
    assert!(matches!(error, StoreError::Corrupt(_)), "{what}: {error:?}");
}

#[tokio::test]
async fn j7_every_bit_and_length_of_an_item_and_a_line_counts() {
    let Some((_database, vault, sql)) = filled().await else { return };
    for (table, row) in [("item", "id = 'one'"), ("act", "number = 2")] {
        let read = || async {
            match table {
                "item" => vault.item(KEY, "one", NOW).await.map(|found| found.is_some()),
                _ => vault.acts(None, None, 10).await.map(|found| found.len() == 3),
            }
        };
        let good: Vec<u8> = sql.query_one(&format!("SELECT record FROM keyfob.{table} WHERE {row}"), &[]).await.expect("reads").get(0);
        let put = sql.prepare(&format!("UPDATE keyfob.{table} SET record = $1 WHERE {row}")).await.expect("prepares");
        let flipped = (0..good.len() * 8).map(|bit| {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            bad
        });
        for bad in flipped.chain((0..good.len()).map(|length| good[..length].to_vec())).chain([[good.as_slice(), &[0]].concat()]) {
            assert_eq!(sql.execute(&put, &[&bad]).await.expect("edits"), 1);
            assert_corrupt(read().await, &format!("{table}: {bad:?}"));
        }
        sql.execute(&put, &[&good]).await.expect("edits");
        assert!(read().await.expect("reads"), "{table}: and unharmed it opens");
    }
}

#[tokio::test]
async fn l23_columns_exchanged_between_items_are_refused() {
    for column in ["record", "owner", "expires_at", "generation"] {
        let Some((database, vault, sql)) = filled().await else { return };
        edit(
            &sql,
            &format!(
                "UPDATE keyfob.item SET {column} = (SELECT {column} FROM keyfob.item o WHERE o.kind = 'key' AND o.id <> item.id) WHERE kind = 'key'"
            ),
        )
        .await;
        for id in ["one", "two"] {
            assert_corrupt(vault.item(KEY, id, NOW).await, column);
            assert_corrupt(vault.take_item(KEY, id, NOW).await, column);
            assert_corrupt(vault.put_item(KEY, &item(id), Expected::Anything).await, column);
            assert_corrupt(vault.put_item(KEY, &item(id), Expected::Nothing).await, column);
        }
        assert_corrupt(vault.items(KEY, None, None, 10, NOW).await, column);
        assert_eq!(database.sql("SELECT count(*) FROM keyfob.item"), "3", "{column}: they stay");
    }
}

#[tokio::test]
async fn l23_an_item_or_a_line_cannot_be_changed_in_any_column() {
    for change in [
        "item SET id = 'three' WHERE id = 'one'",
        "item SET owner = 'mallory' WHERE id = 'one'",
        "item SET owner = NULL WHERE id = 'one'",
        "item SET owner = '' WHERE id = 'one'",
        "item SET expires_at = NULL WHERE id = 'one'",
        "item SET expires_at = expires_at + 1 WHERE id = 'one'",
        "item SET generation = 2 WHERE id = 'one'",
        "item SET generation = -1 WHERE id = 'one'",
        "item SET kind = 'key' WHERE kind = 'person'",
        "act SET owner = 'mallory' WHERE number = 1",
        "act SET owner = '' WHERE number = 3",
        "act SET done_at = done_at + 1 WHERE number = 1",
        "act SET number = 7 WHERE number = 1",
        "act SET record = (SELECT record FROM keyfob.act WHERE number = 2) WHERE number = 1",
        "act SET record = (SELECT record FROM keyfob.item WHERE id = 'one') WHERE number = 1",
    ] {
        let Some((_database, vault, sql)) = filled().await else { return };
        edit(&sql, &format!("UPDATE keyfob.{change}")).await;
        match change.starts_with("item") {
            true => assert_corrupt(vault.items(KEY, None, None, 10, NOW).await, change),
            false => {
                assert_corrupt(vault.acts(None, None, 10).await, change);
                // So that the others can be read one by one.
                assert_eq!(vault.numbers(None, None, 10).await.expect("reads").len(), 3, "{change}");
            }
        }
    }
    // Another vault's.
    let (Some((_one, _, from)), Some((_two, vault, into))) = (filled().await, filled().await) else { return };
    let record: Vec<u8> = from.query_one("SELECT record FROM keyfob.item WHERE id = 'one'", &[]).await.expect("reads").get(0);
    into.execute("UPDATE keyfob.item SET record = $1 WHERE id = 'one'", &[&record]).await.expect("edits");
    assert_corrupt(vault.item(KEY, "one", NOW).await, "another vault's");
}

#[tokio::test]
async fn a_vault_of_the_first_version_is_moved_on() {
    let Some((database, vault)) = vault().await else { return };
    vault.put_app("example", &app()).await.expect("puts");
    drop(vault);
    database.sql(
        "DROP TABLE keyfob.item; DROP TABLE keyfob.act; DROP SEQUENCE keyfob.act_number; DELETE FROM keyfob.migration WHERE version = 2",
    );
    let vault = open(&database.url()).await;
    assert!(vault.app("example").await.expect("reads").is_some());
    fill(&vault, 2).await;
    assert_eq!(database.sql("SELECT max(version) FROM keyfob.migration"), "2");
    drop(vault);
    assert_eq!(everything(&open(&database.url()).await).await.1.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_on_the_shelf_is_sealed_anew_and_others_go_on() {
    let Some((database, vault)) = vault().await else { return };
    fill(&vault, MANY).await;
    let home = Home::new();
    let of_file = || keyfob_store::KeySource::File(home.key());
    vault.rekey(&of_file()).await.expect("seals anew");
    let url = keyfob::proto::Secret::new(database.url());
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(PostgresVault::open(&url, of_file()).await.expect("opens"));
    }
    let text = keyfob::proto::Secret::new(std::fs::read_to_string(home.key()).expect("reads"));
    let elsewhere = PostgresVault::open(&url, keyfob_store::KeySource::Text(text)).await.expect("opens");
    let expected = everything(&vault).await;
    let sql = past(&database).await;
    let records = || async {
        let rows = sql.query("SELECT record FROM keyfob.item UNION ALL SELECT record FROM keyfob.act", &[]).await.expect("reads");
        rows.iter().map(|row| row.get(0)).collect::<std::collections::HashSet<Vec<u8>>>()
    };
    let old = records().await;
    let done = others[7].rekey(&of_file()).await.expect("seals anew");
    assert_eq!((done.sealed, done.generation), (2 * u64::from(MANY) + 1, 3));
    let new = records().await;
    assert!(new.len() == old.len() && new.is_disjoint(&old), "nothing is left of the old key");
    assert!(everything(&vault).await == expected);
    // The first thing that each does: everything that a shelf can do.
    assert!(others[0].item(KEY, "id-00001", NOW).await.expect("reads").is_some());
    assert_eq!(others[1].put_item(KEY, &item("id-00001"), Expected::Anything).await.expect("puts"), Generation(2));
    assert_eq!(others[2].put_item(KEY, &item("id-00001"), Expected::Generation(Generation(2))).await.expect("puts"), Generation(3));
    assert_eq!(others[3].put_item(KEY, &item("new"), Expected::Nothing).await.expect("puts"), Generation(1));
    assert!(others[4].take_item(KEY, "id-00002", NOW).await.expect("takes").is_some());
    others[5].record(vec![act(5, None)]).await.expect("writes");
    assert_eq!(others[6].items(KEY, None, None, usize::MAX, NOW).await.expect("lists").len(), MANY as usize);
    assert!(everything(&vault).await == everything(&others[7]).await);
    // Whose key cannot have changed with it is told so, and writes nothing.
    for error in [
        error(elsewhere.put_item(KEY, &item("lost"), Expected::Nothing).await),
        error(elsewhere.put_item(KEY, &item("new"), Expected::Generation(Generation(1))).await),
        error(elsewhere.put_item(KEY, &item("new"), Expected::Anything).await),
        error(elsewhere.item(KEY, "new", NOW).await.map(drop)),
        error(elsewhere.take_item(KEY, "new", NOW).await.map(drop)),
        error(elsewhere.record(vec![act(6, None)]).await),
        error(elsewhere.acts(None, None, 1).await.map(drop)),
    ] {
        assert!(matches!(error, StoreError::WrongKey(_)), "{error:?}");
    }
    assert!(others[0].item(KEY, "lost", NOW).await.expect("reads").is_none());
    assert_eq!(others[0].item(KEY, "new", NOW).await.expect("reads").expect("it is there").generation, Generation(1));
    assert_eq!(others[0].acts(None, None, 1).await.expect("reads")[0].1, act(5, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shelf_moves_into_postgresql_and_back() {
    let Some((_database, there)) = vault().await else { return };
    let (home, other) = (Home::new(), Home::new());
    let (here, back) = (home.open(), other.open());
    fill(&here, MANY).await;
    let moved = Moved { items: u64::from(MANY) + 1, acts: u64::from(MANY), ..Moved::default() };
    assert_eq!(copy_all(&here, &there).await.expect("moves"), moved);
    assert_eq!(there.shelf_size().await.expect("counts"), (u64::from(MANY) + 1, u64::from(MANY)));
    let expected = everything(&here).await;
    assert!(everything(&there).await == expected);
    assert_eq!(copy_all(&there, &back).await.expect("moves back"), moved);
    assert!(everything(&back).await == expected);
    // What comes after goes on from there.
    let before = there.acts(None, None, 1).await.expect("reads")[0].0;
    there.record(vec![act(5, None)]).await.expect("writes");
    assert!(there.acts(None, None, 1).await.expect("reads")[0].0 > before);
    let refused = error(copy_all(&here, &there).await);
    assert!(matches!(refused, StoreError::NotEmpty), "{refused:?}");
}

/// The server did it, and its answer was lost: nothing is done twice, and nothing said to have failed that was done.
#[tokio::test]
async fn d5_a_lost_answer_is_found_out() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let proxy = Proxy::before(cluster.port());
    let url = database.tcp_url("127.0.0.1").replace(&format!(":{}/", cluster.port()), &format!(":{}/", proxy.port())) + "?pool=1";
    let vault = open(&url).await;
    // Each statement once, so that the next answer is that of the statement itself.
    let one = item("one");
    vault.put_item(KEY, &one, Expected::Nothing).await.expect("puts");
    vault.put_item(KEY, &one, Expected::Generation(Generation(1))).await.expect("swaps");
    proxy.swallow_next();
    assert_eq!(vault.put_item(KEY, &one, Expected::Generation(Generation(2))).await.expect("it was done"), Generation(3));
    assert!(proxy.has_swallowed());
    assert_eq!(vault.item(KEY, "one", NOW).await.expect("reads").expect("it is there").generation, Generation(3));
    drop(vault.put_item(KEY, &one, Expected::Nothing).await);
    proxy.swallow_next();
    assert_eq!(vault.put_item(KEY, &item("two"), Expected::Nothing).await.expect("it was done"), Generation(1));
    assert!(proxy.has_swallowed());
    // Somebody else's write is not taken for ours.
    proxy.swallow_next();
    assert!(matches!(vault.put_item(KEY, &item("two"), Expected::Nothing).await, Err(StoreError::Conflict)));
    assert!(proxy.has_swallowed());

    // Lines: the answer of drawing their numbers, and that of writing them.
    vault.record(vec![act(1, None)]).await.expect("writes");
    for number in 2..30 {
        let swallowing = async {
            tokio::time::sleep(Duration::from_micros(u64::from(number) * 53)).await;
            proxy.swallow_next();
        };
        let (written, ()) = tokio::join!(vault.record(vec![act(number, None), act(number + 100, None)]), swallowing);
        written.expect("it is asked for until it is known");
        // What was not swallowed yet is by this.
        drop(vault.acts(None, None, 1).await);
        drop(vault.acts(None, None, 1).await);
    }
    let found: Vec<i64> = vault.acts(None, None, 100).await.expect("reads").iter().rev().map(|(_, act)| act.at.as_unix()).collect();
    let expected: Vec<i64> =
        [act(1, None)].into_iter().chain((2..30).flat_map(|n| [act(n, None), act(n + 100, None)])).map(|act| act.at.as_unix()).collect();
    assert_eq!(found, expected, "once, all, and in order");
}

/// After a fail-over a server may give numbers that another gave before: nobody's line is taken for ours, and none is written over.
#[tokio::test]
async fn d5_a_number_that_is_given_twice_costs_nobody_a_line() {
    let Some((database, vault)) = vault().await else { return };
    vault.record((0..5).map(|number| act(number, None)).collect()).await.expect("writes");
    database.sql("SELECT setval('keyfob.act_number', 1, false)");
    vault.record(vec![act(5, None), act(6, None)]).await.expect("writes");
    vault.record(vec![act(7, None)]).await.expect("writes");
    let found: Vec<Act> = vault.acts(None, None, 10).await.expect("reads").into_iter().rev().map(|(_, act)| act).collect();
    assert_eq!(found, (0..8).map(|number| act(number, None)).collect::<Vec<_>>());
    // To draw them waits for no disk, and to write them does.
    let cluster = Cluster::start(&Options::default()).expect("there was one");
    let database = cluster.database();
    let vault = open(&database.url()).await;
    vault.record(vec![act(0, None)]).await.expect("writes");
    cluster.kill();
    cluster.start_again();
    assert_eq!(vault.acts(None, None, 10).await.expect("reads").len(), 1);
}

/// A restart and a power cut in the middle of it. What lines are about has been done: none fails, and none is written twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_the_book_goes_on_through_a_restart_and_a_power_cut() {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let vault = std::sync::Arc::new(open(&cluster.database().url()).await);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let counts = Counts::of(4);
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (vault, stop, counts) = (std::sync::Arc::clone(&vault), std::sync::Arc::clone(&stop), counts.clone());
            tokio::spawn(async move {
                let (mut written, owner) = (0, format!("writer-{writer}"));
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    vault.record(vec![act(written, Some(&owner))]).await.expect("it is asked for until it is known");
                    written += 1;
                    counts.add(writer);
                }
                (owner, written)
            })
        })
        .collect();
    restart_and_cut(&cluster, &counts);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for writer in writers {
        let (owner, written) = writer.await.expect("it ends");
        let found: Vec<Act> =
            vault.acts(Some(&owner), None, usize::MAX).await.expect("reads").into_iter().rev().map(|(_, act)| act).collect();
        assert!(found == (0..written).map(|number| act(number, Some(&owner))).collect::<Vec<_>>(), "each once, none missing");
    }
    assert!(vault.acts(None, Some(EntryNumber(1)), 1).await.expect("reads").is_empty());
}

async fn next(changes: &mut Box<dyn Changes>) -> Change {
    tokio::time::timeout(Duration::from_secs(60), changes.next()).await.expect("something is told")
}

/// Until that is told.
async fn until(changes: &mut Box<dyn Changes>, wanted: &Change) {
    while next(changes).await != *wanted {}
}

const SESSIONS: &str = "FROM pg_stat_activity WHERE application_name = 'keyfob changes' AND datname = current_database()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_listen_share_one_connection_which_ends_with_them() {
    let Some((database, vault)) = vault().await else { return };
    let mut all = [vault.changes().await.expect("listens"), vault.changes().await.expect("listens")];
    assert_eq!(database.sql(&format!("SELECT count(*) {SESSIONS}")), "1");
    vault.put_item(KEY, &item("one"), Expected::Nothing).await.expect("puts");
    let one = Change::Item { kind: "key".to_owned(), id: "one".to_owned() };
    for changes in &mut all {
        until(changes, &one).await;
    }
    drop(all);
    let begun = std::time::Instant::now();
    while database.sql(&format!("SELECT count(*) {SESSIONS}")) != "0" {
        assert!(begun.elapsed() < Duration::from_secs(60), "it stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut again = vault.changes().await.expect("listens");
    vault.remove_item(KEY, "one").await.expect("removes");
    until(&mut again, &one).await;
}

/// What a valet key's end on another instance rests on: where nothing is heard any more, nothing is believed from memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_told_and_so_is_its_return() {
    let Some((database, vault)) = vault().await else { return };
    let mut changes = vault.changes().await.expect("listens");
    for _ in 0..3 {
        database.sql(&format!("SELECT pg_terminate_backend(pid) {SESSIONS}"));
        until(&mut changes, &Change::Lost).await;
        until(&mut changes, &Change::Anything).await;
    }
    vault.put_item(KEY, &item("one"), Expected::Nothing).await.expect("puts");
    hear(&mut *changes, "one").await;
    // Not one of ours: whoever can write the database may say what they like.
    database.sql("SELECT pg_notify('keyfob_item', 'nonsense')");
    until(&mut changes, &Change::Anything).await;
}

/// The other end is there, and says nothing: a machine that was cut off, a server that hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_a_lost_one() {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let database = cluster.database();
    let vault = open(&database.url()).await;
    let mut changes = vault.changes().await.expect("listens");
    cluster.freeze(true);
    until(&mut changes, &Change::Lost).await;
    // Whoever comes now is told, and does not wait for ever.
    let mut late = vault.changes().await.expect("listens");
    assert_eq!(next(&mut late).await, Change::Lost);
    cluster.freeze(false);
    until(&mut changes, &Change::Anything).await;
    until(&mut late, &Change::Anything).await;
    vault.put_item(KEY, &item("one"), Expected::Nothing).await.expect("puts");
    hear(&mut *changes, "one").await;
}

/// A write is told if it was done, and not otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_done_is_not_told() {
    let Some((_database, vault)) = vault().await else { return };
    vault.put_item(KEY, &item("one"), Expected::Nothing).await.expect("puts");
    let mut changes = vault.changes().await.expect("listens");
    assert!(vault.put_item(KEY, &item("one"), Expected::Nothing).await.is_err());
    assert!(vault.put_item(KEY, &item("one"), Expected::Generation(Generation(7))).await.is_err());
    assert!(!vault.remove_item(KEY, "two").await.expect("there is none"));
    assert!(vault.take_item(KEY, "three", NOW).await.expect("there is none").is_none());
    vault.record(vec![act(1, None)]).await.expect("writes");
    assert!(vault.remove_item(KEY, "one").await.expect("removes"));
    // On a busy machine the connection may have been taken for lost in between.
    match next(&mut changes).await {
        Change::Item { id, .. } => assert_eq!(id, "one"),
        other => assert_eq!(other, Change::Lost),
    }
}

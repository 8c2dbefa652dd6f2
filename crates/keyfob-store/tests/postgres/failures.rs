//! PostgreSQL away, restarted, killed, cut off: what was acknowledged is there, what was not known becomes known, and the next call works.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyfob::proto::Timestamp;
use keyfob::store::{Expected, Generation, Refusal};
use keyfob::{Store, StoreError};
use keyfob_testbed::{Cluster, Database, Options};

use crate::common::{BEGAN, app, error, oauth2_account, oauth2_pending};
use crate::contract::entry;
use crate::support::{open, past, shown, try_open, vault};

const NOW: Timestamp = Timestamp::from_unix(BEGAN + 1);

/// An administrator's restart, and a power cut. Every write is asked for until its answer is known, so none fails, and none is done twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_writes_go_on_through_a_restart_and_a_power_cut() {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let vault = Arc::new(open(&cluster.database().url()).await);
    let stop = Arc::new(AtomicBool::new(false));
    let counts = Counts::of(4);
    let writers: Vec<_> = (0..4)
        .map(|number| {
            let (vault, stop, counts) = (Arc::clone(&vault), Arc::clone(&stop), counts.clone());
            tokio::spawn(async move {
                let account = oauth2_account(&format!("account-{number}"));
                let mut last = vault.put_account(&account, Expected::Nothing, None).await.expect("puts");
                while !stop.load(Ordering::Relaxed) {
                    let entry = entry(&account, u32::try_from(last.0).expect("small"));
                    let next = vault.put_account(&account, Expected::Generation(last), Some(&entry)).await.expect("swaps");
                    assert_eq!(next.0, last.0 + 1);
                    last = next;
                    counts.add(number);
                }
                (account, last)
            })
        })
        .collect();
    restart_and_cut(&cluster, &counts);
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        let (account, last) = writer.await.expect("no write failed");
        let found = vault.account(&account.name).await.expect("reads").expect("it is there");
        assert_eq!(found.generation, last);
        // One entry for each write, none twice, none missing.
        let entries = vault.history(&account.id).await.expect("reads");
        let numbers: Vec<u64> = entries.iter().map(|entry| u64::from(entry.by.pid)).collect();
        let expected: Vec<u64> = (last.0 - numbers.len() as u64..last.0).collect();
        assert_eq!(numbers, expected);
    }
}

/// An administrator's restart, and a power cut, each in the midst of what is written.
pub(crate) fn restart_and_cut(cluster: &Cluster, counts: &Counts) {
    tokio::task::block_in_place(|| {
        counts.wait_for_more();
        cluster.restart();
        counts.wait_for_more();
        cluster.kill();
        std::thread::sleep(Duration::from_millis(200));
        cluster.start_again();
        counts.wait_for_more();
    });
}

/// How many writes of each writer were acknowledged.
#[derive(Clone)]
pub(crate) struct Counts(Arc<[AtomicU64]>);

impl Counts {
    pub(crate) fn of(writers: usize) -> Self {
        Self((0..writers).map(|_| AtomicU64::new(0)).collect())
    }

    pub(crate) fn add(&self, writer: usize) {
        self.0[writer].fetch_add(1, Ordering::Relaxed);
    }

    /// Until each has written so much more that there is something to interrupt.
    fn wait_for_more(&self) {
        let begun = Instant::now();
        for count in self.0.iter() {
            let enough = count.load(Ordering::Relaxed) + 10;
            while count.load(Ordering::Relaxed) < enough {
                assert!(begun.elapsed() < Duration::from_secs(120), "nobody writes any more");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Passes bytes on, until it is told to keep the server's next answer for itself and to hang up.
pub(crate) struct Proxy {
    port: u16,
    swallow: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let here = listener.local_addr().expect("an address").port();
        let swallow = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&swallow);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (from, to) = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
                std::thread::spawn(move || pass(from, to, None));
                let flag = Arc::clone(&flag);
                std::thread::spawn(move || pass(server, client, Some(&flag)));
            }
        });
        Self { port: here, swallow }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The next answer does not arrive.
    pub(crate) fn swallow_next(&self) {
        self.swallow.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_swallowed(&self) -> bool {
        !self.swallow.load(Ordering::SeqCst)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, swallow: Option<&AtomicBool>) {
    let mut buffer = [0; 65536];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if swallow.is_some_and(|swallow| swallow.swap(false, Ordering::SeqCst)) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    drop((from.shutdown(std::net::Shutdown::Both), to.shutdown(std::net::Shutdown::Both)));
}

/// The server did it, and its answer was lost: nothing may be done twice, and nothing said to have failed that was done.
#[tokio::test]
async fn d5_a_lost_answer_is_found_out() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let proxy = Proxy::before(cluster.port());
    let url = database.tcp_url("127.0.0.1").replace(&format!(":{}/", cluster.port()), &format!(":{}/", proxy.port)) + "?pool=1";
    let vault = open(&url).await;
    let (home, cabin) = (oauth2_account("home"), oauth2_account("cabin"));
    // Each statement once, so that the next answer is that of the statement itself.
    vault.put_account(&home, Expected::Nothing, None).await.expect("puts");
    vault.put_account(&home, Expected::Generation(Generation(1)), Some(&entry(&home, 1))).await.expect("swaps");

    proxy.swallow_next();
    let swapped = vault.put_account(&home, Expected::Generation(Generation(2)), Some(&entry(&home, 2))).await;
    assert!(proxy.has_swallowed());
    assert_eq!(swapped.expect("it was done"), Generation(3));
    assert_eq!(vault.account("home").await.expect("reads").expect("it is there").generation, Generation(3));
    assert_eq!(vault.history(&home.id).await.expect("reads"), [entry(&home, 1), entry(&home, 2)], "once");

    drop(vault.put_account(&home, Expected::Nothing, None).await);
    proxy.swallow_next();
    assert_eq!(vault.put_account(&cabin, Expected::Nothing, None).await.expect("it was done"), Generation(1));
    assert!(proxy.has_swallowed());

    // Somebody else's write is not taken for ours.
    drop(vault.put_account(&cabin, Expected::Nothing, None).await);
    proxy.swallow_next();
    assert!(matches!(vault.put_account(&cabin, Expected::Nothing, None).await, Err(StoreError::Conflict)));
    assert!(proxy.has_swallowed());

    drop(vault.remove_account("nobody", None).await);
    proxy.swallow_next();
    assert!(vault.remove_account("cabin", None).await.expect("it was done"));
    assert!(vault.account("cabin").await.expect("reads").is_none());

    // Removing is of the account that is meant: that another one has its name is not taken for our doing, and our doing not for nothing.
    let other = oauth2_account("home");
    drop(vault.remove_account("nobody", Some(&entry(&other, 1))).await);
    proxy.swallow_next();
    assert!(!vault.remove_account("home", Some(&entry(&other, 1))).await.expect("it is another one"));
    assert!(proxy.has_swallowed());
    vault.put_account(&cabin, Expected::Nothing, None).await.expect("puts");
    proxy.swallow_next();
    assert!(vault.remove_account("cabin", Some(&entry(&cabin, 1))).await.expect("it was done"));
    assert!(proxy.has_swallowed());
    assert_eq!(vault.history(&cabin.id).await.expect("reads"), [entry(&cabin, 1)], "once");

    // Read again, as if nothing had been.
    proxy.swallow_next();
    assert!(vault.account("home").await.expect("reads").is_some());
    assert!(proxy.has_swallowed());
}

#[tokio::test]
async fn a4_a_login_whose_handing_out_was_lost_is_not_handed_out_again() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let proxy = Proxy::before(cluster.port());
    let url = database.tcp_url("127.0.0.1").replace(&format!(":{}/", cluster.port()), &format!(":{}/", proxy.port)) + "?pool=1";
    let vault = open(&url).await;
    for state in ["first", "second"] {
        vault.put_pending(&oauth2_pending(state), "browser").await.expect("puts");
    }
    assert!(vault.take_pending("first", "browser", NOW).await.expect("takes").is_some());
    let past = crate::support::past(&database).await;
    // The second statement's answer: let the first pass.
    let taking = vault.take_pending("second", "browser", NOW);
    let lock = past.batch_execute("BEGIN; LOCK TABLE keyfob.pending IN SHARE MODE").await;
    lock.expect("locks");
    let swallowing = async {
        // It waits for the lock with its DELETE, for which it has read the row.
        for _ in 0..500 {
            let waiting = past.query("SELECT 1 FROM pg_locks WHERE NOT granted", &[]).await.expect("looks");
            if !waiting.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        proxy.swallow_next();
        past.batch_execute("COMMIT").await.expect("lets go");
    };
    let (taken, ()) = tokio::join!(taking, swallowing);
    match taken {
        // Its first statement, which clears away what expired, was the one that waited: then it was just repeated.
        Ok(Some(_)) => {}
        Ok(None) => panic!("it was there"),
        Err(lost) => assert!(matches!(lost, StoreError::Io(..)), "{lost:?}"),
    }
    assert!(proxy.has_swallowed());
    assert!(vault.take_pending("second", "browser", NOW).await.expect("looks").is_none(), "never twice");
}

#[tokio::test]
async fn connections_that_ended_while_they_lay_idle_are_no_error() {
    let Some((database, vault)) = vault().await else { return };
    vault.put_app("one", &app()).await.expect("puts");
    for _ in 0..3 {
        database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'keyfob%' AND datname = current_database()",
        );
        assert!(vault.app("one").await.expect("reads").is_some());
        database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'keyfob%' AND datname = current_database()",
        );
        assert!(!vault.remove_app("two").await.expect("writes"));
    }
}

#[tokio::test]
async fn more_callers_than_connections_take_turns() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let vault = Arc::new(open(&format!("{}&pool=2", database.url())).await);
    vault.put_app("one", &app()).await.expect("puts");
    let reads: Vec<_> = (0..100)
        .map(|_| {
            let vault = Arc::clone(&vault);
            tokio::spawn(async move { vault.app("one").await.expect("reads").is_some() })
        })
        .collect();
    for read in reads {
        assert!(read.await.expect("it ends"));
    }
    let open = database.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'keyfob' AND datname = current_database()");
    assert!(open.parse::<u32>().expect("a number") <= 2, "{open}");
}

#[tokio::test]
async fn a_server_that_is_away_is_told_and_found_again() {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let database = cluster.database();
    let (url, tcp) = (database.url(), database.tcp_url("127.0.0.1"));
    let vault = open(&url).await;
    vault.put_app("one", &app()).await.expect("puts");
    cluster.stop();
    for refused in [error(vault.app("one").await), error(try_open(&url).await), error(try_open(&tcp).await)] {
        assert!(matches!(&refused, StoreError::Io(what, _) if what.contains("PostgreSQL at")), "{refused:?}");
        assert!(!shown(&refused).contains("example-password"), "{refused:?}");
    }
    cluster.start_again();
    assert!(vault.app("one").await.expect("reads").is_some());
}

#[tokio::test]
async fn j10_a_refused_password_is_told_and_not_shown() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    for (user, password) in [("keyfob_test", "hunter2-not-real"), ("nobody-here", "hunter2-not-real")] {
        let refused = error(try_open(&database.url_of(user, password, "127.0.0.1")).await);
        assert!(matches!(&refused, StoreError::Refused(_, Refusal::Entry)), "{refused:?}");
        assert!(!shown(&refused).contains("hunter2"), "{}", shown(&refused));
    }
    let nowhere = error(try_open(&database.url().replace(database.name(), "no_such_database")).await);
    assert!(matches!(&nowhere, StoreError::Refused(what, Refusal::Entry) if what.contains("no database of that name")), "{nowhere:?}");
}

/// What a server says no to is neither the disk of this machine nor the network: each has its own remedy.
#[tokio::test]
async fn what_a_server_says_no_to_is_told_with_what_to_do_about_it() {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let database = cluster.database();
    let vault = open(&database.url()).await;
    vault.put_account(&oauth2_account("home"), Expected::Nothing, None).await.expect("puts");
    database.sql("CREATE ROLE reader LOGIN PASSWORD 'reader'");
    database.sql("GRANT USAGE ON SCHEMA keyfob TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA keyfob TO reader");
    let told = |error: StoreError| (shown(&error), error.hint(), error.is_away(), error.is_lasting());

    let of_reader = database.url_of("reader", "reader", "127.0.0.1");
    let reader = open(&of_reader).await;
    let (said, hint, away, lasting) = told(error(reader.remove_account("home", None).await));
    assert!(said.contains("permission denied") && hint.contains("let that user do"), "{said}: {hint}");
    assert!(!away && lasting);

    // As many as there are.
    database.sql("ALTER ROLE reader CONNECTION LIMIT 1");
    let (said, hint, away, lasting) = told(error(try_open(&of_reader).await));
    assert!(said.contains("no connection left") && hint.contains("max_connections"), "{said}: {hint}");
    assert!(away && !lasting);

    // A lock that somebody holds.
    let mut past = past(&database).await;
    let lock = past.transaction().await.expect("begins");
    lock.batch_execute("LOCK TABLE keyfob.account IN EXCLUSIVE MODE").await.expect("locks");
    let (said, hint, away, lasting) = told(error(vault.remove_account("home", None).await));
    assert!(said.contains("waiting for somebody else") && hint.contains("when the others have done"), "{said}: {hint}");
    assert!(away && !lasting);
    drop(lock);

    // A standby, and no other host named.
    let (said, hint, away, lasting) = told(takes_no_writes(&database).await);
    assert!(said.contains("takes no writes") && hint.contains("all of its hosts"), "{said}: {hint}");
    assert!(!away && !lasting);
}

/// From now on the server is as a standby is, for the sessions that are open, and for new ones: what one who comes then is told. The server tells its
/// sessions before it takes a new one.
async fn takes_no_writes(database: &Database<'_>) -> StoreError {
    database.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    database.sql("SELECT pg_reload_conf()");
    let begun = Instant::now();
    loop {
        match try_open(&database.url()).await {
            Ok(_) => assert!(begun.elapsed() < Duration::from_secs(60), "it still takes writes"),
            Err(error) => return error,
        }
    }
}

/// After a fail-over the old primary may still answer, and takes no writes: the connection to it is given up.
#[tokio::test]
async fn a_server_that_takes_no_writes_is_left() {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let database = cluster.database();
    let vault = open(&database.url()).await;
    let account = oauth2_account("home");
    vault.put_account(&account, Expected::Nothing, None).await.expect("puts");
    takes_no_writes(&database).await;
    let begun = Instant::now();
    let writing = async {
        let written = vault.put_account(&account, Expected::Generation(Generation(1)), None).await;
        (written, begun.elapsed())
    };
    let promoted = Duration::from_millis(700);
    let promoting = async {
        tokio::time::sleep(promoted).await;
        database.sql("ALTER SYSTEM RESET default_transaction_read_only");
        database.sql("SELECT pg_reload_conf()");
    };
    let ((written, after), ()) = tokio::join!(writing, promoting);
    assert_eq!(written.expect("it waits for one that takes writes"), Generation(2));
    assert!(after >= promoted, "{after:?}");

    // Where it stays one, nothing was written, and nobody is told that it may have been.
    takes_no_writes(&database).await;
    let error = error(vault.put_account(&account, Expected::Generation(Generation(2)), None).await).to_string();
    assert!(error.contains("writes") && !error.contains("is not known"), "{error}");
}

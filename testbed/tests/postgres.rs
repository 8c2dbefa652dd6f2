//! The testbed itself: what it starts works, and nothing of it stays behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keyfob_testbed::{Cluster, Options};

#[test]
fn a_cluster_starts_stops_and_comes_back() {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let folder = cluster.folder().to_owned();
    let database = cluster.database();
    database.sql("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('there')");
    assert_eq!(database.sql("SHOW fsync"), "on");
    cluster.restart();
    assert_eq!(database.sql("SELECT word FROM kept"), "there");
    cluster.kill();
    assert!(database.try_sql("SELECT 1").is_err());
    cluster.start_again();
    assert_eq!(database.sql("SELECT word FROM kept"), "there");
    drop(database);
    drop(cluster);
    assert!(!folder.exists());
}

/// A hundred tests share it, and a disk is not endless.
#[test]
fn a_database_of_the_shared_cluster_goes_with_its_test() {
    let Some(cluster) = Cluster::shared() else { return };
    let (gone, kept) = (cluster.database(), cluster.database());
    let there = || kept.sql("SELECT datname FROM pg_database WHERE datname LIKE 'test%' ORDER BY oid");
    assert_eq!(there(), format!("{}\n{}", gone.name(), kept.name()));
    drop(gone);
    assert_eq!(there(), kept.name());
}

/// Starts a cluster and is killed: run by the next test.
#[test]
#[ignore = "run by the other test, and killed by it"]
fn somebody_who_is_killed() {
    let cluster = Cluster::start(&Options::default()).expect("the other test has looked");
    std::fs::write(std::env::var_os("KEYFOB_TESTBED_NOTE").expect("a place"), cluster.folder().display().to_string()).expect("writes");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn nothing_is_left_of_a_test_that_was_killed() {
    if Cluster::shared().is_none() {
        return;
    }
    let note = tempfile::NamedTempFile::new().expect("a file");
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child.args(["--ignored", "--exact", "somebody_who_is_killed"]).env("KEYFOB_TESTBED_NOTE", note.path()).stdout(Stdio::null());
    let mut child = child.spawn().expect("it runs");
    let mut folder = PathBuf::new();
    until("it starts", || {
        folder = PathBuf::from(std::fs::read_to_string(note.path()).expect("reads"));
        folder.is_dir()
    });
    let pid = std::fs::read_to_string(folder.join("data/postmaster.pid")).expect("it runs");
    let process = Path::new("/proc").join(pid.lines().next().expect("a number"));
    assert!(process.exists());
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    until("the server ends and the folder goes", || !process.exists() && !folder.exists());
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waiting in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

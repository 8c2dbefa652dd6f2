//! The vault's own verbs: sealed with a passphrase, unlocked for a while, sealed anew, moved, kept, set aside.

#![cfg(unix)]
#![allow(missing_docs)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use common::{House, exists};
use keyfob::Store;
use keyfob::history::{Actor, Entry, Event};
use keyfob::proto::Timestamp;
use keyfob::store::Expected;
use keyfob_store::shelf::{Act, Item, Kind};
use keyfob_store::{KeySource, Shelf, Vault};
use keyfob_testbed::Cluster;

const PASSPHRASE: &str = "canary horse battery staple";

/// A house with an app in a vault of its own, no sandbox in the way, and a folder for the agent.
async fn house() -> House {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let runtime = house.path("r");
    std::fs::create_dir(&runtime).expect("a folder");
    std::fs::set_permissions(&runtime, PermissionsExt::from_mode(0o700)).expect("chmod");
    house.set("XDG_RUNTIME_DIR", &runtime.display().to_string());
    house
        .run_with(&["app", "add", "netatmo", "--stdin"], r#"{"client_id":"example-id","client_secret":"canary-secret-5ce2"}"#)
        .await
        .exits(0);
    house
}

fn vault(house: &House) -> PathBuf {
    house.path("data/vault.db")
}

#[tokio::test(flavor = "multi_thread")]
async fn j9_a_passphrase_is_typed_once_and_everything_works_until_it_is_locked() {
    let house = house().await;
    house.run(&["unlock"]).await.fails(2, ["cannot unlock", "not sealed with a passphrase", "vault rekey --passphrase"]);
    house.run(&["vault", "rekey", "--passphrase"]).await.fails(2, ["nobody is at the terminal", "", "--stdin"]);
    house.run_with(&["vault", "rekey", "--passphrase", "--stdin"], "short\n").await.fails(2, ["too short", "8", "words"]);
    assert!(exists(&house.path("data/vault.key")), "nothing was changed");
    house.run_with(&["vault", "rekey", "--passphrase", "--stdin"], &format!("{PASSPHRASE}\n")).await.exits(0);
    assert!(!exists(&house.path("data/vault.key")));
    house.run(&["app", "list"]).await.fails(7, ["cannot open the vault", "locked", "keyfob unlock"]);
    let status = house.json(&["vault", "status"]).await;
    assert_eq!(
        (status["sealed_with"].as_str(), status["open"].as_bool(), status["generation"].as_u64()),
        (Some("passphrase"), Some(false), Some(2))
    );
    house.run_with(&["unlock", "--stdin"], "canary horse battery stable\n").await.fails(7, ["cannot unlock", "not its passphrase", ""]);
    house.run_with(&["unlock", "--stdin", "--for", "99d"], PASSPHRASE).await.fails(2, ["", "30d", ""]);
    house.run_with(&["unlock", "--stdin", "--for", "2h"], &format!("{PASSPHRASE}\n")).await.exits(0);
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
    house.good(&["vault", "check"]).await;
    let status = house.json(&["vault", "status"]).await;
    assert_eq!((status["open"].as_bool(), status["apps"].as_u64()), (Some(true), Some(1)));
    assert!(status["agent"]["seconds_left"].as_u64().is_some_and(|left| (7100..=7200).contains(&left)), "{status}");
    // Whoever had it unlocked still has, after a new passphrase.
    house.run_with(&["vault", "rekey", "--passphrase", "--stdin"], "another horse altogether").await.exits(0);
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
    house.good(&["lock"]).await;
    house.run(&["app", "list"]).await.fails(7, ["", "locked", "keyfob unlock"]);
    assert!(house.run(&["lock"]).await.exits(0).stderr.contains("no agent ran"));
}

#[tokio::test(flavor = "multi_thread")]
async fn j12_the_agent_has_the_passphrase_in_no_argument_and_no_variable() {
    let mut house = house().await;
    house.set("CANARY", "canary-in-the-environment");
    house.run_with(&["vault", "rekey", "--passphrase", "--stdin"], PASSPHRASE).await.exits(0);
    house.run_with(&["unlock", "--stdin"], PASSPHRASE).await.exits(0);
    let socket = house.path("r").display().to_string();
    let mut agents = 0;
    for process in std::fs::read_dir("/proc").expect("processes").filter_map(Result::ok) {
        let Ok(arguments) = std::fs::read(process.path().join("cmdline")) else { continue };
        assert!(!String::from_utf8_lossy(&arguments).contains(PASSPHRASE));
        // Those that are not ours to look at are not ours.
        let Ok(environment) = std::fs::read(process.path().join("environ")) else { continue };
        let environment = String::from_utf8_lossy(&environment).into_owned();
        if String::from_utf8_lossy(&arguments).ends_with("\0agent\0") && environment.contains(&socket) {
            agents += 1;
            assert!(!environment.contains("canary"), "{environment}");
            let limits = std::fs::read_to_string(process.path().join("limits")).expect("reads");
            assert!(
                limits.lines().any(|line| line.starts_with("Max core file size") && line.split_whitespace().nth(4) == Some("0")),
                "{limits}"
            );
        }
    }
    // Not to be looked at by an ordinary user (J14): then this was about arguments alone.
    assert!(agents == 1 || !rustix::process::geteuid().is_root(), "{agents}");
    house.good(&["lock"]).await;
}

/// One was started at the desktop, the other over SSH, where there was no runtime folder: whoever locks means both.
#[tokio::test(flavor = "multi_thread")]
async fn k5_whoever_locks_locks_every_agent() {
    let mut house = house().await;
    house.run_with(&["vault", "rekey", "--passphrase", "--stdin"], PASSPHRASE).await.exits(0);
    let (desktop, nowhere) = (house.path("r").display().to_string(), house.path("nowhere").display().to_string());
    house.run_with(&["unlock", "--stdin", "--for", "2h"], PASSPHRASE).await.exits(0);
    house.set("XDG_RUNTIME_DIR", &nowhere);
    house.run(&["app", "list"]).await.fails(7, ["", "locked", "keyfob unlock"]);
    house.run_with(&["unlock", "--stdin", "--for", "1h"], PASSPHRASE).await.exits(0);
    assert!(exists(&house.path("data/run/agent.sock")) && exists(&house.path("r/keyfob/agent.sock")), "two run");
    house.set("XDG_RUNTIME_DIR", &desktop);
    let agent = house.json(&["vault", "status"]).await["agent"].clone();
    assert_eq!(agent["vaults"], 1, "{agent}");
    assert!(agent["seconds_left"].as_u64().is_some_and(|left| (7100..=7200).contains(&left)), "{agent}");
    assert_eq!(house.json(&["lock"]).await["agent_ran"], true);
    for runtime in [&desktop, &nowhere] {
        house.set("XDG_RUNTIME_DIR", runtime);
        house.run(&["app", "list"]).await.fails(7, ["", "locked", "keyfob unlock"]);
    }
    assert_eq!(house.json(&["lock"]).await["agent_ran"], false);
}

/// It has its keys still.
#[tokio::test(flavor = "multi_thread")]
async fn k5_an_agent_that_does_not_answer_is_not_said_to_be_locked() {
    let house = house().await;
    house.run_with(&["vault", "rekey", "--passphrase", "--stdin"], PASSPHRASE).await.exits(0);
    let folder = house.path("r/keyfob");
    let closed = |path: &std::path::Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("chmod");
    std::fs::create_dir(&folder).expect("a folder");
    closed(&folder, 0o700);
    let _silent = std::os::unix::net::UnixListener::bind(folder.join("agent.sock")).expect("listens");
    closed(&folder.join("agent.sock"), 0o600);
    for lock in [&["lock"][..], &["lock", "--json"]] {
        let ended = house.run(lock).await.exits(1);
        assert!(!ended.stdout.contains("true") && ended.stderr.contains("does not answer within a second"), "{ended:?}");
    }
    house.run(&["lock"]).await.fails(1, ["not every key is forgotten", "agent.sock", "keyfob lock"]);
    let status = house.run(&["vault", "status", "--json"]).await;
    assert!(status.stdout.contains("does not answer within a second"), "{status:?}");
    house.run(&["app", "list"]).await.fails(7, ["", "does not answer within a second", ""]);
}

/// In a container, or over SSH: no runtime folder, and a data folder that nothing has needed yet, or that is named from where somebody stands.
#[tokio::test(flavor = "multi_thread")]
async fn k5_an_agent_starts_where_there_is_nothing_but_a_vault() {
    let mut house = house().await;
    house.run_with(&["vault", "rekey", "--passphrase", "--stdin"], PASSPHRASE).await.exits(0);
    house.set("KEYFOB_VAULT", &vault(&house).display().to_string());
    house.set("XDG_RUNTIME_DIR", &house.path("nowhere").display().to_string());
    for data in [house.path("not/there/yet").display().to_string(), "from-here".to_owned()] {
        house.set("KEYFOB_DATA_DIR", &data);
        house.run_with(&["unlock", "--stdin"], PASSPHRASE).await.exits(0);
        let mode = house.path(&data).metadata().expect("it is made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(house.good(&["app", "list"]).await.contains("example-id"));
        assert_eq!(house.json(&["lock"]).await["agent_ran"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_to_another_vault_and_into_a_file_and_back() {
    let mut house = house().await;
    let (elsewhere, file) = (house.path("elsewhere/vault.db").display().to_string(), house.path("backup.keyfob").display().to_string());
    let moved = house.json(&["vault", "move", "--to", &elsewhere]).await;
    assert_eq!((moved["apps"].as_u64(), moved["to"].as_str()), (Some(1), Some(elsewhere.as_str())));
    assert!(house.good(&["--vault", &elsewhere, "app", "list"]).await.contains("example-id"));
    house.run(&["vault", "move", "--to", &elsewhere]).await.fails(2, ["cannot move", "already", "nothing yet"]);
    house.run(&["vault", "move", "--to", &vault(&house).display().to_string()]).await.fails(2, ["cannot move", "where it is", ""]);
    house.run_with(&["vault", "export", &file, "--stdin"], PASSPHRASE).await.exits(0);
    house.run_with(&["vault", "export", &file, "--stdin"], PASSPHRASE).await.fails(2, ["cannot export", "nothing is written over", ""]);
    assert!(!std::fs::read(&file).expect("reads").windows(18).any(|window| window == b"canary-secret-5ce2"));
    house.set("KEYFOB_VAULT", &house.path("third/vault.db").display().to_string());
    house
        .run_with(&["vault", "import", &file, "--stdin"], "wrong passphrase")
        .await
        .fails(7, ["cannot import", "not its passphrase", "given at the export"]);
    let first = vault(&house).display().to_string();
    let no_export = house.run_with(&["vault", "import", &first, "--stdin"], PASSPHRASE).await;
    no_export.fails(7, ["cannot import", "a key opens it", &format!("keyfob --vault {first} vault move --to ")]);
    assert!(!exists(&house.path("third")), "no empty vault is left behind, and no key to none");
    house.run_with(&["vault", "import", &file, "--stdin"], PASSPHRASE).await.exits(0);
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
    house.run_with(&["vault", "import", &file, "--stdin"], PASSPHRASE).await.fails(2, ["cannot import", "already", "set-aside"]);
    assert!(exists(&house.path("third/vault.key")), "with a key of its own");
}

/// By an address that holds a password, with an account, its history and what the web app keeps; and back into a file.
#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_into_postgresql_and_back() {
    let Some(database) = Cluster::shared().map(Cluster::database) else { return };
    let mut house = house().await;
    let opened = Vault::open_existing(&vault(&house), KeySource::beside(&vault(&house))).expect("opens");
    let account: keyfob::Account = serde_json::from_value(serde_json::json!({
        "id": keyfob::AccountId::random(), "name": "netatmo", "provider": "netatmo", "client_id": "example-id",
        "tokens": {"kind": "oauth2", "access": "canary-access-1f2e", "refresh": "canary-refresh-77c0", "received_at": 1, "expires_at": null, "scopes": []},
        "kept": {}, "origins": ["https://api.netatmo.com"], "requested_scopes": [], "tolerated": [], "health": {"state": "ok"}, "logged_in_at": 1
    }))
    .expect("an account as it rests");
    let entry = Entry::new(&account, Timestamp::from_unix(1), Actor::this(), Event::LoggedIn { received: None, imported: false });
    opened.put_account(&account, Expected::Nothing, Some(&entry)).await.expect("puts");
    opened.put_item(Kind("key"), &Item::new("one", "canary-item"), Expected::Nothing).await.expect("puts");
    drop(opened);
    let held = |told: &serde_json::Value| ["apps", "accounts", "items"].map(|what| told[what].as_u64());
    let history = house.json(&["status", "netatmo", "--history"]).await;

    // A database without a vault is not told as one.
    house.set("KEYFOB_VAULT", &database.tcp_url("127.0.0.1"));
    house.run(&["vault", "status"]).await.fails(7, ["there is no vault", "", ""]);
    house.unset("KEYFOB_VAULT");

    house.set("ELSEWHERE", &database.tcp_url("127.0.0.1"));
    let moved = house.json(&["vault", "move", "--to-variable", "ELSEWHERE"]).await;
    assert_eq!(held(&moved), [Some(1); 3], "{moved}");
    assert!(!moved.to_string().contains("example-password"), "{moved}");
    house.run(&["vault", "move", "--to-variable", "ELSEWHERE"]).await.fails(2, ["cannot move", "already", "nothing yet"]);
    // Used where it is now.
    house.set("KEYFOB_VAULT", &database.tcp_url("127.0.0.1"));
    assert_eq!(held(&house.json(&["vault", "check"]).await), [Some(1); 3]);
    assert_eq!(house.json(&["status", "netatmo", "--history"]).await, history);
    house.good(&["account", "rename", "netatmo", "netatmo/attic"]).await;

    let there = held(&house.json(&["vault", "check"]).await);

    let back = house.path("back/vault.db").display().to_string();
    let moved = house.json(&["vault", "move", "--to", &back]).await;
    assert_eq!(held(&moved), there, "{moved}");
    house.set("KEYFOB_VAULT", &back);
    assert_eq!(held(&house.json(&["vault", "check"]).await), there);
    let after = house.json(&["status", "netatmo/attic", "--history"]).await;
    let events: Vec<_> = after.as_array().expect("a list").iter().map(|entry| entry["event"].clone()).collect();
    assert_eq!(events, ["logged-in", "renamed"], "{after}");
    // The first one was not touched.
    house.unset("KEYFOB_VAULT");
    assert_eq!(house.json(&["status", "netatmo", "--history"]).await, history);
}

/// What the web app keeps in the vault: counted, opened and moved with the rest; and left where it is by an export.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_web_app_keeps_goes_where_the_vault_goes() {
    let house = house().await;
    let open = || Vault::open_existing(&vault(&house), KeySource::beside(&vault(&house))).expect("opens");
    let act = Act { at: Timestamp::from_unix(1), owner: None, content: b"canary-act".to_vec().into() };
    let opened = open();
    opened.put_item(Kind("key"), &Item::new("one", "canary-item"), Expected::Nothing).await.expect("puts");
    opened.record(vec![act.clone(), act]).await.expect("writes");
    drop(opened);
    for verb in ["status", "check"] {
        let told = house.json(&["vault", verb]).await;
        assert_eq!((told["items"].as_u64(), told["activity"].as_u64()), (Some(1), Some(2)), "{verb}: {told}");
    }
    let told = house.run(&["vault", "check"]).await.exits(0).stderr;
    assert!(told.contains("1 record and 2 lines of its activity"), "{told}");
    house.json(&["vault", "rekey"]).await;
    let (elsewhere, file) = (house.path("elsewhere/vault.db").display().to_string(), house.path("backup.keyfob").display().to_string());
    let moved = house.json(&["vault", "move", "--to", &elsewhere]).await;
    assert_eq!((moved["items"].as_u64(), moved["activity"].as_u64()), (Some(1), Some(2)), "{moved}");
    house.run_with(&["vault", "export", &file, "--stdin"], PASSPHRASE).await.exits(0);
    house
        .run_with(&["--vault", &house.path("third/vault.db").display().to_string(), "vault", "import", &file, "--stdin"], PASSPHRASE)
        .await
        .exits(0);
    let third = house.json(&["--vault", &house.path("third/vault.db").display().to_string(), "vault", "check"]).await;
    assert_eq!((third["apps"].as_u64(), third["items"].as_u64(), third["activity"].as_u64()), (Some(1), Some(0), Some(0)), "{third}");
}

/// A socket's address, and one of several hosts, are no URLs of the web: what holds of other addresses holds of them.
#[tokio::test(flavor = "multi_thread")]
async fn j13_a_database_behind_a_socket_or_several_hosts_is_one_like_any_other() {
    const FORMER: &str = "data/a-database-in-PostgreSQL-a147e2e57cd0.key";
    let Some(cluster) = Cluster::shared() else { return };
    let [one, other, third, fourth] = [cluster.database(), cluster.database(), cluster.database(), cluster.database()];
    let mut house = house().await;
    let hosts = format!("127.0.0.1:{0},127.0.0.1:{0}", cluster.port());
    let socket = format!("host={}&port={}", cluster.folder().display(), cluster.port());
    for address in [
        format!("postgres://me:canary@/x?{socket}"),
        format!("postgres://me@/x?{socket}&password=canary"),
        format!("postgres://me:canary@{hosts}/x"),
        format!("postgres://me@{hosts}/x?password=canary"),
    ] {
        let refused = house.run(&["--vault", &address, "status"]).await.fails(2, ["password was given on the command line", "history", ""]);
        assert!(!refused.stderr.contains("canary"), "{refused:?}");
    }

    // Once they had one key file, which is the first one's: there it goes on under its own name, and here it is not in the way.
    let app = r#"{"client_id":"example-id","client_secret":"canary-secret-5ce2"}"#;
    house.set("KEYFOB_VAULT", &one.url());
    house.run_with(&["app", "add", "netatmo", "--stdin"], app).await.exits(0);
    let key = PathBuf::from(house.json(&["vault", "status"]).await["key"].as_str().expect("a key file"));
    std::fs::rename(&key, house.path(FORMER)).expect("renames");
    house.set("KEYFOB_VAULT", &other.url());
    house.run_with(&["app", "add", "netatmo", "--stdin"], app).await.exits(0);
    let others = PathBuf::from(house.json(&["vault", "status"]).await["key"].as_str().expect("a key file"));
    assert!(exists(&house.path(FORMER)) && exists(&others) && others != key && !exists(&key));
    house.set("KEYFOB_VAULT", &one.url());
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
    assert!(exists(&key) && !exists(&house.path(FORMER)));
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
    // Another vault's stays what it is.
    std::fs::rename(&others, house.path(FORMER)).and_then(|()| std::fs::remove_file(&key)).expect("removes");
    let locked = house.run(&["app", "list"]).await.fails(7, ["", "is not there", ""]);
    assert!(locked.stderr.contains(&key.display().to_string()) && exists(&house.path(FORMER)), "{locked:?}");

    // What is said to be typed is what works.
    house.unset("KEYFOB_VAULT");
    let moved = house.run(&["vault", "move", "--to", &third.url()]).await.exits(0);
    assert!(moved.stderr.contains(&format!("KEYFOB_VAULT='{}'", third.url())), "{moved:?}");
    let secret = fourth.tcp_url(&format!("127.0.0.1:{},127.0.0.1", cluster.port()));
    house.set("ELSEWHERE", &secret);
    let moved = house.run(&["vault", "move", "--to-variable", "ELSEWHERE"]).await.exits(0);
    assert!(moved.stderr.contains("KEYFOB_VAULT=\"$ELSEWHERE\"") && !moved.stderr.contains("example-password"), "{moved:?}");
    house.set("KEYFOB_VAULT", &secret);
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
    house.set("KEYFOB_VAULT", &secret.replace(fourth.name(), "nowhere"));
    house.run(&["app", "list"]).await.fails(7, ["cannot open the vault", "no database of that name", "user, password and database"]);
    house.set("KEYFOB_VAULT", &secret);
    house.set("KEYFOB_VAULT_KEY", &"01".repeat(32));
    let refused = house.run(&["app", "list"]).await.fails(7, ["cannot open the vault", "another key", "another database"]);
    assert!(!refused.stderr.contains("set-aside"), "a database cannot be: {refused:?}");
}

/// Accounts that are gone leave a history, and the web app what it keeps: neither is an empty vault.
#[tokio::test(flavor = "multi_thread")]
async fn into_what_only_looks_empty_nothing_is_mixed_and_no_disk_is_blamed() {
    let house = house().await;
    let elsewhere = house.path("elsewhere/vault.db");
    for path in [vault(&house), elsewhere.clone()] {
        let opened = Vault::open(&path, KeySource::beside(&path)).expect("opens");
        opened.put_item(Kind("key"), &Item::new("one", "canary-item"), Expected::Nothing).await.expect("puts");
    }
    house
        .run(&["vault", "move", "--to", &elsewhere.display().to_string()])
        .await
        .fails(7, ["cannot move", "something in it already", "nothing in it yet"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn j9_a_vault_in_postgresql_is_sealed_anew_where_it_is() {
    let Some(database) = Cluster::shared().map(Cluster::database) else { return };
    let mut house = house().await;
    house.set("KEYFOB_VAULT", &database.url());
    house
        .run_with(&["app", "add", "netatmo", "--stdin"], r#"{"client_id":"example-id","client_secret":"canary-secret-5ce2"}"#)
        .await
        .exits(0);
    let key = PathBuf::from(house.json(&["vault", "status"]).await["key"].as_str().expect("a key file"));
    let old = std::fs::read_to_string(&key).expect("reads");
    let done = house.json(&["vault", "rekey"]).await;
    assert_eq!((done["sealed"].as_u64(), done["generation"].as_u64()), (Some(1), Some(2)));
    assert_ne!(std::fs::read_to_string(&key).expect("reads"), old);
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
    let noted = house.run(&["vault", "rekey", "--key-file"]).await.exits(0);
    assert!(noted.stderr.contains("other machines") && noted.stderr.contains(&key.display().to_string()), "{noted:?}");
    house.run_with(&["vault", "rekey", "--passphrase", "--stdin"], PASSPHRASE).await.fails(2, ["cannot seal", "with a key", "--provided"]);
    // Under a key that every machine is given.
    let provided = house.file("provided", &"07".repeat(32));
    house.run(&["vault", "rekey", "--provided", &provided]).await.exits(0);
    assert!(!exists(&key), "it opens nothing any more");
    house.run(&["app", "list"]).await.fails(7, ["", "is not there", ""]);
    house.set("KEYFOB_VAULT_KEY_FILE", &provided);
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
    house.set("KEYFOB_VAULT_KEY_FILE", &house.file("old", &old));
    house.run(&["app", "list"]).await.fails(7, ["", "another key", ""]);
}

/// What is said of the key is of the one that opens it from now on, by a name that leads there from any folder.
#[tokio::test(flavor = "multi_thread")]
async fn j9_a_key_that_is_provided_is_the_one_that_is_named() {
    let mut house = house().await;
    let (first, second) = (house.file("first.key", &"07".repeat(32)), house.file("second.key", &"08".repeat(32)));
    assert_eq!(house.json(&["vault", "rekey", "--provided", "first.key"]).await["key"], format!("the file {first}"));
    assert!(!exists(&house.path("data/vault.key")), "it opens nothing any more");
    house.set("KEYFOB_VAULT_KEY_FILE", &first);
    let told = house.run(&["vault", "rekey", "--provided", "second.key"]).await.exits(0).stderr;
    assert!(told.contains(&format!("the key is the file {second}")) && told.contains(&format!("KEYFOB_VAULT_KEY_FILE={second}")), "{told}");
    assert!(!told.contains("without") && told.contains("open with the old key alone"), "{told}");
    house.run(&["app", "list"]).await.fails(7, ["", &format!("the file {first}"), "sealed with"]);
    // A variable that goes before it.
    house.set("KEYFOB_VAULT_KEY", &"08".repeat(32));
    let told = house.run(&["vault", "rekey", "--provided", "first.key"]).await.exits(0).stderr;
    assert!(told.contains("and without KEYFOB_VAULT_KEY, which goes before it") && !told.contains("as it was"), "{told}");
    house.run(&["app", "list"]).await.fails(7, ["", "KEYFOB_VAULT_KEY", "sealed with"]);
    house.unset("KEYFOB_VAULT_KEY");
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
    // Whoever wants another key, and did not say which, has the one that somebody may have seen.
    for again in [&["vault", "rekey"][..], &["vault", "rekey", "--provided", "first.key"]] {
        let told = house.run(again).await.exits(0).stderr;
        assert!(told.contains(&format!("the file {first} is as it was")) && told.contains("rekey --provided FILE"), "{told}");
        assert!(!told.contains("old key") && !told.contains("from now on"), "{told}");
    }
    house.unset("KEYFOB_VAULT_KEY_FILE");
    house.set("KEYFOB_VAULT_KEY", &"07".repeat(32));
    let told = house.run(&["vault", "rekey"]).await.exits(0).stderr;
    assert!(told.contains("the variable KEYFOB_VAULT_KEY is as it was"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn j6_a_broken_vault_is_set_aside_only_when_told_so() {
    let house = house().await;
    std::fs::write(vault(&house), "broken").expect("writes");
    for verb in [&["app", "list"][..], &["vault", "status"], &["vault", "check"], &["login", "netatmo"]] {
        let ended = house.run(verb).await.exits(7);
        assert!(ended.stderr.contains("damaged"), "{ended:?}");
    }
    house.run(&["app", "list"]).await.fails(7, ["", "damaged", "keyfob vault set-aside"]);
    assert_eq!(std::fs::read(vault(&house)).expect("reads"), b"broken");
    let done = house.json(&["vault", "set-aside"]).await;
    let aside = PathBuf::from(done["set_aside"].as_str().expect("a path"));
    assert_eq!(std::fs::read(&aside).expect("reads"), b"broken");
    assert!(exists(&PathBuf::from(format!("{}-key", aside.display()))) && !exists(&vault(&house)));
    house.run(&["vault", "set-aside"]).await.fails(7, ["there is no vault", "", ""]);
    house
        .run_with(&["app", "add", "netatmo", "--stdin"], r#"{"client_id":"example-id","client_secret":"canary-secret-5ce2"}"#)
        .await
        .exits(0);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn j6_a_vault_that_opens_is_set_aside_only_by_who_means_it() {
    let house = house().await;
    let before = std::fs::read(vault(&house)).expect("reads");
    house.run(&["vault", "set-aside"]).await.fails(2, ["cannot move the vault", "it opens", "--yes"]);
    assert!(exists(&vault(&house)) && !before.is_empty());
    let told = house.run(&["vault", "set-aside", "--yes"]).await.exits(0).stderr;
    assert!(!exists(&vault(&house)), "{told}");
    // What it says brings it back, key and all.
    let (_, put_back) = told.split_once("no new one: ").expect("it says how");
    house.typed(put_back.trim()).end().await.exits(0);
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
}

/// What is said of its key is so.
#[tokio::test(flavor = "multi_thread")]
async fn j6_a_vault_is_set_aside_with_its_key_only_where_there_is_one() {
    let mut house = house().await;
    let key = house.path("data/vault.key").display().to_string();
    let aside = async |house: &House| house.run(&["vault", "set-aside", "--yes"]).await.exits(0).stderr;
    let again = async |house: &House| {
        // The name that it gets has the second in it.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        let stdin = r#"{"client_id":"example-id","client_secret":"canary-secret-5ce2"}"#;
        house.run_with(&["app", "add", "netatmo", "--stdin"], stdin).await.exits(0)
    };
    let told = aside(&house).await;
    assert!(told.contains("with its key beside it"), "{told}");
    again(&house).await;
    std::fs::remove_file(&key).expect("removes");
    let told = aside(&house).await;
    assert!(told.contains(&format!("was not beside it: {key} is missing")) && !told.contains("with its key"), "{told}");
    again(&house).await;
    house.run_with(&["vault", "rekey", "--passphrase", "--stdin"], PASSPHRASE).await.exits(0);
    let told = aside(&house).await;
    assert!(told.contains("was not beside it: it is a passphrase") && !told.contains("with its key"), "{told}");
    house.set("KEYFOB_VAULT_KEY", &"07".repeat(32));
    again(&house).await;
    let told = aside(&house).await;
    assert!(told.contains("was not beside it: it is the variable KEYFOB_VAULT_KEY") && !told.contains("with its key"), "{told}");
}

/// What a kill between the moves of a `set-aside` leaves is told with what to do, by whatever asks for the vault.
#[tokio::test(flavor = "multi_thread")]
async fn j6_a_log_that_was_left_behind_is_told_of() {
    let house = house().await;
    std::fs::rename(vault(&house), house.path("data/vault.db.set-aside-now")).expect("renames");
    std::fs::write(house.path("data/vault.db-wal"), "a log").expect("writes");
    for verb in [&["app", "list"][..], &["login", "netatmo"], &["vault", "set-aside"]] {
        house.run(verb).await.fails(7, ["vault.db", "vault.db-wal is there", "where its vault is now"]);
    }
    assert!(!exists(&vault(&house)) && exists(&house.path("data/vault.key")), "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn j13_where_the_vault_and_its_key_are_can_be_said_in_several_ways() {
    let mut house = house().await;
    let key = std::fs::read_to_string(house.path("data/vault.key")).expect("reads");
    house
        .run(&["--vault", "postgres://me:canary@127.0.0.1:1/x", "status"])
        .await
        .fails(2, ["password was given on the command line", "history", "KEYFOB_VAULT"]);
    house.set("KEYFOB_VAULT", "postgres://me:canary@127.0.0.1:1/x");
    let refused = house.run(&["app", "list"]).await.exits(7);
    assert!(!refused.stderr.contains("canary"), "{refused:?}");
    house.unset("KEYFOB_VAULT");
    let named = house.file("where", &format!("{}\n", vault(&house).display()));
    house.set("KEYFOB_VAULT_FILE", &named);
    assert!(house.good(&["app", "list"]).await.contains("example-id"));
    // The key: a variable goes before a file that one names, and that before a credential, and all of them before the key file.
    let file = house.file("credentials/keyfob-vault-key", &key);
    std::fs::remove_file(house.path("data/vault.key")).expect("removes");
    house.run(&["app", "list"]).await.fails(7, ["", "key file", ""]);
    for (name, right, wrong) in [
        ("CREDENTIALS_DIRECTORY", house.path("credentials").display().to_string(), None),
        ("KEYFOB_VAULT_KEY_FILE", file.clone(), Some(house.file("wrong", &"01".repeat(32)))),
        ("KEYFOB_VAULT_KEY", key.trim().to_owned(), Some("01".repeat(32))),
    ] {
        if let Some(wrong) = wrong {
            house.set(name, &wrong);
            house.run(&["app", "list"]).await.fails(7, ["", "another key", "vault set-aside"]);
        }
        house.set(name, &right);
        assert!(house.good(&["app", "list"]).await.contains("example-id"), "{name}");
    }
}

/// A file system in memory that is as large as it says; away with its end.
struct Small(std::path::PathBuf);

impl Small {
    /// `None` where the machine forbids mounts.
    fn mounted(at: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).expect("a folder");
        let mount = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=1M,mode=0700", "tmpfs"]).arg(&at).output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(Self(at))
    }

    fn fill(&self) {
        use std::io::Write;

        let mut ballast = std::fs::File::create(self.0.join("ballast")).expect("a file");
        while ballast.write_all(&[0; 512]).is_ok() {}
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

/// Whoever went through consent for nothing has given a token away that nobody has.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_a_vault_is_read_and_nobody_is_sent_to_log_in() {
    let mut house = House::new().await;
    let Some(disk) = Small::mounted(house.path("small")) else {
        println!("skipped: this machine mounts nothing for us (root may)");
        return;
    };
    let vault = disk.0.join("vault.db").display().to_string();
    house.set("KEYFOB_DATA_DIR", &disk.0.display().to_string());
    let with = |arguments: &[&str]| [&["--vault", vault.as_str()], arguments].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let run = async |arguments: &[&str]| {
        let arguments = with(arguments);
        house.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    run(&["login", "acme", "--client-credentials"]).await.exits(0);
    disk.fill();
    let token = run(&["token", "acme"]).await.exits(0);
    assert!(token.stdout.len() > 10 && token.stderr.contains("can only be read"), "{token:#?}");
    let status = run(&["vault", "status"]).await.exits(0);
    assert!(status.stdout.contains("1 account"), "{status:#?}");
    let asked = house.sandbox.seen("acme").len();
    run(&["login", "acme/two", "--no-browser", "--paste"])
        .await
        .fails(7, ["cannot log in to acme/two", "KiB are left on the disk", "make room"]);
    assert_eq!(house.sandbox.seen("acme").len(), asked, "nobody was asked for anything");
    run(&["refresh", "acme"]).await.fails(7, ["cannot refresh acme", "can be read, and not written", "make room"]);
    let doctor = run(&["doctor", "--offline"]).await;
    assert!(doctor.stdout.contains("KiB are left on its disk") && doctor.code == 7, "{doctor:#?}");
    std::fs::remove_file(disk.0.join("ballast")).expect("room again");
    run(&["refresh", "acme"]).await.exits(0);
}

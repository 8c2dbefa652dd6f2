//! What becomes of tokens, told: the history, following it, and refreshing what is due.

#![allow(missing_docs)]

mod common;

use std::time::Duration;

#[cfg(target_os = "linux")]
use common::screen::{INTERRUPT, Screen};
use common::{House, visit};
use keyfob::proto::{OAuth2Tokens, Secret, TokenSet};
use keyfob::store::Expected;
use keyfob::{Clock, Store};
use keyfob_store::shelf::{Item, Kind, Shelf};
use keyfob_testbed::{Cluster, Options};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn the_history_says_who_spent_which_refresh_token() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    house.good(&["refresh", "netatmo"]).await;
    house.good(&["refresh", "netatmo"]).await;
    let entries = house.json(&["status", "netatmo", "--history"]).await;
    let kinds: Vec<_> = entries.as_array().expect("a list").iter().map(|entry| entry["event"].as_str().expect("a word")).collect();
    assert_eq!(kinds, ["logged-in", "refreshed", "refreshed"]);
    // Each spends what the one before received.
    assert_eq!(entries[1]["spent"], entries[0]["received"]);
    assert_eq!(entries[2]["spent"], entries[1]["received"]);
    assert_eq!(entries[2]["begun_by"]["program"], "keyfob");
    assert_eq!(entries[2]["why"], "asked for");
    assert_ne!(entries[1]["by"]["pid"], entries[2]["by"]["pid"], "two processes");
    let table = house.good(&["status", "netatmo", "--history"]).await;
    assert_eq!(table.lines().count(), 4, "{table}");
    let spent = entries[2]["spent"].as_str().expect("digits");
    assert!(table.lines().last().is_some_and(|line| line.contains(spent) && line.contains("asked for")), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_needs_an_account() {
    let house = House::new().await;
    house.run(&["status", "--history"]).await.exits(2);
    house.run(&["status", "netatmo", "--history"]).await.fails(4, ["there is no account \"netatmo\"", "", "keyfob login netatmo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_tells_what_another_process_does_to_tokens() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    house.log_in("acme").await;
    let mut watching = house.command(&["watch", "netatmo"]).spawn().expect("it starts");
    let mut lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    let mut notes = BufReader::new(watching.stderr.take().expect("a pipe")).lines();
    while !notes.next_line().await.expect("words").expect("it goes on").contains("watching") {}
    house.good(&["refresh", "acme"]).await;
    house.good(&["refresh", "netatmo"]).await;
    house.good(&["logout", "netatmo"]).await;
    for event in ["refreshed", "logged-out"] {
        let line = timeout(Duration::from_secs(30), lines.next_line()).await.expect("in time").expect("words").expect("a line");
        let told: serde_json::Value = serde_json::from_str(&line).expect("JSON on one line");
        assert_eq!((&told["account"], &told["event"]), (&"netatmo".into(), &event.into()), "{line}");
    }
}

/// What it follows cannot be read on, and can be once somebody has said the passphrase.
#[tokio::test(flavor = "multi_thread")]
async fn watch_ends_with_what_to_do_when_the_vault_gets_a_passphrase() {
    let house = House::new().await;
    house.log_in("acme").await;
    let mut watching = house.start(&["watch"]);
    watching.line(|line| line.contains("watching")).await;
    house.run_with(&["vault", "rekey", "--passphrase", "--stdin"], "canary horse battery staple\n").await.exits(0);
    watching.end().await.fails(7, ["cannot follow the vault's history", "", "keyfob unlock"]);
}

/// A server that is restarted ends nothing: what happens once it is there again is told.
#[tokio::test(flavor = "multi_thread")]
async fn watch_goes_on_when_its_database_was_away() {
    let Some(cluster) = Cluster::start(&Options { no_fsync: true, ..Options::default() }) else { return };
    let (house, database) = (House::new().await, cluster.database().url());
    let there = |arguments: &[&str]| house.start(&[&["--vault", &database], arguments].concat());
    let mut login = there(&["login", "netatmo", "--no-browser", "--paste"]);
    let url = login.url().await;
    let back = visit(&url).await.location.expect("it leads back");
    login.say(&format!("{back}\n")).await;
    login.end().await.exits(0);
    let mut watching = there(&["watch"]);
    watching.line(|line| line.contains("watching")).await;
    cluster.stop();
    watching.line(|line| line.contains("what happens is told once it answers")).await;
    cluster.start_again();
    there(&["refresh", "netatmo"]).end().await.exits(0);
    let mut told = BufReader::new(watching.out()).lines();
    let line = timeout(Duration::from_secs(30), told.next_line()).await.expect("in time").expect("words").expect("a line");
    assert!(line.contains("\"refreshed\""), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_refreshed_and_nothing_else() {
    let house = House::new().await;
    assert_eq!(house.json(&["refresh", "--due"]).await, serde_json::json!([]));
    house.log_in("netatmo").await;
    house.log_in("telldus").await;
    assert_eq!(house.json(&["refresh", "--due"]).await, serde_json::json!([]), "nothing is due yet");
    house.run(&["refresh", "--due", "netatmo"]).await.exits(2);
    house.run(&["refresh"]).await.exits(2);
    ends_soon(&house, "netatmo", |_| {}).await;
    let done = house.json(&["refresh", "--due"]).await;
    assert_eq!((&done[0]["account"], &done[0]["outcome"]), (&"netatmo".into(), &"refreshed".into()), "{done}");
    assert_eq!(done.as_array().map(Vec::len), Some(1));
    let entries = house.json(&["status", "netatmo", "--history"]).await;
    assert_eq!(entries.as_array().and_then(|entries| entries.last()).map(|entry| entry["why"].clone()), Some("due".into()));
    assert_eq!(house.json(&["refresh", "--due"]).await, serde_json::json!([]), "and only once");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_due_and_refused_needs_a_login() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    ends_soon(&house, "netatmo", |tokens| tokens.refresh = Some(Secret::new("5a9db0c5|spent"))).await;
    let ended = house.run(&["refresh", "--due"]).await.exits(4);
    assert!(ended.stderr.contains("keyfob login netatmo"), "{ended:#?}");
    let status = house.run(&["status"]).await.exits(0);
    assert!(status.stdout.contains("needs login") && !status.stdout.contains("renews itself"), "{status:#?}");
    // Whoever runs it every few minutes hears of it every time, until somebody logs in.
    for _ in 0..2 {
        let ended = house.run(&["refresh", "--due"]).await.exits(4);
        assert!(ended.stderr.contains("netatmo needs a login: ") && ended.stderr.contains("1 of 1 accounts need"), "{ended:#?}");
        let told = house.run(&["refresh", "--due", "--json"]).await.exits(4);
        let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
        assert_eq!((&told[0]["account"], &told[0]["outcome"]), (&"netatmo".into(), &"needs-login".into()), "{told}");
    }
    let history = house.json(&["status", "netatmo", "--history"]).await;
    assert_eq!(history.as_array().and_then(|entries| entries.last()).map(|entry| entry["event"].clone()), Some("needs-login".into()));
    house.log_in("netatmo").await;
    house.run(&["refresh", "--due"]).await.exits(0);
}

/// Whoever signs in to the web app has accounts that the command cannot log in to: their names begin with `~`.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_only_the_web_app_can_make_is_not_asked_of_the_command() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    ends_soon(&house, "netatmo", |tokens| tokens.refresh = Some(Secret::new("5a9db0c5|spent"))).await;
    let vault =
        keyfob_store::Vault::open_existing(&house.vault(), keyfob_store::KeySource::beside(&house.vault())).expect("the vault opens");
    let mut account = vault.account("netatmo").await.expect("reads").expect("it is there").value;
    (account.name, account.id) = ("~7f3a/netatmo".to_owned(), keyfob::AccountId::random());
    vault.put_account(&account, Expected::Nothing, None).await.expect("writes");
    drop(vault);
    house.good(&["logout", "netatmo"]).await;
    // The round in which it is refused, and every one after it.
    for command in [&["refresh", "--due"][..], &["refresh", "--due"], &["status"], &["refresh", "~7f3a/netatmo"]] {
        let ended = house.run(command).await;
        let told = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("in the web app, where the person that it belongs to presses Log in again"), "{command:?}: {ended:#?}");
        assert!(!told.contains("keyfob login"), "{command:?}: {ended:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_from_elsewhere_is_used_at_once_or_leaves_nothing_behind() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    let path = house.vault();
    let token = {
        let vault = keyfob_store::Vault::open_existing(&path, keyfob_store::KeySource::beside(&path)).expect("the vault opens");
        let account = vault.account("netatmo").await.expect("reads").expect("it is there").value;
        account.tokens.refresh_token().expect("one").expose().to_owned()
    };
    let app = house.sandbox.app("netatmo");
    let with_secret = |token: &str| {
        serde_json::json!({"CLIENT_ID": app.client_id, "CLIENT_SECRET": app.client_secret, "REFRESH_TOKEN": token}).to_string()
    };
    let file = house.file("good.json", &with_secret(&token));
    house.good(&["import", "netatmo/moved", "--from", &file]).await;
    let status = house.json(&["status", "netatmo/moved"]).await;
    assert_eq!((&status["health"]["state"], &status["renews"]), (&"ok".into(), &true.into()), "{status}");
    assert_ne!(house.good(&["token", "netatmo/moved"]).await.trim(), "");
    let file = house.file("bad.json", &with_secret("5a9db0c5|not-real"));
    house.run(&["import", "netatmo/bad", "--from", &file]).await.fails(4, ["cannot import netatmo/bad", "invalid_grant", ""]);
    house.run(&["status", "netatmo/bad"]).await.exits(4);
    let names: Vec<String> =
        house.json(&["status"]).await.as_array().expect("a list").iter().map(|one| one["account"].to_string()).collect();
    assert_eq!(names, ["\"netatmo\"", "\"netatmo/moved\""]);
    // What is replaced by something that does not work stays.
    house.run(&["import", "netatmo/moved", "--from", &file, "--replace"]).await.exits(4);
    assert_eq!(house.json(&["status", "netatmo/moved"]).await["health"]["state"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_there_while_its_successor_is_tried_and_after_a_kill() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let house = common::house_at(&format!("http://{}", server.local_addr().expect("an address"))).await;
    let mut import = house.start(&["import", "hub", "--stdin", "--replace"]);
    import.say(r#"{"refresh_token":"example-refresh-token"}"#).await;
    drop(import.child.stdin.take());
    // The server thinks about it.
    let asked = tokio::time::timeout(std::time::Duration::from_secs(60), server.accept()).await.expect("in time").expect("a request");
    assert_eq!(house.good(&["token", "hub"]).await.trim(), "example-access-token-not-real");
    import.child.kill().await.expect("it runs");
    assert_eq!(house.good(&["token", "hub"]).await.trim(), "example-access-token-not-real");
    drop(asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_interrupted_keeps_what_the_token_was_spent_for() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let house = common::house_at(&format!("http://{}", server.local_addr().expect("an address"))).await;
    let mut import = house.start(&["import", "hub", "--stdin", "--replace"]);
    import.say(r#"{"refresh_token":"example-refresh-token"}"#).await;
    drop(import.child.stdin.take());
    let asked = tokio::time::timeout(std::time::Duration::from_secs(60), server.accept()).await.expect("in time").expect("a request");
    import.interrupt();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let body = r#"{"access_token":"example-next","token_type":"Bearer","refresh_token":"example-refresh-next","expires_in":3600}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (mut reads, mut writes) = asked.0.into_split();
    let reader = tokio::spawn(async move { tokio::io::copy(&mut reads, &mut tokio::io::sink()).await });
    tokio::io::AsyncWriteExt::write_all(&mut writes, answer.as_bytes()).await.expect("it reads");
    assert_ne!(import.end().await.code, 0, "it was stopped");
    assert_eq!(house.good(&["token", "hub"]).await.trim(), "example-next");
    drop(reader.await);
}

/// What the token is good for is known after it was spent; who is to blame for the rest, and what to do, is said.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_tokens_cannot_be_kept_says_that_the_old_one_is_spent() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let house = common::house_at(&format!("http://{}", server.local_addr().expect("an address"))).await;
    let mut import = house.start(&["import", "hub", "--stdin", "--replace"]);
    import.say(r#"{"refresh_token":"example-refresh-token"}"#).await;
    drop(import.child.stdin.take());
    let (mut stream, _) = timeout(Duration::from_secs(60), server.accept()).await.expect("in time").expect("a request");
    // Somebody does not want it any more.
    house.run(&["logout", "hub"]).await.exits(0);
    let body = r#"{"access_token":"example-next","token_type":"Bearer","refresh_token":"example-refresh-next","expires_in":3600}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.expect("it reads");
    let ended = import.end().await;
    assert_ne!(ended.code, 0, "{ended:#?}");
    assert!(ended.stderr.contains("the refresh token was taken, and its successor could not be kept"), "{ended:#?}");
}

/// The disk takes the note, and nothing from the moment on when the provider has answered: whoever called has the token, is told that nobody else does, and
/// the exit code says so.
#[tokio::test(flavor = "multi_thread")]
async fn d6_a_token_that_cannot_be_written_down_comes_out_all_the_same() {
    for (command, first) in [(&["token", "hub"][..], "example-next"), (&["refresh", "hub", "--json"], r#""account":"hub""#)] {
        cannot_be_written_down(command, first).await;
    }
}

async fn cannot_be_written_down(command: &[&str], first: &str) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let (server, house) = a_slow_server().await;
    let path = kept_at(&house);
    let vault = || keyfob_store::Vault::open_existing(&path, keyfob_store::KeySource::beside(&path)).expect("opens");
    // What a refresh tidies away besides is no reason for another error.
    let refused = Item::new(vault().account("hub").await.expect("reads").expect("it is there").value.id.as_str(), b"{}".to_vec());
    vault().put_item(Kind("refused-call"), &refused, Expected::Anything).await.expect("written");
    // A write over the limit is an error where the signal that comes with it is ignored.
    let script = "trap '' XFSZ; exec \"$0\" \"$@\"";
    let mut command = house.program("sh", &[&["-c", script, env!("CARGO_BIN_EXE_keyfob")], command].concat());
    let mut child = command.spawn().expect("it starts");
    let (stream, _) = timeout(Duration::from_secs(60), server.accept()).await.expect("in time").expect("a request");
    // An answer to a request that has not come is none.
    assert_ne!(stream.peek(&mut [0]).await.expect("it reads"), 0);
    let noted = vault().account("hub").await.expect("reads").expect("it is there").value.spending.expect("the note is on disk");
    let pid = Pid::from_raw(i32::try_from(child.id().expect("it runs")).expect("a number")).expect("a process");
    assert_eq!(noted.by.pid, pid.as_raw_nonzero().get().unsigned_abs(), "it is the one that asks");
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: Some(0), maximum: Some(0) }).expect("it is ours");
    let body = r#"{"access_token":"example-next","token_type":"Bearer","refresh_token":"example-refresh-next","expires_in":3600}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (mut reads, mut writes) = stream.into_split();
    let reader = tokio::spawn(async move { tokio::io::copy(&mut reads, &mut tokio::io::sink()).await });
    tokio::io::AsyncWriteExt::write_all(&mut writes, answer.as_bytes()).await.expect("it reads");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let came = timeout(Duration::from_secs(60), out.next_line()).await.expect("in time").expect("words");
    assert!(came.as_ref().is_some_and(|came| came.contains(first)), "{came:?}");
    // It goes on trying, for minutes, until it is asked twice to end.
    let mut ended = std::pin::pin!(child.wait_with_output());
    for _ in 0..2 {
        let goes_on = timeout(Duration::from_millis(1500), &mut ended).await;
        assert!(goes_on.is_err(), "{goes_on:?}");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is ours");
    }
    let done = timeout(Duration::from_secs(8), ended).await.expect("in time").expect("it ends");
    drop(reader.await);
    let told = String::from_utf8_lossy(&done.stderr);
    for words in ["new tokens could not be written down", "keyfob refresh hub", "keyfob login hub"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("keep this program running") && !told.contains("example-refresh-next"), "{told}");
    assert_eq!(done.status.code(), Some(7), "{told}");
    // The vault is as it was with the note, which says who spent the old one.
    let kept = vault().account("hub").await.expect("reads").expect("it is there").value;
    assert_eq!(kept.tokens.refresh_token().map(|token| token.same_as("example-refresh-token")), Some(true));
    assert_eq!(kept.spending, Some(noted));
}

/// A server that takes its time, and an account there whose token has ended.
async fn a_slow_server() -> (tokio::net::TcpListener, House) {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let house = common::house_at(&format!("http://{}", server.local_addr().expect("an address"))).await;
    ends_soon_in(&kept_at(&house), "hub", |tokens| {
        tokens.expires_at = Some(tokens.received_at);
        tokens.refresh = Some(Secret::new("example-refresh-token"));
    })
    .await;
    (server, house)
}

/// Where its tokens are: the vault that is no sandbox's.
fn kept_at(house: &House) -> std::path::PathBuf {
    house.vault().parent().and_then(|sandbox| sandbox.parent()).expect("folders").join("vault.db")
}

/// timeout(1) sends its signal twice, and means one.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_to_stop_writes_down_what_its_token_was_spent_for() {
    let (server, house) = a_slow_server().await;
    let refresh = house.start(&["refresh", "hub"]);
    let (stream, _) = timeout(Duration::from_secs(60), server.accept()).await.expect("in time").expect("a request");
    assert_ne!(stream.peek(&mut [0]).await.expect("it reads"), 0);
    for _ in 0..3 {
        refresh.interrupt();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let body = r#"{"access_token":"example-next","token_type":"Bearer","refresh_token":"example-refresh-next","expires_in":3600}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (mut reads, mut writes) = stream.into_split();
    let reader = tokio::spawn(async move { tokio::io::copy(&mut reads, &mut tokio::io::sink()).await });
    tokio::io::AsyncWriteExt::write_all(&mut writes, answer.as_bytes()).await.expect("it reads");
    refresh.end().await.exits(130);
    assert_eq!(house.good(&["token", "hub"]).await.trim(), "example-next");
    drop(reader.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_twice_to_stop_says_what_may_be_lost() {
    let (server, house) = a_slow_server().await;
    let refresh = house.start(&["refresh", "hub"]);
    let (stream, _) = timeout(Duration::from_secs(60), server.accept()).await.expect("in time").expect("a request");
    assert_ne!(stream.peek(&mut [0]).await.expect("it reads"), 0);
    refresh.interrupt();
    tokio::time::sleep(Duration::from_secs(3)).await;
    refresh.interrupt();
    let ended = timeout(Duration::from_secs(20), refresh.end()).await.expect("at once");
    let ended =
        ended.fails(130, ["new tokens may be lost", "\"hub\" has begun, and is not over", "if not, log in again: keyfob login hub"]);
    assert!(!ended.stderr.contains("try again"), "{ended:#?}");
}

/// The answer is there, the prompt is not: who sits in front of it hears why, and decides.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_end_of_a_refresh_at_a_terminal_is_told_so() {
    let (server, house) = a_slow_server().await;
    let mut screen = Screen::start(&house, &["refresh", "hub"], (200, 50), &[]);
    let (stream, _) = timeout(Duration::from_secs(60), server.accept()).await.expect("in time").expect("a request");
    assert_ne!(stream.peek(&mut [0]).await.expect("it reads"), 0);
    screen.types(INTERRUPT);
    screen.shows("\"hub\" has begun, and is not over; waiting for it, 5 minutes at most; Ctrl-C gives it up").await;
    screen.types(INTERRUPT);
    let shown = screen.ends(130).await;
    assert!(shown.contains("new tokens may be lost") && shown.contains("keyfob login hub"), "{shown}");
}

/// The account's token ends in a quarter of an hour and was received hours ago, as far as the vault knows: within the last tenth of its life, so that it is
/// due whatever the account's id adds to that.
async fn ends_soon(house: &House, name: &str, change: impl FnOnce(&mut OAuth2Tokens)) {
    ends_soon_in(&house.vault(), name, change).await;
}

async fn ends_soon_in(path: &std::path::Path, name: &str, change: impl FnOnce(&mut OAuth2Tokens)) {
    let vault = keyfob_store::Vault::open_existing(path, keyfob_store::KeySource::beside(path)).expect("the vault opens");
    let mut record = vault.account(name).await.expect("reads").expect("it is there");
    let TokenSet::OAuth2(tokens) = &mut record.value.tokens else { panic!("OAuth 2") };
    tokens.expires_at = Some(keyfob::SystemClock.now().plus(900));
    tokens.received_at = tokens.received_at.plus(-9000);
    change(tokens);
    vault.put_account(&record.value, Expected::Generation(record.generation), None).await.expect("writes");
}

/// Puts something else in the place of the record that was written last, or first.
fn damage(house: &House, which: &str) {
    let sql = rusqlite::Connection::open(house.vault()).expect("opens");
    let edit = format!("UPDATE account SET record = x'00' WHERE number = (SELECT {which}(number) FROM account)");
    assert_eq!(sql.execute(&edit, ()).expect("edits"), 1);
}

/// One account of a vault is damaged: the others are shown and used, and whoever logs out, or in again, is rid of it.
#[tokio::test(flavor = "multi_thread")]
async fn j8_a_damaged_account_keeps_nobody_from_the_others_and_makes_way() {
    let house = House::new().await;
    for name in ["netatmo", "acme"] {
        house.log_in(name).await;
        ends_soon(&house, name, |_| {}).await;
    }
    damage(&house, "min");
    let card = ["the account netatmo cannot be read", "not what was sealed there", "keyfob login netatmo"];
    for verb in [&["refresh", "--due", "--json"][..], &["status"], &["account", "list"], &["account", "default"], &["export"]] {
        let ended = house.run(verb).await.exits(7);
        assert!(ended.stdout.contains("acme") && !ended.stdout.contains("netatmo"), "{verb:?}: {ended:#?}");
        assert!(ended.stderr.contains(card[0]) && ended.stderr.contains(card[2]), "{verb:?}: {ended:#?}");
        assert_eq!(ended.stderr.matches("cannot be read").count(), 1, "told once: {verb:?}: {ended:#?}");
    }
    for verb in [
        &["status", "netatmo"][..],
        &["status", "netatmo", "--history"],
        &["refresh", "netatmo"],
        &["account", "rename", "netatmo", "netatmo/home"],
    ] {
        house.run(verb).await.fails(7, card);
    }
    // Who needs no more than what opens is told, and goes on.
    let ended = house.run(&["app", "add", "netatmo", "--client-id", "another"]).await;
    assert_ne!(ended.code, 7, "{ended:#?}");
    house.good(&["refresh", "acme"]).await;
    let ended = house.run(&["logout", "netatmo", "--revoke"]).await.exits(0);
    assert!(ended.stderr.contains("its record could not be read"), "{ended:#?}");
    house.good(&["status"]).await;
    house.run(&["logout", "netatmo"]).await.exits(4);
    // By a login, and by an import that was told so.
    damage(&house, "max");
    assert!(house.log_in("acme").await.stderr.contains("the record of acme cannot be read: this takes its place"));
    house.good(&["status", "acme"]).await;
    damage(&house, "max");
    let tokens = r#"{"access_token":"example-access","refresh_token":"example-refresh","expires_in":3600}"#;
    house.run_with(&["import", "acme", "--stdin"], tokens).await.fails(7, ["the account acme cannot be read", "", "keyfob login acme"]);
    house.run_with(&["import", "acme", "--stdin", "--replace"], tokens).await.exits(0);
    house.good(&["status", "acme"]).await;
}

/// Between two tries nothing is leased, and yet the tokens end: that is not "nothing is due".
#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_and_was_refused_for_now_is_told_until_it_is_refreshed() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    house.log_in("acme").await;
    ends_soon(&house, "netatmo", |_| {}).await;
    house.sandbox.faults("netatmo").update(|faults| (faults.at, faults.unavailable) = (keyfob_sandbox::At::Token, 20));
    house.run(&["refresh", "--due"]).await.exits(1);
    house.sandbox.faults("netatmo").update(|faults| faults.unavailable = 0);
    for _ in 0..2 {
        let ended = house.run(&["refresh", "--due"]).await.exits(1);
        assert!(ended.stderr.contains("netatmo has no new tokens: that failed at "), "{ended:#?}");
        let told = house.run(&["refresh", "--due", "--json"]).await.exits(1);
        let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
        assert_eq!((&told[0]["account"], &told[0]["outcome"]), (&"netatmo".into(), &"failed".into()), "{told}");
    }
    // One that another process has is nobody's fault.
    ends_soon(&house, "acme", |_| {}).await;
    house.good(&["refresh", "netatmo"]).await;
    let vault = keyfob_store::Vault::open_existing(&house.vault(), keyfob_store::KeySource::beside(&house.vault())).expect("opens");
    let now = keyfob::SystemClock.now();
    assert_eq!(vault.lease_due(now, now.plus(600), 10).await.expect("leases").len(), 1);
    let told = house.json(&["refresh", "--due"]).await;
    assert_eq!((&told[0]["account"], &told[0]["outcome"]), (&"acme".into(), &"elsewhere".into()), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_leaves_running_does_not_keep_anybody_from_stopping() {
    let house = House::new().await;
    house.log_in("acme").await;
    let mut running = house.start(&["exec", "acme", "--", "sh", "-c", "sleep 40 & echo over >&2"]);
    running.line(|line| line == "over").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    running.interrupt();
    timeout(Duration::from_secs(20), running.end()).await.expect("it stops");
}

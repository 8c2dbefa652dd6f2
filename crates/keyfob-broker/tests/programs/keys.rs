//! Who is let in.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyfob::store::{Expected, Generation, Stored, Versioned};
use keyfob_broker::api::token;
use keyfob_broker::{Who, keys};
use keyfob_store::shelf::{Change, Changes, Item, Kind};
use keyfob_store::{MemoryShelf, Shelf};
use tokio::sync::watch;

use crate::support::disk::Disk;
use crate::support::front::{Front, Hooks};
use crate::support::gate::{Bare, Instance, Vault, ok, until};

#[tokio::test]
async fn a_key_opens_what_it_is_for_and_nothing_else() {
    let vault = Vault::default();
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["GET /users/locks/**"]).await;
    let reply = instance.ask(&key, "GET", "/api/bare/users/locks/mine?fields=name").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    assert_eq!(reply.header("x-keyfob-provider"), Some("bare"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(bare.targets(), ["/v1/users/locks/mine?fields=name"]);
    assert!(bare.heads()[0].contains(&format!("authorization: Bearer {}", crate::support::gate::ACCESS)), "{}", bare.heads()[0]);

    let other = instance.send("GET", "/api/bare/users/locks/mine", &[("X-Keyfob-Key", &key)], "").await;
    assert_eq!(other.status, 200);
    for (method, target, status, code) in [
        ("PUT", "/api/bare/users/locks/mine", 403, "not-allowed"),
        ("DELETE", "/api/bare/users/locks/mine", 403, "not-allowed"),
        ("GET", "/api/bare/users/locks", 403, "not-allowed"),
        ("GET", "/api/bare/", 403, "not-allowed"),
        ("GET", "/api/bare", 403, "not-allowed"),
        ("TRACE", "/api/bare/users/locks/mine", 405, "method"),
        ("GET", "/api/august/users/locks/mine", 404, "not-found"),
        ("GET", "/api/nobody/users/locks/mine", 404, "not-found"),
        ("GET", "/token/bare", 403, "not-allowed"),
        ("GET", "/token/august", 404, "not-found"),
    ] {
        let reply = instance.ask(&key, method, target).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{method} {target}");
        assert_eq!(reply.header("x-keyfob-provider"), None);
    }
    assert_eq!(bare.heads().len(), 2, "nothing else was sent");
}

#[tokio::test]
async fn what_is_no_key_opens_nothing() {
    let vault = Vault::default();
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let target = "/api/bare/x";
    let none = instance.send("GET", target, &[], "").await;
    assert_eq!((none.status, none.code().as_str()), (401, "key-missing"));
    assert_eq!(none.header("www-authenticate"), Some("Bearer realm=\"keyfob\""));

    let key = vault.key("bare", &["* /**"]).await;
    let ended = vault.made("bare", &["* /**"], |new| new.expires_at = Some(vault.now().plus(60))).await.text;
    assert_eq!(instance.ask(ended.expose(), "GET", target).await.status, 200);
    // Once its first use is noted it is kept in memory, and ends there as well.
    let noted =
        async || keys::list(&*vault.shelf, None, vault.now()).await.expect("the shelf").iter().any(|key| key.last_used_at.is_some());
    until("the use is noted", noted).await;
    assert_eq!(instance.ask(ended.expose(), "GET", target).await.status, 200);
    vault.clock_forward(60);
    let elsewhere = Vault::default();
    bare.connected(&elsewhere).await;
    let stranger = elsewhere.key("bare", &["* /**"]).await;
    let mut wrong = key.clone();
    wrong.replace_range(40..41, if &key[40..41] == "a" { "b" } else { "a" });
    let lower = key.to_lowercase();
    for other in [&wrong, ended.expose(), &stranger, &key[..74], &format!("{key}0"), &lower, "kfk_", "x"] {
        let reply = instance.ask(other, "GET", target).await;
        assert!(reply.status == 401, "{other}: {}", reply.text());
        assert!(reply.code() == "key-unknown" && reply.header("www-authenticate").is_some_and(|value| value.contains("invalid_token")));
        assert!(!reply.text().contains(other) || other.len() < 5, "it is not told back");
    }
    assert_eq!(bare.heads().len(), 2);
    assert_eq!(instance.ask(&key, "GET", target).await.status, 200);
}

/// The same public number with another secret, and a checksum that is right.
fn forged(key: &str) -> String {
    let mut start = key[..69].to_owned();
    let other = if &start[40..41] == "a" { "b" } else { "a" };
    start.replace_range(40..41, other);
    let crc = !start.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    let alphabet: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
    let digits: String = (0..6).rev().map(|place| alphabet[(u64::from(crc) / 62_u64.pow(place) % 62) as usize]).collect();
    start + &digits
}

#[tokio::test]
async fn a_right_number_with_a_wrong_secret_opens_nothing() {
    let vault = Vault::default();
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["* /**"]).await;
    let forged = forged(&key);
    assert!(forged.len() == key.len() && forged[..26] == key[..26] && forged != key);
    // Also when the real one is known, and kept in memory.
    for _ in 0..2 {
        let reply = instance.ask(&forged, "GET", "/api/bare/x").await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "key-unknown"));
        assert_eq!(instance.ask(&key, "GET", "/api/bare/x").await.status, 200);
    }
    assert_eq!(bare.heads().len(), 2);
}

#[tokio::test]
async fn a_key_in_the_url_is_refused_and_never_looked_at() {
    let vault = Vault::default();
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["* /**"]).await;
    for target in [format!("/api/bare/x?key={key}"), format!("/api/bare/{key}/x"), format!("/api/bare/x?access_token={key}")] {
        let reply = instance.send("GET", &target, &[], "").await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "key-in-url"), "{target}");
        let reply = instance.ask(&key, "GET", &target).await;
        assert_eq!(reply.status, 400, "{target}");
    }
    let bearer = format!("Bearer {key}");
    let two: [&[(&str, &str)]; 3] = [
        &[("Authorization", &bearer), ("X-Keyfob-Key", &key)],
        &[("Authorization", &bearer), ("Authorization", &bearer)],
        &[("X-Keyfob-Key", &key), ("X-Keyfob-Key", &key)],
    ];
    for headers in two {
        let reply = instance.send("GET", "/api/bare/x", headers, "").await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "two-keys"));
    }
    assert!(bare.heads().is_empty());
}

#[tokio::test]
async fn a_new_account_under_an_old_name_is_another_one() {
    let vault = Vault::default();
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["* /**"]).await;
    assert_eq!(instance.ask(&key, "GET", "/api/bare/x").await.status, 200);
    // Another program on the same vault logs out, and somebody connects again.
    assert!(keyfob::Store::remove_account(&*vault.store, "bare", None).await.expect("the store"));
    until("the account is gone here", async || instance.ask(&key, "GET", "/api/bare/x").await.status == 404).await;
    assert!(vault.calls().await.iter().all(|line| line["status"] == 200), "what opens nothing is no use, and fills no book");
    bare.connected(&vault).await;
    let seen = bare.heads().len();
    let seeing = vault.made("bare", &[], |new| (new.may_see_token, new.account_id) = (true, keyfob::AccountId::random())).await.text;
    let lines = vault.book().await.len();
    for _ in 0..3 {
        for (key, target) in [(key.as_str(), "/api/bare/x"), (seeing.expose(), "/token/bare")] {
            let reply = instance.ask(key, "GET", target).await;
            assert_eq!((reply.status, reply.code().as_str()), (404, "not-found"), "{target}");
            assert!(reply.text().contains("its account may have been disconnected"), "{target}: {}", reply.text());
        }
    }
    assert_eq!(bare.heads().len(), seen, "the new account's token was not used");
    assert_eq!(vault.book().await.len(), lines);
    let kept = keys::list(&*vault.shelf, None, vault.now()).await.expect("the shelf");
    assert!(kept.iter().any(|kept| kept.last_used_at.is_none()), "nor is it noted as one");
}

#[tokio::test]
async fn a_key_is_used_as_often_as_it_may() {
    let vault = Vault::default();
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let limited = vault.made("bare", &["GET /x"], |new| new.rate = Some("3/h".parse().expect("a rate"))).await.text;
    // What a rule refuses counts as well: a key is no place to try rules out.
    assert_eq!(instance.ask(limited.expose(), "GET", "/api/bare/y").await.status, 403);
    assert_eq!(instance.ask(limited.expose(), "GET", "/api/bare/x").await.status, 200);
    assert_eq!(instance.ask(limited.expose(), "GET", "/api/bare/x").await.status, 200);
    let refused = instance.ask(limited.expose(), "GET", "/api/bare/x").await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate"));
    let after: u64 = refused.header("retry-after").expect("when").parse().expect("a number");
    assert!((1100..=1200).contains(&after), "{after}");
    let free = vault.key("bare", &["GET /x"]).await;
    assert_eq!(instance.ask(&free, "GET", "/api/bare/x").await.status, 200, "another key has its own");
    assert_eq!(vault.calls().await.len(), 4, "a refusal of this kind fills no book");
}

#[tokio::test]
async fn a_revoked_key_is_refused_everywhere_within_a_second() {
    let vault = Vault::default();
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let (one, two) = (Instance::start(&vault, vec![service.clone()]).await, Instance::start(&vault, vec![service]).await);
    let made = vault.made("bare", &["GET /x"], |_| {}).await;
    let key = made.text.expose();
    for instance in [&one, &two] {
        for _ in 0..2 {
            assert_eq!(instance.ask(key, "GET", "/api/bare/x").await.status, 200);
        }
    }
    // As the command does it, in a process of its own: neither web app is told but by the shelf.
    assert!(keys::revoke(&*vault.shelf, Some("somebody"), &made.key.id, Who::Command, vault.now()).await.expect("the shelf").is_none());
    assert!(keys::revoke(&*vault.shelf, Some("owner"), &made.key.id, Who::Command, vault.now()).await.expect("the shelf").is_some());
    let revoked = std::time::Instant::now();
    until("it is refused by both", async || {
        one.ask(key, "GET", "/api/bare/x").await.status == 401 && two.ask(key, "GET", "/api/bare/x").await.status == 401
    })
    .await;
    assert!(revoked.elapsed() < std::time::Duration::from_secs(10), "half a second, where the machine has nothing else to do");
    let lines = vault.book().await;
    assert!(lines.iter().any(|line| line["act"] == "key-revoked" && line["key"] == made.key.id.as_str() && line["who"] == "command"));
}

/// One program whose key has ended must not keep out all others that come by the same address.
#[tokio::test]
async fn l15_wrong_keys_are_refused_for_being_too_many_and_right_ones_let_in_all_the_same() {
    let shelf = Silent::shelf();
    let vault = Vault::on(shelf.clone());
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["GET /x"]).await;
    let token = token::create(&*vault.shelf, "owner", "an app", None, Who::Command, vault.now()).await.expect("a token").text;
    // Of the right form, and of the right checksum; and what is neither.
    let ended = vault.made("bare", &["GET /x"], |_| {}).await;
    keys::revoke(&*vault.shelf, None, &ended.key.id, Who::Command, vault.now()).await.expect("the shelf");
    let (ended, reads) = (ended.text.expose(), || shelf.reads.load(Ordering::Relaxed));
    let before = reads();
    let mut statuses = Vec::new();
    // A drop comes back each half a second: on a slow machine some more are let through.
    while statuses.len() < 1000 && statuses.last() != Some(&429) {
        statuses.push(instance.ask("kfk_wrong", "GET", "/api/bare/x").await.status);
    }
    assert!(statuses.len() > 120 && statuses.ends_with(&[401, 429]), "{statuses:?}");
    assert!(reads() - before < 100, "what cannot be a key is looked up nowhere");
    let refused = async |text: &str, target: &str| loop {
        let reply = instance.ask(text, "GET", target).await;
        if reply.status != 401 {
            return (reply.status, reply.header("retry-after").is_some());
        }
    };
    assert_eq!(refused("kfk_wrong", "/api/bare/x").await, (429, true));
    assert_eq!(refused(ended, "/token/bare").await, (429, true));
    assert_eq!(refused("kft_wrong", "/v1/me").await, (429, true));
    for _ in 0..3 {
        assert_eq!(instance.ask(&key, "GET", "/api/bare/x").await.status, 200, "what is right is let in");
        assert_eq!(instance.ask(token.expose(), "GET", "/v1/me").await.status, 200);
    }
    assert_eq!(refused(ended, "/api/bare/x").await, (429, true), "and makes nothing of what is wrong");
}

/// The provider's refusal is no guess at a key of ours.
#[tokio::test]
async fn what_the_provider_refuses_costs_nobody_a_try() {
    let vault = Vault::default();
    let bare = Bare::start(|came| {
        Box::pin(async move {
            if came.line().starts_with("POST /token") {
                let tokens = r#"{"access_token":"another","token_type":"Bearer","expires_in":3600}"#;
                return came.answer(&ok("Content-Type: application/json\r\n", tokens)).await;
            }
            came.answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        })
    })
    .await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["GET /x"]).await;
    for _ in 0..150 {
        let reply = instance.ask(&key, "GET", "/api/bare/x").await;
        assert_eq!((reply.status, reply.header("x-keyfob-provider")), (401, Some("bare")), "{}", reply.text());
    }
    assert_eq!(instance.ask("kfk_wrong", "GET", "/api/bare/x").await.status, 401);
}

/// A shelf whose changes are told when the test says so.
#[derive(Debug)]
struct Silent {
    inner: MemoryShelf,
    lost: watch::Sender<bool>,
    reads: AtomicUsize,
    /// Writes of items under way, and the most there were at once.
    writing: AtomicUsize,
    most_writing: AtomicUsize,
}

impl Silent {
    fn shelf() -> Arc<Front<Self>> {
        let (reads, writing, most_writing) = Default::default();
        Arc::new(Front(Self { inner: MemoryShelf::default(), lost: watch::Sender::new(false), reads, writing, most_writing }))
    }
}

struct Lost(watch::Receiver<bool>, AtomicBool);

impl Changes for Lost {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Change> + Send + '_>> {
        Box::pin(async {
            if self.1.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            self.0.wait_for(|lost| *lost).await.expect("the shelf is there");
            self.1.store(true, Ordering::Relaxed);
            Change::Lost
        })
    }
}

impl Hooks for Silent {
    fn behind(&self) -> &dyn Shelf {
        &self.inner
    }

    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: keyfob::proto::Timestamp) -> Stored<'a, Option<Versioned<Item>>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.item(kind, id, now)
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        Box::pin(async move {
            let at_once = self.writing.fetch_add(1, Ordering::Relaxed) + 1;
            self.most_writing.fetch_max(at_once, Ordering::Relaxed);
            // As long as a disk takes.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let done = self.inner.put_item(kind, item, expected).await;
            self.writing.fetch_sub(1, Ordering::Relaxed);
            done
        })
    }

    fn changes(&self) -> Stored<'_, Box<dyn Changes>> {
        let changes: Box<dyn Changes> = Box::new(Lost(self.lost.subscribe(), AtomicBool::new(false)));
        Box::pin(async { Ok(changes) })
    }
}

#[tokio::test]
async fn an_instance_that_hears_nothing_reads_the_shelf_each_time() {
    let shelf = Silent::shelf();
    let vault = Vault::on(shelf.clone());
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let made = vault.made("bare", &["GET /x"], |_| {}).await;
    let key = made.text.expose();
    let reads = || shelf.reads.load(Ordering::Relaxed);
    // The first use is noted on the shelf, which drops the key from memory once.
    until("it is kept in memory", async || {
        let before = reads();
        instance.ask(key, "GET", "/api/bare/x").await;
        instance.ask(key, "GET", "/api/bare/x").await;
        reads() == before
    })
    .await;
    shelf.lost.send_replace(true);
    until("the shelf is read for each request", async || {
        let before = reads();
        for _ in 0..3 {
            assert_eq!(instance.ask(key, "GET", "/api/bare/x").await.status, 200);
        }
        reads() >= before + 3
    })
    .await;
    keys::revoke(&*vault.shelf, None, &made.key.id, Who::Command, vault.now()).await.expect("the shelf");
    assert_eq!(instance.ask(key, "GET", "/api/bare/x").await.status, 401, "at once: nobody told");
}

#[tokio::test]
async fn the_last_use_is_noted_once_a_minute_at_most() {
    let vault = Vault::default();
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let made = vault.made("bare", &["GET /x"], |_| {}).await;
    let noted = async || keys::list(&*vault.shelf, Some("owner"), vault.now()).await.expect("the shelf")[0].last_used_at;
    assert_eq!(noted().await, None);
    let began = vault.now();
    assert_eq!(instance.ask(made.text.expose(), "GET", "/api/bare/x").await.status, 200);
    until("it is noted", async || noted().await.is_some_and(|at| at >= began)).await;
    let first = noted().await;
    vault.clock_forward(30);
    assert_eq!(instance.ask(made.text.expose(), "GET", "/api/bare/x").await.status, 200);
    // Nobody waits for what would be written.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(noted().await, first, "half a minute later");
    vault.clock_forward(31);
    assert_eq!(instance.ask(made.text.expose(), "GET", "/api/bare/x").await.status, 200);
    until("it is noted again", async || noted().await > first).await;
    assert!(keys::list(&*vault.shelf, Some("somebody"), vault.now()).await.expect("the shelf").is_empty());
    assert!(vault.calls().await.iter().all(|line| line["status"] == 200));
}

/// A request that is under way while its key is revoked must not write the record anew.
#[tokio::test]
async fn the_last_use_brings_no_key_back() {
    let disk = Arc::new(Disk::default());
    let vault = Vault::on(disk.clone());
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let (made, other) = (vault.made("bare", &["GET /x"], |_| {}).await, vault.made("bare", &["GET /x"], |_| {}).await);
    let (id, now) = (made.key.id.clone(), vault.now());
    let is_revoked = Arc::new(AtomicBool::new(false));
    let revoked = is_revoked.clone();
    disk.before_put(Kind("key"), move |behind, item| async move {
        assert_eq!(item.id, id, "the note of its use");
        keys::revoke(&*behind, None, &id, Who::Command, now).await?.expect("a key");
        revoked.store(true, Ordering::SeqCst);
        Ok(())
    });
    assert_eq!(instance.ask(made.text.expose(), "GET", "/api/bare/x").await.status, 200, "it was good when it came");
    until("its use is about to be noted", async || is_revoked.load(Ordering::SeqCst)).await;
    // One note is written after the other: with this one the first is over.
    assert_eq!(instance.ask(other.text.expose(), "GET", "/api/bare/x").await.status, 200);
    let listed = async || keys::list(&*vault.shelf, Some("owner"), vault.now()).await.expect("the shelf");
    until("the other's use is noted", async || listed().await.iter().any(|key| key.last_used_at.is_some())).await;
    assert_eq!(listed().await.into_iter().map(|key| key.id).collect::<Vec<_>>(), [other.key.id]);
    assert_eq!(instance.ask(made.text.expose(), "GET", "/api/bare/x").await.status, 401);
}

#[tokio::test]
async fn without_a_shelf_there_are_no_keys() {
    let vault = Vault::default();
    let bare = Bare::start(|came| Box::pin(async move { came.answer(&ok("", "")).await })).await;
    let service = bare.connected(&vault).await;
    let instance = Instance::with(&vault, vec![service], None).await;
    let key = vault.key("bare", &["* /**"]).await;
    for target in ["/api/bare/x", "/token/bare"] {
        assert_eq!(instance.ask(&key, "GET", target).await.status, 404);
    }
    assert!(bare.heads().is_empty());
}

/// PostgreSQL lets writes that are told to others commit one by one: many at once would keep every connection from those who wait for an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_of_many_keys_are_noted_one_after_the_other() {
    const KEYS: usize = 12;
    let shelf = Silent::shelf();
    let vault = Vault::on(shelf.clone());
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Arc::new(Instance::start(&vault, vec![service]).await);
    let mut texts = Vec::new();
    for _ in 0..KEYS {
        texts.push(vault.key("bare", &["GET /x"]).await);
    }
    shelf.most_writing.store(0, Ordering::Relaxed);
    let mut asking = tokio::task::JoinSet::new();
    for text in texts {
        let instance = instance.clone();
        asking.spawn(async move { instance.ask(&text, "GET", "/api/bare/x").await.status });
    }
    assert_eq!(asking.join_all().await, [200; KEYS]);
    until("all are noted", async || {
        let listed = keys::list(&*vault.shelf, None, vault.now()).await.expect("the shelf");
        listed.iter().filter(|key| key.last_used_at.is_some()).count() == KEYS
    })
    .await;
    assert_eq!(shelf.most_writing.load(Ordering::Relaxed), 1);
}

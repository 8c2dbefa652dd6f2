//! L17: what is done is in the book, on disk, before the answer leaves; and never a secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyfob::StoreError;
use keyfob::store::{Expected, Generation, Stored};
use keyfob_store::shelf::{Act, Item, Kind};
use keyfob_store::{MemoryShelf, Shelf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::front::{Front, Hooks};
use crate::support::gate::{ACCESS, API_KEY, Bare, CLIENT_SECRET, Instance, REFRESH, Vault, ok, until};

/// A shelf whose disk is as slow, or as full, as the test says.
#[derive(Debug)]
struct Slow {
    inner: MemoryShelf,
    /// Lines that may be written.
    room: Semaphore,
    waiting: AtomicUsize,
    full: AtomicBool,
    /// Whether the next change of a key panics.
    breaks: AtomicBool,
}

impl Slow {
    fn disk(room: usize) -> Arc<Front<Self>> {
        Arc::new(Front(Self {
            inner: MemoryShelf::default(),
            room: Semaphore::new(room),
            waiting: AtomicUsize::new(0),
            full: AtomicBool::new(false),
            breaks: AtomicBool::new(false),
        }))
    }
}

impl Hooks for Slow {
    fn behind(&self) -> &dyn Shelf {
        &self.inner
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        assert!(kind != Kind("key") || !self.breaks.swap(false, Ordering::SeqCst), "as the test wants it");
        self.inner.put_item(kind, item, expected)
    }

    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()> {
        Box::pin(async move {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            self.room.acquire().await.expect("it is never closed").forget();
            if self.full.load(Ordering::SeqCst) {
                return Err(StoreError::Io("the disk is full".to_owned(), std::io::ErrorKind::StorageFull.into()));
            }
            self.inner.record(acts).await
        })
    }
}

#[tokio::test]
async fn l17_the_line_is_on_disk_before_the_answer_leaves() {
    let disk = Slow::disk(1);
    let vault = Vault::on(disk.clone());
    let bare = Bare::start(|came| Box::pin(async move { came.answer(&ok("", "done")).await })).await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    // One line, for the key itself.
    let key = vault.key("bare", &["* /**"]).await;
    let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
    let request = format!(
        "PUT /api/bare/lock?pin=1234 HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n",
        instance.address
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    until("the line is about to be written", async || disk.waiting.load(Ordering::SeqCst) == 2).await;
    assert_eq!(bare.heads().len(), 1, "the provider has answered");
    let mut answer = vec![0; 4096];
    let early = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut answer)).await;
    assert!(early.is_err(), "nothing has left: {early:?}");
    disk.room.add_permits(1);
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut answer)).await.expect("in time").expect("an answer");
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    let line = vault.calls().await.remove(0);
    assert_eq!((line["method"].as_str(), line["path"].as_str(), line["status"].as_u64()), (Some("PUT"), Some("/lock"), Some(200)));
    assert_eq!((line["who"].as_str(), line["account"].as_str()), (Some("key"), Some("bare")));
    assert_eq!(line["upstream"].as_str(), Some(bare.origin.as_str()));
    assert!(key.contains(line["key"].as_str().expect("a number")) && line["request"].as_str().is_some_and(|id| !id.is_empty()));
    assert_eq!(line["bytes"].as_u64(), Some(4));
    let named = format!("x-request-id: {}", line["request"].as_str().expect("a name"));
    assert!(String::from_utf8_lossy(&answer[..read]).contains(&named), "the answer, the log and the book call it the same");
}

#[tokio::test]
async fn l17_a_program_that_hangs_up_is_in_the_book_all_the_same() {
    let vault = Vault::default();
    let goes_on = Arc::new(Semaphore::new(0));
    let bare = Bare::waiting(&goes_on, ok("", "done")).await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["* /**"]).await;
    let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
    let request = format!("PUT /api/bare/lock HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\n\r\n", instance.address);
    stream.write_all(request.as_bytes()).await.expect("sent");
    until("the provider has it", async || bare.heads().len() == 1).await;
    drop(stream);
    // Long enough for the web app to see that nobody is there any more.
    tokio::time::sleep(Duration::from_millis(300)).await;
    goes_on.add_permits(1);
    until("there is a line", async || !vault.calls().await.is_empty()).await;
    let line = vault.calls().await.remove(0);
    assert_eq!((line["method"].as_str(), line["path"].as_str(), line["status"].as_u64()), (Some("PUT"), Some("/lock"), Some(200)));
}

#[tokio::test]
async fn l17_whoever_asks_for_a_token_and_hangs_up_is_in_the_book_all_the_same() {
    let vault = Vault::default();
    let goes_on = Arc::new(Semaphore::new(0));
    let token = r#"{"access_token":"new","token_type":"Bearer","expires_in":3600}"#;
    let bare = Bare::waiting(&goes_on, ok("Content-Type: application/json\r\n", token)).await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.made("bare", &[], |new| new.may_see_token = true).await.text.expose().to_owned();
    // It has ended: the provider is asked for another one.
    vault.clock_forward(4000);
    let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
    let request = format!("GET /token/bare HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\n\r\n", instance.address);
    stream.write_all(request.as_bytes()).await.expect("sent");
    until("the provider has it", async || bare.heads().len() == 1).await;
    drop(stream);
    tokio::time::sleep(Duration::from_millis(300)).await;
    goes_on.add_permits(1);
    let lines = async || vault.book().await.into_iter().filter(|line| line["act"] == "token-asked").collect::<Vec<_>>();
    until("there is a line", async || !lines().await.is_empty()).await;
    assert_eq!(lines().await[0]["status"], 200);
}

#[tokio::test]
async fn l22_what_was_begun_for_a_client_that_hung_up_is_not_begun_again() {
    let disk = Slow::disk(1);
    let vault = Vault::on(disk.clone());
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let token = token(&vault).await;
    let body = r#"{"account":"bare","allow":["GET /**"]}"#;
    let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json"), ("Idempotency-Key", "one")];
    let mut request = format!("POST /v1/keys HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", instance.address, body.len());
    headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
    let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.expect("sent");
    until("the line is about to be written", async || disk.waiting.load(Ordering::SeqCst) == 2).await;
    drop(stream);
    tokio::time::sleep(Duration::from_millis(300)).await;
    disk.room.add_permits(1);
    until("the key is made", async || keyfob_broker::keys::list(&*vault.shelf, None, vault.now()).await.is_ok_and(|keys| keys.len() == 1))
        .await;
    let again = instance.send("POST", "/v1/keys", &headers, body).await;
    assert_eq!(again.status, 201, "{}", again.text());
    assert_eq!(keyfob_broker::keys::list(&*vault.shelf, None, vault.now()).await.expect("the shelf").len(), 1);
}

#[tokio::test]
async fn l17_what_has_no_line_is_not_done_and_what_is_done_is_not_denied() {
    let disk = Slow::disk(Semaphore::MAX_PERMITS);
    let vault = Vault::on(disk.clone());
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let token = token(&vault).await;
    let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
    let send = async |method: &str, target: &str, body: &str| instance.send(method, target, &headers, body).await;
    let count = async |target: &str| send("GET", target, "").await.json()["items"].as_array().expect("a list").len();
    let nouns = [
        ("/v1/webhooks", r#"{"url":"https://receiver.example/hook"}"#),
        ("/v1/connect-links", r#"{"provider":"bare","account":"bare/guest"}"#),
    ];
    for (nouns, body) in nouns {
        disk.full.store(true, Ordering::SeqCst);
        let made = send("POST", nouns, body).await;
        assert_eq!((made.status, made.code().as_str()), (503, "book"), "{nouns}");
        assert_eq!(count(nouns).await, 0, "{nouns}: nothing was done");
        disk.full.store(false, Ordering::SeqCst);
        let made = send("POST", nouns, body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let one = format!("{nouns}/{}", made.json()["id"].as_str().expect("a number"));
        disk.full.store(true, Ordering::SeqCst);
        assert_eq!(send("DELETE", &one, "").await.code(), "book");
        assert_eq!(count(nouns).await, 1, "{nouns}: nothing was done");
        disk.full.store(false, Ordering::SeqCst);
        assert_eq!(send("DELETE", &one, "").await.status, 200);
        assert_eq!(count(nouns).await, 0);
    }
    disk.full.store(true, Ordering::SeqCst);
    let gone = send("DELETE", "/v1/accounts/bare", "").await;
    assert_eq!((gone.status, gone.code().as_str()), (503, "book"));
    assert!(gone.text().contains("It was done all the same.") && !gone.text().contains("Nothing was done"), "{}", gone.text());
    assert_eq!(send("GET", "/v1/accounts/bare", "").await.status, 404);
}

/// What a program of the owner's sends along. It costs a line.
async fn token(vault: &Vault) -> String {
    let now = vault.now();
    let owner = serde_json::json!({"id": "owner", "name": "Owner", "role": "owner", "created": now, "seen": now});
    let owner = Item::new("owner", owner.to_string().into_bytes());
    vault.shelf.put_item(Kind("person"), &owner, Expected::Anything).await.expect("the shelf");
    let made = keyfob_broker::api::token::create(&*vault.shelf, "owner", "an app", None, keyfob_broker::Who::Command, now).await;
    format!("Bearer {}", made.expect("a token").text.expose())
}

#[tokio::test]
async fn l17_without_the_book_nothing_is_answered_and_nothing_more_is_done() {
    let disk = Slow::disk(Semaphore::MAX_PERMITS);
    let vault = Vault::on(disk.clone());
    let bare = Bare::start(|came| Box::pin(async move { came.answer(&ok("", "canary-answer")).await })).await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["* /**"]).await;
    let seeing = vault.made("bare", &[], |new| new.may_see_token = true).await.text;
    let narrow = vault.key("bare", &["GET /y"]).await;
    assert_eq!(instance.ask(&key, "PUT", "/api/bare/x").await.status, 200);
    disk.full.store(true, Ordering::SeqCst);
    for at in 0..3 {
        let reply = instance.ask(&key, "PUT", "/api/bare/x").await;
        assert_eq!((reply.status, reply.code().as_str()), (503, "book"), "{at}");
        assert!(!reply.text().contains("canary-answer"));
        let told = if at == 0 { "It may have been done all the same." } else { "Nothing was done." };
        assert!(reply.text().contains(told), "{at}: {}", reply.text());
        let token = instance.ask(seeing.expose(), "GET", "/token/bare").await;
        assert_eq!((token.status, token.code().as_str()), (503, "book"));
        assert!(!token.text().contains(ACCESS));
    }
    // What was refused here has left for nowhere, and is not told as if it might have been done.
    for (key, method, target) in [(&narrow, "POST", "/api/bare/x"), (&narrow, "GET", "/api/bare/a;b"), (&narrow, "GET", "/token/bare")] {
        let reply = instance.ask(key, method, target).await;
        assert_eq!((reply.status, reply.code().as_str()), (503, "book"), "{target}");
        assert!(reply.text().contains("Nothing was done.") && !reply.text().contains("all the same"), "{target}: {}", reply.text());
    }
    assert_eq!(bare.heads().len(), 2, "the first one found out; after it nothing was begun");
    assert!(keyfob_broker::keys::list(&*vault.shelf, None, vault.now()).await.is_ok_and(|keys| keys.len() == 3));
    disk.full.store(false, Ordering::SeqCst);
    assert_eq!(instance.ask(&key, "PUT", "/api/bare/x").await.status, 200);
    assert!(vault.book().await.iter().any(|line| line["act"] == "resumed"), "there is a gap, and it is told");
}

#[tokio::test]
async fn l17_every_use_is_a_line_and_no_line_holds_a_secret() {
    let vault = Vault::default();
    let bare = Bare::start(|came| Box::pin(async move { came.answer(&ok(&format!("X-Echo: {ACCESS}\r\n"), ACCESS)).await })).await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["GET /users/**"]).await;
    for target in [
        "/api/bare/users/1?token=canary-query&pin=canary-pin",
        "/api/bare/users/1#canary-fragment",
        "/api/bare/admin?canary-query",
        "/api/bare/users/../canary-path",
        "/token/bare?canary-query",
    ] {
        let _ = instance.ask(&key, "GET", target).await;
    }
    instance
        .send(
            "GET",
            "/api/bare/users/2",
            &[("Authorization", &format!("Bearer {key}")), ("Cookie", "canary-cookie"), ("X-Canary", "canary-header")],
            "canary-body",
        )
        .await;
    let refused = instance.ask("kfk_nothing", "GET", "/api/bare/users/1").await;
    assert_eq!(refused.status, 401);
    let lines = vault.book().await;
    assert_eq!(lines.len(), 1 + 6, "{lines:?}");
    let whole = serde_json::to_string(&lines).expect("JSON");
    for secret in [
        ACCESS,
        REFRESH,
        CLIENT_SECRET,
        API_KEY,
        &key,
        &key[30..60],
        "canary-query",
        "canary-fragment",
        "canary-cookie",
        "canary-header",
        "canary-body",
        "canary-pin",
    ] {
        assert!(!whole.contains(secret), "{secret}: {whole}");
    }
    let statuses: Vec<_> = lines.iter().filter_map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [200, 403, 400, 403, 200, 200]);
    let refused = &lines[3 - 1];
    assert_eq!(
        (refused["path"].as_str(), refused["problem"].as_str(), refused.get("upstream")),
        (Some("/users/../canary-path"), Some("unclear-path"), None)
    );
    // Whose book it is in: the account's owner's.
    let mine = vault.shelf.acts(Some("owner"), None, 100).await.expect("the book");
    assert_eq!(mine.len(), lines.len());
    assert!(vault.shelf.acts(Some("somebody"), None, 100).await.expect("the book").is_empty());
}

#[tokio::test]
async fn a_note_of_a_use_that_panics_keeps_no_other_one_back() {
    let disk = Slow::disk(Semaphore::MAX_PERMITS);
    let vault = Vault::on(disk.clone());
    let bare = Bare::start(|came| Box::pin(async move { came.answer(&ok("", "done")).await })).await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let keys = [vault.key("bare", &["* /**"]).await, vault.key("bare", &["* /**"]).await];
    disk.breaks.store(true, Ordering::SeqCst);
    assert_eq!(instance.ask(&keys[0], "GET", "/api/bare/x").await.status, 200, "nobody waits for a note");
    until("it panicked", async || !disk.breaks.load(Ordering::SeqCst)).await;
    until("the other's use is noted", async || {
        vault.clock_forward(61);
        assert_eq!(instance.ask(&keys[1], "GET", "/api/bare/x").await.status, 200);
        let kept = keyfob_broker::keys::list(&*vault.shelf, None, vault.now()).await.expect("the shelf");
        kept.iter().any(|key| keys[1].contains(&key.id) && key.last_used_at.is_some())
    })
    .await;
}

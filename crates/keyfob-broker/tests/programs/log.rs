//! Whoever has nothing but the `request_id` of an answer finds it: in the book, or in the log.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{Stored, Versioned};
use keyfob_store::shelf::{Item, Kind};
use keyfob_store::{MemoryShelf, Shelf};

use crate::support::front::{Front, Hooks};
use crate::support::gate::{Bare, Instance, Reply, Vault, ok};

/// What is logged, at the level that programs have it at unless somebody wants more.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Those of all that this program tests. A subscriber of one thread's would miss what another thread, which has none, logs first: `tracing` remembers that
    /// nobody wanted that.
    fn of_all() -> Self {
        static LINES: LazyLock<Lines> = LazyLock::new(|| {
            let lines = Lines::default();
            let writer = lines.clone();
            let log = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_max_level(tracing::Level::INFO)
                .with_writer(move || writer.clone())
                .finish();
            tracing::subscriber::set_global_default(log).expect("no other one");
            // What was logged between the two steps of that.
            tracing::callsite::rebuild_interest_cache();
            lines
        });
        LINES.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("the log")).into_owned()
    }

    /// The lines about the request that was answered like this.
    fn about(&self, reply: &Reply) -> Vec<String> {
        let id = reply.header("x-request-id").expect("a name");
        self.text().lines().filter(|line| line.contains(id)).map(str::to_owned).collect()
    }
}

/// A shelf that may be away.
#[derive(Debug, Default)]
struct Away {
    inner: MemoryShelf,
    is_away: AtomicBool,
}

impl Hooks for Away {
    fn behind(&self) -> &dyn Shelf {
        &self.inner
    }

    fn item<'a>(&'a self, kind: Kind, id: &'a str, now: Timestamp) -> Stored<'a, Option<Versioned<Item>>> {
        if self.is_away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::Io("the disk is gone".to_owned(), std::io::ErrorKind::NotFound.into())) });
        }
        self.inner.item(kind, id, now)
    }
}

#[tokio::test]
async fn what_is_not_in_the_book_is_in_the_log_with_its_code() {
    let lines = Lines::of_all();
    let shelf = Arc::new(Front(Away::default()));
    let vault = Vault::on(shelf.clone());
    let bare = Bare::start(|came| Box::pin(async move { came.answer(&ok("", "done")).await })).await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let made = vault.made("bare", &["GET /x"], |new| new.may_see_token = true).await;
    let (id, key) = (made.key.id.as_str(), made.text.expose());
    let bearer = ("Authorization", &*format!("Bearer {key}"));
    let in_url = format!("/api/bare/x?key={key}");
    let large = "x".repeat(40_000);
    for (target, headers, status, code) in [
        ("/api/bare/x", vec![], 401, "key-missing"),
        ("/token/bare", vec![bearer, ("X-Keyfob-Key", key)], 400, "two-keys"),
        (&in_url, vec![], 400, "key-in-url"),
        ("/api/bare/x", vec![bearer, ("Upgrade", "websocket")], 501, "upgrade"),
        ("/token/bare", vec![bearer, ("X-Large", &large)], 431, "head-too-large"),
        ("/token/other", vec![bearer], 404, "not-found"),
    ] {
        let reply = instance.send("GET", target, &headers, "").await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        let about = lines.about(&reply);
        let [line] = about.as_slice() else { panic!("{code}: {about:?}") };
        assert!(line.contains(&format!("code=\"{code}\"")) && line.contains("refused"), "{line}");
        assert!(line.trim_start().contains(if status < 500 { " INFO " } else { " WARN " }), "{line}");
        assert_eq!(line.contains(id), code == "key-in-url", "{line}");
    }
    let elsewhere = format!("GET /token/bare HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n");
    let elsewhere = instance.raw(elsewhere.as_bytes()).await.expect("an answer");
    assert_eq!((elsewhere.status, lines.about(&elsewhere).len()), (421, 1));
    // What the book has is not in the log as well, but for what no rule allows.
    for (method, target, status, logged) in
        [("GET", "/api/bare/x", 200, 0), ("TRACE", "/api/bare/x", 405, 0), ("GET", "/api/bare/y", 403, 1), ("GET", "/token/bare", 200, 0)]
    {
        let reply = instance.send(method, target, &[bearer], "").await;
        let request = reply.header("x-request-id");
        assert!(vault.book().await.iter().any(|line| line["request"].as_str() == request), "{target}");
        assert_eq!((reply.status, lines.about(&reply).len()), (status, logged), "{method} {target}: {:?}", lines.about(&reply));
    }
    // One that the web app has not read yet.
    let unread = vault.key("bare", &["GET /x"]).await;
    shelf.is_away.store(true, Ordering::SeqCst);
    let reply = instance.ask(&unread, "GET", "/api/bare/x").await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "shelf"));
    let about = lines.about(&reply);
    assert!(about.len() == 1 && about[0].contains(" WARN ") && about[0].contains("the disk is gone"), "{about:?}");
    assert!(!lines.text().contains(&key[26..]), "nothing of what opens is in the log");
}

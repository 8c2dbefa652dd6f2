//! From the history to messages, where much happens at once and the shelf is slow.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyfob::history::Event;
use keyfob::proto::Origin;
use keyfob::store::{Expected, Generation, Stored};
use keyfob::{Account, Clock as _, Store as _, StoreError};
use keyfob_store::shelf::{Item, Kind};
use keyfob_store::{MemoryShelf, Shelf};
use serde_json::json;

use super::Program;
use super::support::front::{Front, Hooks};
use super::support::{Setup, World, shelves};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What happens at once: more than a follower that begins again reads twice.
const MANY: usize = 700;

/// A shelf that takes its time for each new message, and fails at one of them.
#[derive(Debug, Default)]
struct Slow {
    behind: MemoryShelf,
    asked: AtomicUsize,
    told: Mutex<BTreeSet<String>>,
}

impl Hooks for Slow {
    fn behind(&self) -> &dyn Shelf {
        &self.behind
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        Box::pin(async move {
            if (kind, expected) != (Kind("message"), Expected::Nothing) {
                return self.behind.put_item(kind, item, expected).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            if self.asked.fetch_add(1, Ordering::Relaxed) == 200 {
                return Err(StoreError::Io("the disk fails".to_owned(), std::io::ErrorKind::Other.into()));
            }
            let put = self.behind.put_item(kind, item, expected).await;
            self.told.lock().expect("the list").insert(item.id.clone());
            put
        })
    }
}

/// What was the newest a while ago may not have been told yet: how far the history was read is how far it was told.
#[tokio::test]
async fn who_follows_from_afar_and_stumbles_leaves_nothing_out() {
    let slow = std::sync::Arc::new(Front(Slow::default()));
    let webhook_origins = vec![Origin::parse(NOWHERE).expect("an origin")];
    let place = Some(shelves::of(slow.clone()));
    let world = World::with(&["netatmo"], Setup { known: true, place, webhook_origins, ..Setup::default() }).await;
    let program = Program::of(&world, "owner").await;
    assert_eq!(program.post("/v1/webhooks", &json!({"url": format!("{NOWHERE}/hook")})).await.status, 201);
    tokio::time::pause();
    let keyfob = world.keyfob();
    for number in 0..MANY {
        let account: Account = serde_json::from_value(json!({
            "id": format!("{number:032x}"), "name": format!("netatmo/{number}"), "provider": "netatmo", "client_id": "example",
            "kept": {}, "origins": [], "requested_scopes": [], "tolerated": [], "logged_in_at": world.clock.now(), "health": {"state": "ok"},
            "tokens": {"kind": "oauth2", "access": "a", "refresh": "r", "received_at": 0, "expires_at": null, "scopes": []},
        }))
        .expect("an account as it rests");
        let entry = keyfob.entry(&account, Event::LoggedIn { received: None, imported: false });
        world.store.put_account(&account, Expected::Nothing, Some(&entry)).await.expect("put");
    }
    let told = || slow.told.lock().expect("the list").len();
    let begun = tokio::time::Instant::now();
    while told() < MANY && begun.elapsed() < Duration::from_secs(3600) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(told(), MANY);
}

//! What the tests of the vault share: records full of canaries, and a place to keep them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::future::Future;
use std::path::PathBuf;

use keyfob::history::{Actor, Entry, Event, Fingerprint};
use keyfob::proto::{App, Secret, Timestamp};
use keyfob::{Account, PendingLogin, StoreError};
use keyfob_store::{KeySource, Vault};
use serde_json::json;
use tempfile::TempDir;

/// When the pending logins of these tests began, and when they end.
pub const BEGAN: i64 = 1_800_000_000;
pub const ENDS: i64 = BEGAN + 600;

/// What nobody may find in a file. Each names what it is.
pub const CANARIES: &[&str] = &[
    "canary-access-token-4c1f",
    "canary-refresh-token-9d2e",
    "canary-oauth1-token-77aa",
    "canary-oauth1-secret-81bb",
    "canary-client-secret-3f90",
    "canary-api-key-5ce2",
    "canary-state-e3c0d1f2",
    "canary-verifier-a8b7c6d5",
    "canary-temporary-token-6e5d",
    "canary-temporary-secret-2b1a",
    "canary-binding-c0ffee12",
    // No secrets, and still nobody's business.
    "canary-provider",
    "canary-label",
    "canary-user-id-31337",
];

/// A folder for a test; the vault is to be in `keyfob/` inside, which is not there yet.
pub struct Home(TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn root(&self) -> PathBuf {
        self.0.path().canonicalize().expect("it is there")
    }

    pub fn folder(&self) -> PathBuf {
        self.root().join("keyfob")
    }

    pub fn vault(&self) -> PathBuf {
        self.folder().join(Vault::FILE_NAME)
    }

    pub fn key(&self) -> PathBuf {
        self.folder().join(KeySource::FILE_NAME)
    }

    pub fn open(&self) -> Vault {
        self.try_open().expect("the vault opens")
    }

    pub fn try_open(&self) -> Result<Vault, StoreError> {
        Vault::open(&self.vault(), KeySource::beside(&self.vault()))
    }

    /// The database, past the vault.
    pub fn sql(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.vault()).expect("SQLite opens it");
        connection.busy_timeout(std::time::Duration::from_secs(5)).expect("SQLite waits");
        connection.execute_batch("PRAGMA synchronous = OFF").expect("SQLite hurries");
        connection
    }

    /// What an earlier version would have left of it: tables and indexes are known by the text that made them.
    pub fn go_back_to(&self, version: u32) {
        let first = include_str!("../../migrations/sqlite/001_vault.sql").split("\n\n");
        let mut back: String = first.filter(|statement| statement.contains("INDEX account_due")).collect();
        for (last_without, table) in [(2, "due"), (1, "item"), (1, "act")] {
            if version <= last_without {
                back.push_str(&format!("DROP TABLE {table};"));
            }
        }
        self.sql().execute_batch(&format!("BEGIN; {back} PRAGMA user_version = {version}; COMMIT")).expect("goes back");
    }
}

/// Runs one future to its end.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// What a failed call failed with.
pub fn error<T>(result: Result<T, StoreError>) -> StoreError {
    result.err().expect("it is refused")
}

pub fn app() -> App {
    let mut app = App::confidential("example-client-id", "canary-client-secret-3f90");
    app.redirect_uri = Some("http://127.0.0.1:8400/callback".to_owned());
    app.fields.insert("api_key".to_owned(), Secret::new("canary-api-key-5ce2"));
    app
}

/// The shapes of records as they rest are part of the format: written out here, so that a change of them shows.
pub fn oauth2_account(name: &str) -> Account {
    let tokens = json!({
        "kind": "oauth2", "access": "canary-access-token-4c1f", "refresh": "canary-refresh-token-9d2e",
        "received_at": BEGAN, "expires_at": BEGAN + 3600, "scopes": ["read", "write"]
    });
    account(name, &tokens)
}

pub fn oauth1_account(name: &str) -> Account {
    account(name, &json!({ "kind": "oauth1", "token": "canary-oauth1-token-77aa", "secret": "canary-oauth1-secret-81bb" }))
}

/// One that can be refreshed in the background: its tokens came at `received_at`, and last an hour.
pub fn healthy_account(name: &str, received_at: i64) -> Account {
    let tokens = json!({
        "kind": "oauth2", "access": "canary-access-token-4c1f", "refresh": "canary-refresh-token-9d2e",
        "received_at": received_at, "expires_at": received_at + 3600, "scopes": ["read", "write"]
    });
    let mut account = account(name, &tokens);
    account.health = keyfob::Health::Ok;
    account
}

/// An entry of its history, told from others by its number.
pub fn entry(account: &Account, number: u32) -> Entry {
    let by = Actor { host: "example-host".to_owned(), pid: number, program: "test".to_owned(), instance: None, kernel: None };
    let received = Some(Fingerprint::of(&Secret::new(format!("canary-refresh-token-9d2e-{number}"))));
    Entry::new(account, Timestamp::from_unix(BEGAN + i64::from(number)), by, Event::LoggedIn { received, imported: false })
}

fn account(name: &str, tokens: &serde_json::Value) -> Account {
    let id = keyfob::AccountId::random();
    serde_json::from_value(json!({
        "id": id, "name": name, "provider": "canary-provider", "client_id": "example-client-id", "tokens": tokens,
        "kept": { "user_id": "canary-user-id-31337" }, "origins": ["https://api.example.org"], "requested_scopes": ["read"],
        "tolerated": [], "health": { "state": "needs-login", "reason": "told to", "since": BEGAN }, "logged_in_at": BEGAN
    }))
    .expect("an account as it rests")
}

pub fn oauth2_pending(state: &str) -> PendingLogin {
    pending(&json!({
        "kind": "oauth2", "state": state, "verifier": "canary-verifier-a8b7c6d5", "redirect_uri": "http://127.0.0.1:8400/callback",
        "scopes": ["read"], "client_id": "example-client-id", "token_endpoint": "https://api.example.org/token", "issuer": null,
        "iss_required": false, "redirect_fragment": false, "keep": [], "created_at": BEGAN
    }))
}

pub fn oauth1_pending(token: &str) -> PendingLogin {
    pending(&json!({
        "kind": "oauth1",
        "issued": {
            "token": token, "secret": "canary-temporary-secret-2b1a", "consumer_key": "example-consumer-key",
            "access_token_url": "https://api.example.org/token"
        },
        "callback": null, "denial_without_verifier": false, "keep": [], "tolerated": [], "created_at": BEGAN
    }))
}

fn pending(pending: &serde_json::Value) -> PendingLogin {
    serde_json::from_value(json!({ "provider": "canary-provider", "account": "canary-provider/canary-label", "requested_scopes": ["read"], "pending": pending }))
        .expect("a pending login as it rests")
}

/// Equal, secrets included.
#[track_caller]
pub fn assert_same<T: serde::Serialize>(found: &T, expected: &T) {
    let text = |value| serde_json::to_string(value).expect("it is made to be stored");
    assert_eq!(text(found), text(expected));
}

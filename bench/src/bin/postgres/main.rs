//! The vault in PostgreSQL, beside bare PostgreSQL: `cargo run --release -p keyfob-bench --bin postgres [read | write | due [ACCOUNTS]]`.
//!
//! A temporary cluster with fsync on, over its unix socket. Vault and bare statement take turns, so that what else the machine does meets both.

mod due;
mod read;
mod stub;
mod write;

use std::time::Duration;

use keyfob::Account;
use keyfob::proto::Secret;
use keyfob_store::{KeySource, PostgresVault};
use keyfob_testbed::{Cluster, Options};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some([url, origin]) = words.strip_prefix(&["worker".to_owned()]).and_then(|rest| <&[String; 2]>::try_from(rest).ok()) {
        return due::work(url, origin);
    }
    let settings = [("shared_buffers", "1GB"), ("max_wal_size", "4GB")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = Options { settings: settings.to_vec(), ..Options::default() };
    let Some(cluster) = Cluster::start(&options) else { return };
    let is_wanted = |name: &str| words.first().is_none_or(|word| word == name);
    if is_wanted("read") {
        read::run(&cluster.database());
    }
    if is_wanted("write") {
        write::run(&cluster.database());
    }
    if is_wanted("due") {
        let accounts = words.get(1).map_or(1_000_000, |word| word.parse().expect("a number of accounts"));
        due::run(&cluster.database(), accounts);
    }
}

async fn vault(url: &str, pool: usize) -> PostgresVault {
    let key = KeySource::Text(Secret::new("07".repeat(32)));
    PostgresVault::open(&Secret::new(format!("{url}&pool={pool}")), key).await.expect("the vault opens")
}

async fn bare(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}

/// An account as a provider with short tokens would have it.
fn account(name: &str, refresh: &str, received_at: i64, origin: &str) -> Account {
    let id = keyfob::AccountId::random();
    let tokens = json!({
        "kind": "oauth2", "access": "a".repeat(200), "refresh": refresh, "received_at": received_at, "expires_at": received_at + 3600,
        "scopes": ["read", "write"]
    });
    let account = json!({
        "id": id, "name": name, "provider": "example", "client_id": "example-client-id", "tokens": tokens, "kept": {},
        "origins": [origin], "requested_scopes": ["read"], "tolerated": [], "health": { "state": "ok" },
        "logged_in_at": received_at
    });
    serde_json::from_value(account).expect("an account as it rests")
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn all_threads() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// The middle one of several rounds.
fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

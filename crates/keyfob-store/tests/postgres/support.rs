//! A vault in a database of its own, and a way past it.

use std::sync::Arc;

use keyfob::proto::Secret;
use keyfob::{Store, StoreError};
use keyfob_store::{KeySource, PostgresVault, Shelf};
use keyfob_testbed::{Cluster, Database};

use crate::contract::Fresh;
use crate::shelf::Shelves;

/// Two vaults on one database, as two machines would have it open.
pub(crate) async fn fresh() -> Option<Fresh> {
    let database = Cluster::shared()?.database();
    let (store, other): (Arc<dyn Store>, Arc<dyn Store>) = (Arc::new(open(&database.url()).await), Arc::new(open(&database.url()).await));
    Some(Fresh { store, other, keep: Box::new(database) })
}

/// The same, as a shelf.
pub(crate) async fn fresh_shelf() -> Option<Shelves> {
    let database = Cluster::shared()?.database();
    let (shelf, other): (Arc<dyn Shelf>, Arc<dyn Shelf>) = (Arc::new(open(&database.url()).await), Arc::new(open(&database.url()).await));
    Some(Shelves { shelf, other, keep: Box::new(database) })
}

pub(crate) async fn open(url: &str) -> PostgresVault {
    try_open(url).await.expect("the vault opens")
}

pub(crate) async fn try_open(url: &str) -> Result<PostgresVault, StoreError> {
    PostgresVault::open(&Secret::new(url), key(1)).await
}

/// The same on every machine.
pub(crate) fn key(number: u8) -> KeySource {
    KeySource::Text(Secret::new(format!("{number:02x}").repeat(32)))
}

/// A database with a vault in it.
pub(crate) async fn vault() -> Option<(Database<'static>, PostgresVault)> {
    let database = Cluster::shared()?.database();
    let vault = open(&database.url()).await;
    Some((database, vault))
}

/// The database, past the vault.
pub(crate) async fn past(database: &Database<'_>) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.expect("connects");
    tokio::spawn(connection);
    // Its edits need not be on the disk.
    client.batch_execute("SET synchronous_commit = off").await.expect("sets");
    client
}

/// What an error says, in every way it can be shown.
pub(crate) fn shown(error: &StoreError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}\n{error:?}\n{source}")
}
